-- What fact_sales_order_current shows, faster on large facts: only versions of batches after the first supersede others, and they are few.
select f.*
from fact_sales_order f
left join (select sales_order_id, max(batch_id) as batch_id from fact_sales_order where batch_id > :first_batch group by sales_order_id) newest
       on newest.sales_order_id = f.sales_order_id
where not f.deleted and (newest.batch_id is null or newest.batch_id = f.batch_id)
