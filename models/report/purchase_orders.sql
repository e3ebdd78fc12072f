-- title: Purchase orders
-- question: Which purchase orders are behind a figure?
-- group: rows
-- place: 2
-- chart: table
-- uses: purchases
-- column: purchase_order_id key order
-- column: created_date date created
-- column: counterparty label
-- column: item_code label item
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
-- drill: purchase_order_history key=purchase_order_id
select purchase_order_id, created_date, counterparty, item_code, units, unit_price, order_currency, amount, currency, country, city,
       department, staff, agreed_delivery_date, agreed_payment_date
from purchases
order by created_date desc, purchase_order_id desc
