-- title: Orders without payment
-- question: Which orders have no payment, made or expected?
-- group: quality
-- place: 3
-- chart: table
-- uses: sales purchases payments_now
-- column: document label
-- column: key key
-- column: created_date date created
-- column: counterparty label
-- column: currency currency
-- column: amount money(currency)
select document, key, created_date, counterparty, currency, amount
from (select 'sales order' as document, o.sales_order_id as key, o.created_date, o.counterparty, o.currency, o.amount
      from sales o
      where not exists (select 1 from dim_transaction t join payments_now f on f.transaction_id = t.transaction_id
                        where t.sales_order_id = o.sales_order_id)
      union all
      select 'purchase order', o.purchase_order_id, o.created_date, o.counterparty, o.currency, o.amount
      from purchases o
      where not exists (select 1 from dim_transaction t join payments_now f on f.transaction_id = t.transaction_id
                        where t.purchase_order_id = o.purchase_order_id)) q
order by document, key
