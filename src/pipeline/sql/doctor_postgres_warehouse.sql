-- What doctor asks of a PostgreSQL warehouse; $1: the schema of the star.
select current_database() as database, current_user as role,
       has_database_privilege(current_database(), 'create') as may_create_schema,
       to_regnamespace(quote_ident($1)) is not null as schema_exists,
       coalesce(has_schema_privilege(to_regnamespace(quote_ident($1)), 'usage'), false) as may_use,
       coalesce(has_schema_privilege(to_regnamespace(quote_ident($1)), 'create'), false) as may_create,
       to_regnamespace('tote') is not null as ledger_exists,
       coalesce(has_schema_privilege(to_regnamespace('tote'), 'create'), false) as ledger_create
