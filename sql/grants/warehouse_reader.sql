-- A role for dashboards and people: it reads the star and the ledger, now and later, and changes nothing.
--
--   psql -X -v role=tote_reader -v loader=tote_loader -v schema=public -f warehouse_reader.sql 'postgresql://owner@host/warehouse'
--
-- Run it after warehouse_loader.sql, as the owner of the database, as often as you like. Then: `\password tote_reader`.
\set ON_ERROR_STOP on
\if :{?role} \else \set role tote_reader \endif
\if :{?loader} \else \set loader tote_loader \endif
\if :{?schema} \else \set schema public \endif

select format('create role %I login noinherit connection limit 20', :'role')
where not exists (select from pg_catalog.pg_roles where rolname = :'role') \gexec
select format('alter role %I set %s', :'role', setting)
from (values ('default_transaction_read_only = on'), ('statement_timeout = ''5min''')) settings (setting) \gexec

select format('grant connect on database %I to %I', current_database(), :'role') \gexec

-- The schema tote is the loader's, so the loader gives the rights on it.
set role :"loader";
select format('grant usage on schema tote to %I', :'role') \gexec
select format('grant select on all tables in schema tote to %I', :'role') \gexec
select format('alter default privileges in schema %I grant select on tables to %I', name, :'role')
from (values (:'schema'), ('tote')) schemas (name) \gexec
select format('grant select on %s to %I', c.oid::regclass, :'role')
from pg_catalog.pg_class c
where c.relnamespace = :'schema'::regnamespace and c.relkind in ('r', 'p', 'v') and pg_has_role(:'loader', c.relowner, 'member') \gexec
reset role;
grant usage on schema :"schema" to :"role";
select format('grant select on %s to %I', c.oid::regclass, :'role')
from pg_catalog.pg_class c
where c.relnamespace = :'schema'::regnamespace and c.relkind in ('r', 'p', 'v') and pg_has_role(current_user, c.relowner, 'member') \gexec
