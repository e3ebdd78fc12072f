-- Columns of facts made here by which readers look for few rows among many, and no index does: the batch, to see what later
-- versions superseded, and the first day of a fact, which periods and newest rows go by.
select n.nspname, c.relname, a.attname
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join tote."table" t on t.schema = n.nspname and t.name = c.relname
join pg_attribute b on b.attrelid = c.oid and b.attname = 'batch_id' and not b.attisdropped
join pg_attribute a on a.attrelid = c.oid
 and a.attnum in (b.attnum, (select min(d.attnum) from pg_attribute d
                             where d.attrelid = c.oid and d.atttypid = 'date'::regtype and not d.attisdropped))
where t.made_here and c.relkind = 'r' and pg_has_role(c.relowner, 'usage')
  and not exists (select 1 from pg_index i where i.indrelid = c.oid and i.indkey[0] = a.attnum)
order by n.nspname, c.relname, a.attnum;
