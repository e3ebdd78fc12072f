-- title: Totals that do not agree
-- question: Where do an order and its payments name different amounts or currencies?
-- group: quality
-- place: 4
-- chart: table
-- uses: sales purchases sales_paid purchases_paid
-- column: document label
-- column: key key
-- column: created_date date created
-- column: counterparty label
-- column: order_currency currency order's currency
-- column: order_amount money(order_currency) order's amount
-- column: payment_currency currency payments' currency
-- column: payment_amount money(payment_currency) payments' amount
select document, key, created_date, counterparty, order_currency, order_amount, payment_currency, payment_amount
from (select 'sales order' as document, o.sales_order_id as key, o.created_date, o.counterparty, o.order_currency,
             cast(o.units * o.unit_price as decimal(18, 2)) as order_amount, paid.currency as payment_currency,
             paid.amount as payment_amount
      from sales o
      join sales_paid paid on paid.sales_order_id = o.sales_order_id
      union all
      select 'purchase order', o.purchase_order_id, o.created_date, o.counterparty, o.order_currency,
             cast(o.units * o.unit_price as decimal(18, 2)), paid.currency, paid.amount
      from purchases o
      join purchases_paid paid on paid.purchase_order_id = o.purchase_order_id) q
where order_currency <> payment_currency or order_amount <> payment_amount
order by document, key
