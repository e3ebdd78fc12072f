-- The batch of the oldest versions: none of it supersedes another. Reports read it as :first_batch.
select min(first_batch) as first_batch
from (select min(batch_id) as first_batch from fact_sales_order
      union all
      select min(batch_id) from fact_purchase_order
      union all
      select min(batch_id) from fact_payment) facts
