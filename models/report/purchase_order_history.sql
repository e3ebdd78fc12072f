-- title: History of a purchase order
-- question: What did one purchase order look like, and when did it change?
-- group: history
-- place: 3
-- chart: table
-- column: batch_id count batch
-- column: valid_from instant from
-- column: valid_to instant to
-- column: deleted flag
-- column: item_code label item
-- column: units count
-- column: unit_price money(currency) unit price
-- column: amount money(currency)
-- column: currency currency
-- column: counterparty label
-- column: staff label
-- column: agreed_delivery_date date delivery agreed
-- column: agreed_payment_date date payment agreed
-- column: city label
-- column: last_updated_date date last updated
-- bundle: no
select f.batch_id, f.valid_from, f.valid_to, f.deleted, f.item_code, f.item_quantity as units, f.item_unit_price as unit_price,
       cast(f.item_quantity * f.item_unit_price as decimal(18, 2)) as amount, c.currency_code as currency,
       p.counterparty_legal_name as counterparty, s.first_name || ' ' || s.last_name as staff, f.agreed_delivery_date,
       f.agreed_payment_date, l.city, f.last_updated_date
from fact_purchase_order_history f
join dim_currency c on c.currency_id = f.currency_id
join dim_counterparty p on p.counterparty_id = f.counterparty_id
join dim_staff s on s.staff_id = f.staff_id
join dim_location l on l.location_id = f.agreed_delivery_location_id
where f.purchase_order_id = cast(:key as integer)
order by f.batch_id
