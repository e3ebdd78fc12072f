-- title: Revenue by design
-- question: Which designs sell, and how many units of them?
-- group: sales
-- place: 5
-- chart: ranking x=design y=revenue by=currency
-- uses: sales
-- column: design label
-- column: currency currency
-- column: orders count
-- column: units count
-- column: revenue money(currency)
-- column: position count
-- drill: sales_orders design=design currency=currency
select design, currency, count(*) as orders, sum(cast(units as bigint)) as units, sum(amount) as revenue,
       row_number() over (partition by currency order by sum(amount) desc, design) as position
from sales
group by design, currency
order by position, currency
