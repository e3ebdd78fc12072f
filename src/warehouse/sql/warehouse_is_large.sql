-- Whether the tables made here in the schema $1 hold a million rows.
select coalesce(sum(greatest(c.reltuples, 0)), 0) >= 1000000
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join tote."table" t on t.schema = n.nspname and t.name = c.relname
where t.made_here and c.relkind = 'r' and n.nspname = $1;
