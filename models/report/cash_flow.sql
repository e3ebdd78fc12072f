-- title: Cash flow by month
-- question: Does more money come in than go out?
-- group: payments
-- place: 2
-- chart: line x=month y=net by=currency
-- uses: payments
-- column: month month
-- column: currency currency
-- column: received money(currency)
-- column: paid_out money(currency) paid out
-- column: net money(currency)
-- drill: payments month=month currency=currency paid=:yes
select month, currency, coalesce(sum(case when direction = 'in' then amount end), 0.00) as received,
       coalesce(sum(case when direction = 'out' then amount end), 0.00) as paid_out,
       coalesce(sum(case when direction = 'in' then amount else -amount end), 0.00) as net
from payments
where paid
group by month, currency
order by month, currency
