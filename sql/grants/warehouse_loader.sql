-- The role that load writes the warehouse with: it owns the schema tote and makes its tables in one other schema.
--
--   psql -X -v role=tote_loader -v schema=public -f warehouse_loader.sql 'postgresql://owner@host/warehouse'
--
-- Run it as the owner of the database, as often as you like. The role has no password yet: `\password tote_loader`.
\set ON_ERROR_STOP on
\if :{?role} \else \set role tote_loader \endif
\if :{?schema} \else \set schema public \endif

select format('create role %I login noinherit connection limit 8', :'role')
where not exists (select from pg_catalog.pg_roles where rolname = :'role') \gexec
-- Who gives away a schema must be able to become its new owner; a superuser is already.
select format('grant %I to %I', :'role', current_user)
where not pg_has_role(current_user, :'role', 'member') \gexec

select format('grant connect, temporary on database %I to %I', current_database(), :'role') \gexec
select format('create schema %I', :'schema') where to_regnamespace(quote_ident(:'schema')) is null \gexec
grant usage, create on schema :"schema" to :"role";
select format('create schema tote authorization %I', :'role') where to_regnamespace('tote') is null \gexec

-- A star that was there before: it is filled as it is, by whoever may.
select format('grant select, insert, update, delete on %s to %I', c.oid::regclass, :'role')
from pg_catalog.pg_class c
where c.relnamespace = :'schema'::regnamespace and c.relkind in ('r', 'p')
  and not pg_has_role(:'role', c.relowner, 'member') \gexec
select format('grant usage on sequence %s to %I', c.oid::regclass, :'role')
from pg_catalog.pg_class c
where c.relnamespace = :'schema'::regnamespace and c.relkind = 'S'
  and not pg_has_role(:'role', c.relowner, 'member') \gexec
