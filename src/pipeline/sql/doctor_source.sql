-- What doctor asks of the source: one row.
select current_setting('server_version') as version,
       current_setting('server_version_num')::integer as version_number,
       pg_is_in_recovery() as standby,
       (extract(epoch from clock_timestamp()) * 1000000)::bigint as now_us,
       current_setting('server_encoding') as encoding,
       has_function_privilege('pg_control_system()', 'execute') as may_identify,
       (select count(*) from pg_stat_activity
        where state like 'idle in transaction%' and xact_start < now() - interval '10 minutes') as idle,
       (select round(extract(epoch from max(now() - xact_start)) / 60)::bigint from pg_stat_activity
        where state like 'idle in transaction%' and xact_start < now() - interval '10 minutes') as idle_minutes,
       pg_has_role(current_user, 'pg_read_all_stats', 'usage') as sees_all
