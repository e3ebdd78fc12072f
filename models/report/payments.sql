-- title: Payments
-- question: Which payments are behind a figure?
-- group: rows
-- place: 3
-- chart: table
-- uses: payments
-- column: payment_id key payment
-- column: payment_date date date
-- column: direction label
-- column: payment_type label type
-- column: paid flag
-- column: amount money(currency)
-- column: currency currency
-- column: counterparty label
-- column: sales_order_id key sales order
-- column: purchase_order_id key purchase order
-- drill: payment_history key=payment_id
select payment_id, payment_date, direction, payment_type, paid, amount, currency, counterparty, sales_order_id, purchase_order_id
from payments
where (cast(:direction as varchar) is null or direction = cast(:direction as varchar))
  and (cast(:paid as varchar) is null or case when paid then 'yes' else 'no' end = cast(:paid as varchar))
order by payment_date desc, payment_id desc
