-- Which cluster this is; not everybody may ask.
select system_identifier::text from pg_catalog.pg_control_system();
