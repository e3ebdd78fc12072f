-- What the warehouse holds: the newest batch of the ledger, and whether the table $1 is there.
select b.batch, b.generation, b.lake, b.captured_at, cast(b.captured_at as date) as today,
       exists (select 1 from information_schema.tables t
               where t.table_name = cast($1 as varchar) and t.table_schema = current_schema()) as has_table
from tote.batch b
order by b.captured_at desc, b.batch desc
limit 1
