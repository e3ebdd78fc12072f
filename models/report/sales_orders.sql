-- title: Sales orders
-- question: Which orders are behind a figure?
-- group: rows
-- place: 1
-- chart: table
-- uses: sales
-- column: sales_order_id key order
-- column: created_date date created
-- column: counterparty label
-- column: design label
-- column: units count
-- column: unit_price money(order_currency) unit price
-- column: order_currency currency order's currency
-- column: amount money(currency)
-- column: currency currency
-- column: country label
-- column: city label
-- column: department label
-- column: staff label
-- column: agreed_delivery_date date delivery agreed
-- column: agreed_payment_date date payment agreed
-- drill: sales_order_history key=sales_order_id
select sales_order_id, created_date, counterparty, design, units, unit_price, order_currency, amount, currency, country, city,
       department, staff, agreed_delivery_date, agreed_payment_date
from sales
order by created_date desc, sales_order_id desc
