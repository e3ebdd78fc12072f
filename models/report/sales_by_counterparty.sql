-- title: Revenue by customer
-- question: Who are our best customers?
-- group: sales
-- place: 6
-- chart: ranking x=counterparty y=revenue by=currency
-- uses: sales
-- column: counterparty label
-- column: currency currency
-- column: orders count
-- column: revenue money(currency)
-- column: position count
-- drill: sales_orders counterparty=counterparty currency=currency
select counterparty, currency, count(*) as orders, sum(amount) as revenue,
       row_number() over (partition by currency order by sum(amount) desc, counterparty) as position
from sales
group by counterparty, currency
order by position, currency
