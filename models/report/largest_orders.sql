-- title: Largest orders
-- question: Which are the ten largest orders in each currency?
-- group: sales
-- place: 9
-- chart: table
-- uses: sales
-- column: sales_order_id key order
-- column: created_date date created
-- column: counterparty label
-- column: design label
-- column: units count
-- column: currency currency
-- column: amount money(currency)
-- column: position count
-- drill: sales_order_history key=sales_order_id
select sales_order_id, created_date, counterparty, design, units, currency, amount, position
from (select s.*, row_number() over (partition by currency order by amount desc, sales_order_id) as position
      from sales s where amount is not null) ranked
where position <= 10
order by position, currency
