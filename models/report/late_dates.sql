-- title: Dates that cannot be
-- question: Which dates are in the wrong order, or later than was agreed?
-- group: quality
-- place: 1
-- chart: table
-- uses: sales_now purchases_now payments_now
-- column: problem label
-- column: document label
-- column: key key
-- column: created_date date created
-- column: other_date date the other date
-- column: counterparty label
select q.problem, q.document, q.key, q.created_date, q.other_date, p.counterparty_legal_name as counterparty
from (select 'delivery agreed before the order' as problem, 'sales order' as document, sales_order_id as key, created_date,
             agreed_delivery_date as other_date, counterparty_id
      from sales_now where agreed_delivery_date < created_date
      union all
      select 'payment agreed before the order', 'sales order', sales_order_id, created_date, agreed_payment_date, counterparty_id
      from sales_now where agreed_payment_date < created_date
      union all
      select 'changed before it was made', 'sales order', sales_order_id, created_date, last_updated_date, counterparty_id
      from sales_now where last_updated_date < created_date
      union all
      select 'delivery agreed before the order', 'purchase order', purchase_order_id, created_date, agreed_delivery_date, counterparty_id
      from purchases_now where agreed_delivery_date < created_date
      union all
      select 'payment agreed before the order', 'purchase order', purchase_order_id, created_date, agreed_payment_date, counterparty_id
      from purchases_now where agreed_payment_date < created_date
      union all
      select 'changed before it was made', 'purchase order', purchase_order_id, created_date, last_updated_date, counterparty_id
      from purchases_now where last_updated_date < created_date
      union all
      select 'paid before it was entered', 'payment', payment_id, created_date, payment_date, counterparty_id
      from payments_now where payment_date < created_date
      union all
      select 'paid later than agreed', 'payment', f.payment_id, coalesce(s.agreed_payment_date, o.agreed_payment_date),
             f.payment_date, f.counterparty_id
      from payments_now f
      join dim_transaction t on t.transaction_id = f.transaction_id
      left join sales_now s on s.sales_order_id = t.sales_order_id
      left join purchases_now o on o.purchase_order_id = t.purchase_order_id
      where f.paid and f.payment_date > coalesce(s.agreed_payment_date, o.agreed_payment_date)) q
join dim_counterparty p on p.counterparty_id = q.counterparty_id
where (cast(:from as date) is null or q.created_date >= cast(:from as date))
  and (cast(:to as date) is null or q.created_date <= cast(:to as date))
  and (cast(:counterparty as varchar) is null or p.counterparty_legal_name = cast(:counterparty as varchar))
order by q.problem, q.document, q.key
