-- title: Purchases by department
-- question: Which departments buy?
-- group: purchases
-- place: 5
-- chart: ranking x=department y=spent by=currency
-- uses: purchases
-- column: department label
-- column: currency currency
-- column: orders count
-- column: spent money(currency)
-- column: position count
-- drill: purchase_orders department=department currency=currency
select department, currency, count(*) as orders, sum(amount) as spent,
       row_number() over (partition by currency order by sum(amount) desc, department) as position
from purchases
group by department, currency
order by position, currency
