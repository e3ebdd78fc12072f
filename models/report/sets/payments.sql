-- uses: rates payments_now sales_now purchases_now
-- filters: date=payment_date weekday currency=payment_currency country city department staff design counterparty
-- Payments as they are now, made or expected, with what is known of the order that each one settles.
select f.payment_id, f.payment_date, cast(date_trunc('month', f.payment_date) as date) as month,
       d.day_of_week as weekday, coalesce(cast(:convert as varchar), c.currency_code) as currency,
       case when y.payment_type_name in ('SALES_RECEIPT', 'PURCHASE_REFUND') then 'in' else 'out' end as direction,
       y.payment_type_name as payment_type, f.paid, c.currency_code as payment_currency,
       case when cast(:convert as varchar) is null or c.currency_code = cast(:convert as varchar)
            then cast(f.payment_amount as decimal(18, 2))
            else cast(f.payment_amount * r.rate as decimal(18, 2)) end as amount,
       t.sales_order_id, t.purchase_order_id, l.country, l.city, s.department_name as department,
       s.first_name || ' ' || s.last_name as staff, p.counterparty_legal_name as counterparty, g.design_name as design,
       f.batch_id, f.captured_at
from payments_now f
left join dim_date d on d.date_id = f.payment_date
left join dim_currency c on c.currency_id = f.currency_id
left join dim_payment_type y on y.payment_type_id = f.payment_type_id
left join dim_counterparty p on p.counterparty_id = f.counterparty_id
left join dim_transaction t on t.transaction_id = f.transaction_id
left join sales_now so on so.sales_order_id = t.sales_order_id
left join purchases_now po on po.purchase_order_id = t.purchase_order_id
left join dim_location l on l.location_id = coalesce(so.agreed_delivery_location_id, po.agreed_delivery_location_id)
left join dim_staff s on s.staff_id = coalesce(so.sales_staff_id, po.staff_id)
left join dim_design g on g.design_id = so.design_id
left join rates r on r.from_currency = c.currency_code and f.payment_date >= r.valid_from and f.payment_date < r.valid_to
