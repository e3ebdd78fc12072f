-- What pg/catalog.h promises, as five results in one round trip.  Runs by hand in psql.
-- No function that locks a table is called on one that somebody changes: the listing never waits.

-- 1. tables
select c.oid, n.nspname, c.relname, c.relkind,
       c.relkind = 'r' and exists (select from pg_inherits i where i.inhparent = c.oid) as has_children,
       c.relrowsecurity and row_security_active(c.oid) as row_security,
       has_schema_privilege(n.oid, 'usage')
       and (has_table_privilege(c.oid, 'select')
            or not exists (select from pg_attribute a
                           where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                             and not has_column_privilege(c.oid, a.attnum, 'select'))) as can_select,
       -- before version 14 zero stood for "never analyzed" as well
       case when c.reltuples < 0
              or (c.reltuples = 0 and c.relpages = 0
                  and current_setting('server_version_num')::integer < 140000) then -1
            else c.reltuples::bigint end as estimated_rows,
       case when c.relkind not in ('r', 'm') then 0
            when c.oid in (select l.relation from pg_locks l
                           where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock') then c.relpages
            else pg_relation_size(c.oid, 'main') / current_setting('block_size')::bigint end as pages,
       d.description,
       case when c.relkind = 'p' then
           (with recursive part(oid) as (
                select i.inhrelid from pg_inherits i where i.inhparent = c.oid
                union all
                select i.inhrelid from part join pg_inherits i on i.inhparent = part.oid)
            select string_agg(part.oid::text, ' ' order by part.oid) from part) end as partitions
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_description d on d.objoid = c.oid and d.classoid = 'pg_class'::regclass and d.objsubid = 0
where c.relkind in ('r', 'p', 'v', 'm', 'f')
  and c.relpersistence <> 't'
  and not c.relispartition
  and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
  and not exists (select from pg_depend e
                  where e.classid = 'pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')
order by n.nspname, c.relname;

-- 2. columns
select a.attrelid, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod) as declared_type,
       -- a type of one's own that is called like one of the system's must not pass for it
       case when t.oid >= 16384 and exists (select from pg_type b
                                            where b.typname = t.typname
                                              and b.typnamespace = 'pg_catalog'::regnamespace)
            then t.typnamespace::regnamespace::text || '.' || t.typname
            else t.typname::text end as type,
       a.atttypmod, t.typtype, a.attnotnull, a.attgenerated <> '' as generated, d.description, a.atttypid,
       concat_ws(' ', a.attnum, quote_literal(a.attname), a.atttypid, a.atttypmod, a.attcollation,
                 case when a.atthasmissing then quote_nullable(a.attmissingval::text) end,
                 case when a.attgenerated <> '' then
                     (select pg_get_expr(f.adbin, f.adrelid) from pg_attrdef f
                      where f.adrelid = a.attrelid and f.adnum = a.attnum) end) as shape
from pg_attribute a
join pg_type t on t.oid = a.atttypid
left join pg_description d on d.objoid = a.attrelid and d.classoid = 'pg_class'::regclass
                          and d.objsubid = a.attnum
where a.attrelid in (select r.oid from pg_class r
                     where r.oid >= 16384 and r.relkind in ('r', 'p', 'v', 'm', 'f')
                       and r.relpersistence <> 't' and not r.relispartition)
  and a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attnum;

-- 3. keys: the primary one, else the smallest unique index on plain columns that are not null
select distinct on (i.indrelid) i.indrelid, i.indkey::text as numbers, i.indnkeyatts
from pg_index i
join pg_class r on r.oid = i.indrelid
join pg_class x on x.oid = i.indexrelid
where i.indrelid >= 16384 and r.relkind in ('r', 'p', 'm')
  and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
  and (i.indisprimary
       or i.indimmediate
          and not exists (select from pg_attribute a
                          where a.attrelid = i.indrelid and not a.attnotnull
                            and a.attnum = any ((i.indkey::smallint[])[0 : i.indnkeyatts - 1])))
order by i.indrelid, i.indisprimary desc, i.indnkeyatts, x.relname;

-- 4. foreign keys, one row a column
select f.conrelid, f.conname, k.number, tn.nspname, t.relname, ta.attname
from pg_constraint f
join pg_class t on t.oid = f.confrelid
join pg_namespace tn on tn.oid = t.relnamespace
cross join lateral unnest(f.conkey, f.confkey) with ordinality as k(number, target_number, position)
join pg_attribute ta on ta.attrelid = f.confrelid and ta.attnum = k.target_number
where f.contype = 'f' and f.conparentid = 0
order by f.conrelid, f.conname, k.position;

-- 5. types of the user's own, with those that they are made of (version 13 has no multiranges, hence jsonb)
with recursive used(oid) as (
    select distinct a.atttypid from pg_attribute a where a.attrelid >= 16384 and a.atttypid >= 16384
    union
    select m.oid
    from used u
    join pg_type t on t.oid = u.oid
    cross join lateral (
        select t.typelem
        union all select t.typbasetype
        union all select r.rngsubtype from pg_range r
                  where r.rngtypid = t.oid or (to_jsonb(r)->>'rngmultitypid')::oid = t.oid
        union all select a.atttypid from pg_attribute a
                  where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0
                    and not a.attisdropped) as m(oid)
    where m.oid >= 16384)
select t.oid,
       concat_ws(' ', t.typtype, t.typlen, t.typelem, t.typbasetype, t.typtypmod, t.typcollation,
                 case t.typtype
                 when 'e' then (select string_agg(quote_literal(e.enumlabel), ',' order by e.enumsortorder)
                                from pg_enum e where e.enumtypid = t.oid)
                 when 'c' then (select string_agg(concat_ws(' ', a.attnum, quote_literal(a.attname),
                                                            a.atttypid, a.atttypmod, a.attcollation),
                                                  ',' order by a.attnum)
                                from pg_attribute a
                                where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped)
                 end) as definition,
       case when t.typtype = 'd' then t.typbasetype end as base, t.typtypmod, t.typnotnull,
       b.typname as base_type, b.typtype as base_class,
       (select string_agg(m.oid::text, ' ')
        from (select t.typelem
              union all select t.typbasetype
              union all select r.rngsubtype from pg_range r
                        where r.rngtypid = t.oid or (to_jsonb(r)->>'rngmultitypid')::oid = t.oid
              union all select a.atttypid from pg_attribute a
                        where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0
                          and not a.attisdropped) as m(oid)
        where m.oid >= 16384) as parts
from used
join pg_type t on t.oid = used.oid
left join pg_type b on b.oid = t.typbasetype
order by t.oid;
