-- Start of the oldest transaction that may still write into this database, in microseconds; the statement's
-- own start when there is none.  NULL when others' transactions are hidden from this role, or run elsewhere
-- (a standby).  How long a prepared transaction took before it was prepared is not told: an hour is assumed.
select case when pg_is_in_recovery() or not pg_has_role(current_user, 'pg_read_all_stats', 'usage') then null
            else (extract(epoch from least(statement_timestamp(), a.oldest, p.oldest)) * 1000000)::bigint end
from (select min(xact_start) as oldest from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and backend_type <> 'autovacuum worker') a,
     (select min(prepared) - interval '1 hour' as oldest from pg_prepared_xacts
      where database = current_database()) p;
