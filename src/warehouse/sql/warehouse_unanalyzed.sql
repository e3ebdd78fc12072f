-- Tables made here about which the planner knows nothing yet: they were loaded for the first time.
select n.nspname, c.relname
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join tote."table" t on t.schema = n.nspname and t.name = c.relname
where t.made_here and c.relkind = 'r' and pg_has_role(c.relowner, 'usage')
  and not exists (select 1 from pg_stats s where s.schemaname = n.nspname and s.tablename = c.relname)
order by n.nspname, c.relname;
