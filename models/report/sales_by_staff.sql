-- title: Revenue by seller
-- question: Who sells most?
-- group: sales
-- place: 7
-- chart: ranking x=staff y=revenue by=currency
-- uses: sales
-- column: staff label
-- column: currency currency
-- column: orders count
-- column: revenue money(currency)
-- column: position count
-- drill: sales_orders staff=staff currency=currency
select staff, currency, count(*) as orders, sum(amount) as revenue,
       row_number() over (partition by currency order by sum(amount) desc, staff) as position
from sales
group by staff, currency
order by position, currency
