-- What stands in the warehouse's schema.  By hand: set tote.schema = 'public' first.

-- 1. the schema
select n.oid is not null as present,
       coalesce(has_schema_privilege(n.oid, 'create'), false) as can_create
from (select 1) as one
left join pg_namespace n on n.nspname = current_setting('tote.schema');

-- 2. tables and views
select c.oid, c.relname, c.relkind, pg_has_role(c.relowner, 'usage') as owned,
       coalesce(t.made_here, false) as made_here, coalesce(t.views, '') as views, d.description
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join tote."table" t on t.schema = n.nspname and t.name = c.relname
left join pg_description d on d.objoid = c.oid and d.classoid = 'pg_class'::regclass and d.objsubid = 0
where n.nspname = current_setting('tote.schema') and c.relkind in ('r', 'p', 'v', 'm', 'f')
order by c.oid;

-- 3. columns
select a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull,
       a.atthasdef or a.attidentity <> '' or a.attgenerated <> '' as has_default, a.attidentity = 'a' as always,
       a.attgenerated <> '' as generated,
       case when a.atthasdef or a.attidentity <> '' then
           pg_get_serial_sequence(quote_ident(n.nspname) || '.' || quote_ident(c.relname), a.attname)
       end as sequence,
       d.description
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_description d on d.objoid = c.oid and d.classoid = 'pg_class'::regclass and d.objsubid = a.attnum
where n.nspname = current_setting('tote.schema') and c.relkind in ('r', 'p')
order by a.attrelid, a.attnum;

-- 4. keys and foreign keys, one row a column
select k.conrelid, k.conname, k.contype, a.attname, t.relname as target,
       case when tn.nspname = current_setting('tote.schema') then ta.attname end as target_column,
       k.convalidated
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
left join pg_class t on t.oid = k.confrelid
left join pg_namespace tn on tn.oid = t.relnamespace
cross join lateral unnest(k.conkey, k.confkey) with ordinality as u(number, target_number, position)
join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number
left join pg_attribute ta on ta.attrelid = k.confrelid and ta.attnum = u.target_number
where n.nspname = current_setting('tote.schema') and k.contype in ('p', 'u', 'f') and k.conparentid = 0
order by k.conrelid, k.conname, u.position;

-- 5. the tables that were loaded before, there or gone
select t.name from tote."table" t where t.schema = current_setting('tote.schema') order by t.name;
