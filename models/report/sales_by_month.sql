-- title: Revenue by month
-- question: How much do we sell each month, and in which currency?
-- group: sales
-- place: 1
-- chart: bar x=month y=revenue by=currency
-- uses: sales
-- column: month month
-- column: currency currency
-- column: orders count
-- column: revenue money(currency)
-- drill: sales_orders month=month currency=currency
select month, currency, count(*) as orders, sum(amount) as revenue
from sales
group by month, currency
order by month, currency
