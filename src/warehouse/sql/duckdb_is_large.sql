-- Whether the tables of the schema $1 hold a million rows.
select coalesce(sum(t.estimated_size), 0) >= 1000000
from duckdb_tables() t
where t.database_name = 'tote_file' and t.schema_name = $1
