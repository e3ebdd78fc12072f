-- uses: payments_now
-- What the payments of each purchase order add up to, by currency; refunds are taken off.
select t.purchase_order_id, c.currency_code as currency,
       sum(cast(case when y.payment_type_name = 'PURCHASE_REFUND' then -f.payment_amount else f.payment_amount end
                as decimal(18, 2))) as amount
from payments_now f
join dim_transaction t on t.transaction_id = f.transaction_id
join dim_payment_type y on y.payment_type_id = f.payment_type_id
join dim_currency c on c.currency_id = f.currency_id
group by t.purchase_order_id, c.currency_code
