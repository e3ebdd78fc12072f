-- The role that ingest reads the source with: it may connect, look and nothing else.
--
--   psql -X -v role=tote_source -v schema=public -f source_reader.sql 'postgresql://owner@host/database'
--
-- Run it as the owner of the tables, or as a superuser; again for each further schema, and as often as you like. The role
-- has no password yet: give it one by `\password tote_source` in psql, which never sends it in clear.
\set ON_ERROR_STOP on
\if :{?role} \else \set role tote_source \endif
\if :{?schema} \else \set schema public \endif

select format('create role %I login noinherit connection limit 8', :'role')
where not exists (select from pg_catalog.pg_roles where rolname = :'role') \gexec

-- A belt to the braces of SELECT only; and nothing of ours may stand in the application's way.
select format('alter role %I set %s', :'role', setting)
from (values ('default_transaction_read_only = on'), ('idle_in_transaction_session_timeout = ''10min''')) settings (setting) \gexec

select format('grant connect on database %I to %I', current_database(), :'role') \gexec
grant usage on schema :"schema" to :"role";
grant select on all tables in schema :"schema" to :"role";

-- Tables that are made later, by whoever makes tables there today.
select distinct format('alter default privileges for role %s in schema %I grant select on tables to %I',
                       relowner::regrole, :'schema', :'role')
from pg_catalog.pg_class
where relnamespace = :'schema'::regnamespace and relkind in ('r', 'p')
  and pg_has_role(current_user, relowner, 'member') \gexec

-- With this a server that was put in the place of another is noticed. Only a superuser may grant it; managed services
-- have none, and doctor then says what is missing.
select format('grant execute on function pg_catalog.pg_control_system(), pg_catalog.pg_control_checkpoint() to %I', :'role')
from pg_catalog.pg_roles where rolname = current_user and rolsuper \gexec
