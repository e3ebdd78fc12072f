-- What fact_sales_order_current shows, faster on large facts: only rows of later batches can supersede others, and they are few.
select f.*
from fact_sales_order f
where not f.deleted
  and not exists (select 1 from fact_sales_order later
                  where later.sales_order_id = f.sales_order_id and later.batch_id > f.batch_id
                    and later.batch_id > (select min(batch_id) from fact_sales_order))
