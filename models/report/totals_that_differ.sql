-- title: Totals that do not agree
-- question: Where do an order and its payments name different amounts or currencies?
-- group: quality
-- place: 4
-- chart: table
-- uses: sales purchases payments_now
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
      join (select t.sales_order_id, c.currency_code as currency,
                   sum(cast(case when y.payment_type_name = 'SALES_REFUND' then -f.payment_amount else f.payment_amount end
                            as decimal(18, 2))) as amount
            from payments_now f
            join dim_transaction t on t.transaction_id = f.transaction_id
            join dim_payment_type y on y.payment_type_id = f.payment_type_id
            join dim_currency c on c.currency_id = f.currency_id
            group by t.sales_order_id, c.currency_code) paid on paid.sales_order_id = o.sales_order_id
      union all
      select 'purchase order', o.purchase_order_id, o.created_date, o.counterparty, o.order_currency,
             cast(o.units * o.unit_price as decimal(18, 2)), paid.currency, paid.amount
      from purchases o
      join (select t.purchase_order_id, c.currency_code as currency,
                   sum(cast(case when y.payment_type_name = 'PURCHASE_REFUND' then -f.payment_amount else f.payment_amount end
                            as decimal(18, 2))) as amount
            from payments_now f
            join dim_transaction t on t.transaction_id = f.transaction_id
            join dim_payment_type y on y.payment_type_id = f.payment_type_id
            join dim_currency c on c.currency_id = f.currency_id
            group by t.purchase_order_id, c.currency_code) paid on paid.purchase_order_id = o.purchase_order_id) q
where order_currency <> payment_currency or order_amount <> payment_amount
order by document, key
