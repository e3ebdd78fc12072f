-- title: Payments
-- question: What was received and paid, and what do we still expect and owe?
-- group: summary
-- place: 3
-- chart: figure x=currency y=received
-- uses: payments
-- column: currency currency
-- column: received money(currency)
-- column: receivable money(currency)
-- column: paid money(currency)
-- column: payable money(currency)
-- column: payments count
-- column: payments_due count payments due
-- drill: payments currency=currency
select currency,
       coalesce(sum(case when direction = 'in' and paid then amount end), 0.00) as received,
       coalesce(sum(case when direction = 'in' and not paid then amount end), 0.00) as receivable,
       coalesce(sum(case when direction = 'out' and paid then amount end), 0.00) as paid,
       coalesce(sum(case when direction = 'out' and not paid then amount end), 0.00) as payable,
       count(*) as payments, sum(case when not paid then 1 else 0 end) as payments_due
from payments
group by currency
order by currency
