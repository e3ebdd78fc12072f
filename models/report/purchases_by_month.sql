-- title: Purchases by month
-- question: How much do we buy each month, and in which currency?
-- group: purchases
-- place: 1
-- chart: bar x=month y=spent by=currency
-- uses: purchases
-- column: month month
-- column: currency currency
-- column: orders count
-- column: spent money(currency)
-- drill: purchase_orders month=month currency=currency
select month, currency, count(*) as orders, sum(amount) as spent
from purchases
group by month, currency
order by month, currency
