-- The schema of tote in a PostgreSQL warehouse: what is loaded, and which tables are tote's own.
do $$
begin
    -- `if not exists` would ask for create on the database even where the schema stands
    if to_regnamespace('tote') is null then
        create schema tote;
    end if;
end
$$;

create table if not exists tote.batch (
    lake          text not null,
    generation    text not null,
    batch         bigint not null,
    captured_at   timestamp not null,
    loaded_at     timestamptz not null default clock_timestamp(),
    rebuild       boolean not null,
    rows_inserted bigint,
    rows_updated  bigint,
    rows_deleted  bigint,
    primary key (lake, batch)
);
comment on table tote.batch is
    'The ledger: one row for each batch, committed together with the rows of the batch';
comment on column tote.batch.captured_at is 'The instant (UTC) whose content of the source the batch holds';

create table if not exists tote."table" (
    schema    text not null,
    name      text not null,
    made_here boolean not null,
    views     text not null default '',
    primary key (schema, name)
);
comment on table tote."table" is 'The tables that are loaded';
comment on column tote."table".made_here is 'Whether tote created the table and may change it';
comment on column tote."table".views is 'Hash of the definitions of <fact>_current and <fact>_history';
