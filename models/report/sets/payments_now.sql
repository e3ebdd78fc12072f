-- What fact_payment_current shows, faster on large facts: only rows of later batches can supersede others, and they are few.
select f.*
from fact_payment f
where not f.deleted
  and not exists (select 1 from fact_payment later
                  where later.payment_id = f.payment_id and later.batch_id > f.batch_id
                    and later.batch_id > (select min(batch_id) from fact_payment))
