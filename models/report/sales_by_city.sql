-- title: Revenue by city
-- question: Which cities do we deliver to?
-- group: sales
-- place: 4
-- chart: ranking x=city y=revenue by=currency
-- uses: sales
-- column: city label
-- column: country label
-- column: currency currency
-- column: orders count
-- column: revenue money(currency)
-- column: position count
-- drill: sales_orders city=city country=country currency=currency
select city, country, currency, count(*) as orders, sum(amount) as revenue,
       row_number() over (partition by currency order by sum(amount) desc, city, country) as position
from sales
group by city, country, currency
order by position, currency
