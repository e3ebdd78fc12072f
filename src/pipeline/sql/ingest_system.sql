-- Which cluster this is, and the timeline of its last checkpoint; not everybody may ask.
select s.system_identifier::text, c.timeline_id::text
from pg_catalog.pg_control_system() s
cross join pg_catalog.pg_control_checkpoint() c;
