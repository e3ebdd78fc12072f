-- What fact_payment_current shows, faster on large facts: only versions of batches after the first supersede others, and they are few.
select f.*
from fact_payment f
left join (select payment_id, max(batch_id) as batch_id from fact_payment where batch_id > :first_batch group by payment_id) newest
       on newest.payment_id = f.payment_id
where not f.deleted and (newest.batch_id is null or newest.batch_id = f.batch_id)
