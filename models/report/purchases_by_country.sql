-- title: Purchases by country
-- question: Where are the goods that we buy delivered?
-- group: purchases
-- place: 3
-- chart: ranking x=country y=spent by=currency
-- uses: purchases
-- column: country label
-- column: currency currency
-- column: orders count
-- column: spent money(currency)
-- column: position count
-- drill: purchase_orders country=country currency=currency
select country, currency, count(*) as orders, sum(amount) as spent,
       row_number() over (partition by currency order by sum(amount) desc, country) as position
from purchases
group by country, currency
order by position, currency
