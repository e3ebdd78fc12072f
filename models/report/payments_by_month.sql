-- title: Payments by month
-- question: How much was paid, and how much falls due, each month in each direction?
-- group: payments
-- place: 1
-- chart: bar x=month y=made by=direction
-- uses: payments
-- column: month month
-- column: direction label
-- column: currency currency
-- column: made money(currency)
-- column: due money(currency)
-- column: payments count
-- drill: payments month=month direction=direction currency=currency
select month, direction, currency, coalesce(sum(case when paid then amount end), 0.00) as made,
       coalesce(sum(case when not paid then amount end), 0.00) as due, count(*) as payments
from payments
group by month, direction, currency
order by month, direction, currency
