-- kind: dimension
-- key: transaction_id
-- row-of: transaction
-- comment: the sale or purchase that a payment settles
-- comment: sales_order_id: of a sale, or null
-- comment: purchase_order_id: of a purchase, or null
select transaction_id, transaction_type, sales_order_id, purchase_order_id
from source.transaction
