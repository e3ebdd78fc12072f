-- The timestamp columns of a table, the likeliest cursor first: indexed, never NULL, called like an update.
select a.attname,
       exists (select from pg_index i
               where i.indrelid = a.attrelid and i.indkey[0] = a.attnum and i.indisvalid and i.indpred is null) as indexed,
       a.attnotnull
from pg_attribute a
where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped
  and a.atttypid in ('timestamp'::regtype, 'timestamptz'::regtype)
order by 2 desc, 3 desc, a.attname ~* 'updat|modif|chang' desc, a.attnum;
