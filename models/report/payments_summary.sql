-- title: Payments
-- question: What was paid, what is still due, and in which direction?
-- group: summary
-- place: 3
-- chart: figure x=currency y=made by=direction
-- uses: payments
-- column: direction label
-- column: currency currency
-- column: made money(currency)
-- column: due money(currency)
-- column: payments_made count payments made
-- column: payments_due count payments due
-- drill: payments currency=currency direction=direction
select direction, currency, coalesce(sum(case when paid then amount end), 0.00) as made,
       coalesce(sum(case when not paid then amount end), 0.00) as due,
       sum(case when paid then 1 else 0 end) as payments_made, sum(case when not paid then 1 else 0 end) as payments_due
from payments
group by direction, currency
order by direction, currency
