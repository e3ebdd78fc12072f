-- What the ledger says about a batch: $1 lake, $2 batch, $3 generation.
select coalesce(bool_or(batch = $2::bigint), false) as loaded,
       coalesce(bool_or(batch = $2::bigint - 1), false) as follows,
       coalesce(bool_or(generation = $3 and batch >= $2::bigint), false) as rebuilt,
       coalesce(max(batch), 0) as head
from tote.batch
where lake = $1;
