-- kind: fact
-- key: payment_id
-- record-id: payment_record_id
-- references: created_date -> dim_date
-- references: last_updated_date -> dim_date
-- references: transaction_id -> dim_transaction
-- references: counterparty_id -> dim_counterparty
-- references: currency_id -> dim_currency
-- references: payment_type_id -> dim_payment_type
-- references: payment_date -> dim_date
-- type: created_time time
-- type: last_updated_time time
-- comment: every version of every payment, made or expected
-- comment: paid: whether the money has moved
-- comment: payment_date: when it was paid, or is due
select payment_id,
       cast(substr(created_at, 1, 10) as date) as created_date,
       substr(created_at, 12, 15) as created_time,
       cast(substr(last_updated, 1, 10) as date) as last_updated_date,
       substr(last_updated, 12, 15) as last_updated_time,
       transaction_id,
       counterparty_id,
       payment_amount,
       currency_id,
       payment_type_id,
       paid,
       payment_date
from changes.payment
