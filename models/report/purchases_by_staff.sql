-- title: Purchases by buyer
-- question: Who buys, and for how much?
-- group: purchases
-- place: 4
-- chart: ranking x=staff y=spent by=currency
-- uses: purchases
-- column: staff label
-- column: currency currency
-- column: orders count
-- column: spent money(currency)
-- column: position count
-- drill: purchase_orders staff=staff currency=currency
select staff, currency, count(*) as orders, sum(amount) as spent,
       row_number() over (partition by currency order by sum(amount) desc, staff) as position
from purchases
group by staff, currency
order by position, currency
