-- uses: rates sales_now
-- Sales orders as they are now, with the names behind their ids. amount is null where it cannot be converted.
select f.sales_order_id, f.created_date, cast(date_trunc('month', f.created_date) as date) as month,
       d.day_of_week as weekday, coalesce(cast(:convert as varchar), c.currency_code) as currency,
       f.units_sold as units, f.unit_price, c.currency_code as order_currency,
       case when cast(:convert as varchar) is null or c.currency_code = cast(:convert as varchar)
            then cast(f.units_sold * f.unit_price as decimal(18, 2))
            else cast(f.units_sold * f.unit_price * r.rate as decimal(18, 2)) end as amount,
       l.country, l.city, s.department_name as department, s.first_name || ' ' || s.last_name as staff,
       p.counterparty_legal_name as counterparty, g.design_name as design,
       f.agreed_delivery_date, f.agreed_payment_date, f.batch_id, f.captured_at
from sales_now f
join dim_date d on d.date_id = f.created_date
join dim_currency c on c.currency_id = f.currency_id
join dim_location l on l.location_id = f.agreed_delivery_location_id
join dim_staff s on s.staff_id = f.sales_staff_id
join dim_counterparty p on p.counterparty_id = f.counterparty_id
join dim_design g on g.design_id = f.design_id
left join rates r on r.from_currency = c.currency_code and f.created_date >= r.valid_from and f.created_date < r.valid_to
where (cast(:from as date) is null or f.created_date >= cast(:from as date))
  and (cast(:to as date) is null or f.created_date <= cast(:to as date))
  and (cast(:month as date) is null or cast(date_trunc('month', f.created_date) as date) = cast(:month as date))
  and (cast(:weekday as integer) is null or d.day_of_week = cast(:weekday as integer))
  and (cast(:currency as varchar) is null or c.currency_code = cast(:currency as varchar))
  and (cast(:country as varchar) is null or l.country = cast(:country as varchar))
  and (cast(:city as varchar) is null or l.city = cast(:city as varchar))
  and (cast(:department as varchar) is null or s.department_name = cast(:department as varchar))
  and (cast(:staff as varchar) is null or s.first_name || ' ' || s.last_name = cast(:staff as varchar))
  and (cast(:counterparty as varchar) is null or p.counterparty_legal_name = cast(:counterparty as varchar))
  and (cast(:design as varchar) is null or g.design_name = cast(:design as varchar))
