-- Whether anything was ever loaded.
select count(*) from information_schema.tables where table_schema = 'tote' and table_name = 'batch'
