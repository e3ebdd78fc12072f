-- The schema of tote in a DuckDB warehouse, as in a PostgreSQL one: what is loaded, and which tables are tote's own.
create schema if not exists tote_file.tote;

create table if not exists tote_file.tote.batch (
    lake          text not null,
    generation    text not null,
    batch         bigint not null,
    captured_at   timestamp not null,
    loaded_at     timestamptz not null default now(),
    rebuild       boolean not null,
    rows_inserted bigint,
    rows_updated  bigint,
    rows_deleted  bigint,
    primary key (lake, batch)
);

create table if not exists tote_file.tote."table" (
    schema    text not null,
    name      text not null,
    made_here boolean not null,
    described text not null default '', -- hash of the comments and views that tote gave it
    primary key (schema, name)
);
