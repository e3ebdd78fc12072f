-- Foreign keys of the tables that are loaded which were added NOT VALID.
select n.nspname, c.relname, k.conname
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
join tote."table" t on t.schema = n.nspname and t.name = c.relname
where k.contype = 'f' and not k.convalidated and pg_has_role(c.relowner, 'usage')
order by n.nspname, c.relname, k.conname;
