-- What servers show until they have asked for themselves, made by load when it had nothing to do.
create table if not exists tote.answers (
    schema   text not null,
    origin   text not null,
    begun_at timestamptz not null,
    version  text,
    made_at  timestamptz,
    content  text,
    primary key (schema, origin)
);
comment on table tote.answers is
    'The first answers of the dashboard, so that a server which has just started need not wait for them. May be emptied at any time';
comment on column tote.answers.origin is 'Of the reports, the program and the schema that they were made by';
comment on column tote.answers.version is 'Of the batch that all of them are of';
