-- title: Purchases
-- question: How much did we buy, in how many orders, and how large is one?
-- group: summary
-- place: 2
-- chart: figure x=currency y=spent
-- uses: purchases
-- column: currency currency
-- column: spent money(currency)
-- column: orders count
-- column: average_order money(currency)
-- column: units count
-- drill: purchase_orders currency=currency
-- The average is exact to the cent, rounded half up, by whole numbers: DuckDB divides decimals as floating point.
select currency, sum(amount) as spent, count(*) as orders,
       case when count(amount) > 0 then cast(((2 * cast(sum(amount) * 100 as bigint) + count(amount)) - (2 * cast(sum(amount) * 100 as bigint) + count(amount)) % (2 * count(amount))) / (2 * count(amount)) as decimal(18, 0)) * 0.01 end as average_order,
       sum(cast(units as bigint)) as units
from purchases
group by currency
order by currency
