-- title: Revenue by country
-- question: Where do the goods go?
-- group: sales
-- place: 3
-- chart: ranking x=country y=revenue by=currency
-- uses: sales
-- column: country label
-- column: currency currency
-- column: orders count
-- column: revenue money(currency)
-- column: position count
-- drill: sales_orders country=country currency=currency
select country, currency, count(*) as orders, sum(amount) as revenue,
       row_number() over (partition by currency order by sum(amount) desc, country) as position
from sales
group by country, currency
order by position, currency
