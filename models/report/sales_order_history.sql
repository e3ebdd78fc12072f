-- title: History of a sales order
-- question: What did one order look like, and when did it change?
-- group: history
-- place: 2
-- chart: table
-- column: batch_id count batch
-- column: valid_from instant from
-- column: valid_to instant to
-- column: deleted flag
-- column: units count
-- column: unit_price money(currency) unit price
-- column: amount money(currency)
-- column: currency currency
-- column: design label
-- column: counterparty label
-- column: staff label
-- column: agreed_delivery_date date delivery agreed
-- column: agreed_payment_date date payment agreed
-- column: city label
-- column: last_updated_date date last updated
-- bundle: no
select f.batch_id, f.valid_from, f.valid_to, f.deleted, f.units_sold as units, f.unit_price,
       cast(f.units_sold * f.unit_price as decimal(18, 2)) as amount, c.currency_code as currency, g.design_name as design,
       p.counterparty_legal_name as counterparty, s.first_name || ' ' || s.last_name as staff, f.agreed_delivery_date,
       f.agreed_payment_date, l.city, f.last_updated_date
from fact_sales_order_history f
join dim_currency c on c.currency_id = f.currency_id
join dim_design g on g.design_id = f.design_id
join dim_counterparty p on p.counterparty_id = f.counterparty_id
join dim_staff s on s.staff_id = f.sales_staff_id
join dim_location l on l.location_id = f.agreed_delivery_location_id
where f.sales_order_id = cast(:key as integer)
order by f.batch_id
