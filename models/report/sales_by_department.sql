-- title: Revenue by department
-- question: Which departments sell?
-- group: sales
-- place: 8
-- chart: ranking x=department y=revenue by=currency
-- uses: sales
-- column: department label
-- column: currency currency
-- column: orders count
-- column: revenue money(currency)
-- column: position count
-- drill: sales_orders department=department currency=currency
select department, currency, count(*) as orders, sum(amount) as revenue,
       row_number() over (partition by currency order by sum(amount) desc, department) as position
from sales
group by department, currency
order by position, currency
