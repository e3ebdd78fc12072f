-- title: Sales
-- question: How much did we sell, in how many orders, and how large is one?
-- group: summary
-- place: 1
-- chart: figure x=currency y=revenue
-- uses: sales
-- column: currency currency
-- column: revenue money(currency)
-- column: orders count
-- column: average_order money(currency)
-- column: units count
-- drill: sales_orders currency=currency
-- The average is exact to the cent, rounded half up, by whole numbers: DuckDB divides decimals as floating point.
select currency, sum(amount) as revenue, count(*) as orders,
       case when count(amount) > 0 then cast(((2 * cast(sum(amount) * 100 as bigint) + count(amount)) - (2 * cast(sum(amount) * 100 as bigint) + count(amount)) % (2 * count(amount))) / (2 * count(amount)) as decimal(18, 0)) * 0.01 end as average_order,
       sum(cast(units as bigint)) as units
from sales
group by currency
order by currency
