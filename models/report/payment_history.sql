-- title: History of a payment
-- question: What did one payment look like, and when did it change?
-- group: history
-- place: 4
-- chart: table
-- column: batch_id count batch
-- column: valid_from instant from
-- column: valid_to instant to
-- column: deleted flag
-- column: paid flag
-- column: payment_date date date
-- column: amount money(currency)
-- column: currency currency
-- column: payment_type label type
-- column: counterparty label
-- column: last_updated_date date last updated
-- bundle: no
select f.batch_id, f.valid_from, f.valid_to, f.deleted, f.paid, f.payment_date,
       cast(f.payment_amount as decimal(18, 2)) as amount, c.currency_code as currency, y.payment_type_name as payment_type,
       p.counterparty_legal_name as counterparty, f.last_updated_date
from fact_payment_history f
join dim_currency c on c.currency_id = f.currency_id
join dim_payment_type y on y.payment_type_id = f.payment_type_id
join dim_counterparty p on p.counterparty_id = f.counterparty_id
where f.payment_id = cast(:key as integer)
order by f.batch_id
