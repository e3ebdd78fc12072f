-- title: Orders changed after creation
-- question: Which orders changed after they were made: what, when, and by how much?
-- group: history
-- place: 1
-- chart: table
-- column: sales_order_id key order
-- column: created_date date created
-- column: changed_at instant changed
-- column: changed text what changed
-- column: currency currency
-- column: amount_before money(currency) amount before
-- column: amount_after money(currency) amount after
-- column: difference money(currency)
-- column: announced flag last_updated moved
-- drill: sales_order_history key=sales_order_id
select sales_order_id, created_date, valid_from as changed_at,
       case when deleted then 'deleted' else
           substr(case when units_sold <> units_before then ', units' else '' end
               || case when unit_price <> price_before then ', price' else '' end
               || case when currency_id <> currency_before then ', currency' else '' end
               || case when design_id <> design_before then ', design' else '' end
               || case when counterparty_id <> counterparty_before then ', customer' else '' end
               || case when sales_staff_id <> staff_before then ', seller' else '' end
               || case when agreed_delivery_date <> delivery_before then ', delivery date' else '' end
               || case when agreed_payment_date <> payment_before then ', payment date' else '' end
               || case when agreed_delivery_location_id <> location_before then ', delivery address' else '' end
               || case when last_updated_date <> updated_date_before or last_updated_time <> updated_time_before
                       then ', last_updated' else '' end, 3) end as changed,
       currency, amount_before, case when deleted then 0.00 else amount end as amount_after,
       case when currency_id = currency_before then (case when deleted then 0.00 else amount end) - amount_before end as difference,
       last_updated_date <> updated_date_before or last_updated_time <> updated_time_before as announced
from (select f.*, c.currency_code as currency, cast(f.units_sold * f.unit_price as decimal(18, 2)) as amount,
             lag(cast(f.units_sold * f.unit_price as decimal(18, 2))) over versions as amount_before,
             lag(f.units_sold) over versions as units_before, lag(f.unit_price) over versions as price_before,
             lag(f.currency_id) over versions as currency_before, lag(f.design_id) over versions as design_before,
             lag(f.counterparty_id) over versions as counterparty_before, lag(f.sales_staff_id) over versions as staff_before,
             lag(f.agreed_delivery_date) over versions as delivery_before,
             lag(f.agreed_payment_date) over versions as payment_before,
             lag(f.agreed_delivery_location_id) over versions as location_before,
             lag(f.last_updated_date) over versions as updated_date_before,
             lag(f.last_updated_time) over versions as updated_time_before,
             row_number() over versions as version
      from (select v.*, v.captured_at as valid_from from fact_sales_order v
            where v.sales_order_id in (select sales_order_id from fact_sales_order where batch_id > :first_batch)) f
      join dim_currency c on c.currency_id = f.currency_id
      window versions as (partition by f.sales_order_id order by f.batch_id)) versions
where version > 1
  and (cast(:from as date) is null or created_date >= cast(:from as date))
  and (cast(:to as date) is null or created_date <= cast(:to as date))
  and (cast(:currency as varchar) is null or currency = cast(:currency as varchar))
order by changed_at desc, sales_order_id
