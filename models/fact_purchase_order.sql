-- kind: fact
-- key: purchase_order_id
-- record-id: purchase_record_id
-- references: created_date -> dim_date
-- references: last_updated_date -> dim_date
-- references: staff_id -> dim_staff
-- references: counterparty_id -> dim_counterparty
-- references: currency_id -> dim_currency
-- references: agreed_delivery_date -> dim_date
-- references: agreed_payment_date -> dim_date
-- references: agreed_delivery_location_id -> dim_location
-- type: created_time time
-- type: last_updated_time time
-- comment: every version of every purchase order
-- comment: item_unit_price: of one item, in the order's currency
-- comment: last_updated_date: as the application says, which sometimes forgets; captured_at does not
select purchase_order_id,
       cast(substr(created_at, 1, 10) as date) as created_date,
       substr(created_at, 12, 15) as created_time,
       cast(substr(last_updated, 1, 10) as date) as last_updated_date,
       substr(last_updated, 12, 15) as last_updated_time,
       staff_id,
       counterparty_id,
       item_code,
       item_quantity,
       item_unit_price,
       currency_id,
       agreed_delivery_date,
       agreed_payment_date,
       agreed_delivery_location_id
from changes.purchase_order
