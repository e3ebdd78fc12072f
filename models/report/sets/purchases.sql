-- uses: rates purchases_now
-- filters: date=created_date weekday currency=order_currency country city department staff counterparty
-- Purchase orders as they are now, with the names behind their ids. amount is null where it cannot be converted.
select f.purchase_order_id, f.created_date, cast(date_trunc('month', f.created_date) as date) as month,
       d.day_of_week as weekday, coalesce(cast(:convert as varchar), c.currency_code) as currency,
       f.item_code, f.item_quantity as units, f.item_unit_price as unit_price, c.currency_code as order_currency,
       case when cast(:convert as varchar) is null or c.currency_code = cast(:convert as varchar)
            then cast(f.item_quantity * f.item_unit_price as decimal(18, 2))
            else cast(f.item_quantity * f.item_unit_price * r.rate as decimal(18, 2)) end as amount,
       l.country, l.city, s.department_name as department, s.first_name || ' ' || s.last_name as staff,
       p.counterparty_legal_name as counterparty,
       f.agreed_delivery_date, f.agreed_payment_date, f.batch_id, f.captured_at
from purchases_now f
left join dim_date d on d.date_id = f.created_date
left join dim_currency c on c.currency_id = f.currency_id
left join dim_location l on l.location_id = f.agreed_delivery_location_id
left join dim_staff s on s.staff_id = f.staff_id
left join dim_counterparty p on p.counterparty_id = f.counterparty_id
left join rates r on r.from_currency = c.currency_code and f.created_date >= r.valid_from and f.created_date < r.valid_to
