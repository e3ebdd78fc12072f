-- Takes the snapshot and says which: clock_timestamp() belongs to it, now() would be earlier.
select (extract(epoch from t.taken) * 1000000)::numeric(30, 0)::text,
       t.snapshot::text,
       pg_snapshot_xmin(t.snapshot)::text,
       pg_snapshot_xmax(t.snapshot)::text,
       current_database(),
       (select d.oid from pg_database d where d.datname = current_database())::text,
       t.standby,
       -- the first 8 digits of a WAL file's name are its timeline; a standby does not say
       case when t.standby then '' else left(pg_walfile_name(pg_current_wal_lsn()), 8) end,
       (case when t.standby then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end)::text
from (select clock_timestamp() as taken, pg_current_snapshot() as snapshot, pg_is_in_recovery() as standby) t;
