-- kind: fact
-- key: sales_order_id
-- record-id: sales_record_id
-- references: created_date -> dim_date
-- references: last_updated_date -> dim_date
-- references: sales_staff_id -> dim_staff
-- references: counterparty_id -> dim_counterparty
-- references: currency_id -> dim_currency
-- references: design_id -> dim_design
-- references: agreed_payment_date -> dim_date
-- references: agreed_delivery_date -> dim_date
-- references: agreed_delivery_location_id -> dim_location
-- type: created_time time
-- type: last_updated_time time
-- comment: every version of every sales order
-- comment: sales_staff_id: who sold
-- comment: unit_price: of one unit, in the order's currency
-- comment: last_updated_date: as the application says, which sometimes forgets; captured_at does not
select sales_order_id,
       cast(substr(created_at, 1, 10) as date) as created_date,
       substr(created_at, 12, 15) as created_time,
       cast(substr(last_updated, 1, 10) as date) as last_updated_date,
       substr(last_updated, 12, 15) as last_updated_time,
       staff_id as sales_staff_id,
       counterparty_id,
       units_sold,
       unit_price,
       currency_id,
       design_id,
       agreed_payment_date,
       agreed_delivery_date,
       agreed_delivery_location_id
from changes.sales_order
