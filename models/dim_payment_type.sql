-- kind: dimension
-- key: payment_type_id
-- row-of: payment_type
-- comment: what a payment is for
select payment_type_id, payment_type_name
from source.payment_type
