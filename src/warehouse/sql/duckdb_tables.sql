-- $1 is the star's schema. Its tables, and what is known of them.
select t.table_name, coalesce(m.made_here, false) as made_here, coalesce(m.described, '') as described
from duckdb_tables() t
left join tote_file.tote."table" m on m.schema = t.schema_name and m.name = t.table_name
where t.database_name = 'tote_file' and t.schema_name = $1
order by t.table_name
