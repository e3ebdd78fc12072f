-- Begins to make the answers of version $3, unless they are there or somebody began within the hour.
insert into tote.answers as a (schema, origin, begun_at)
values ($1, $2, clock_timestamp())
on conflict (schema, origin) do update set begun_at = excluded.begun_at
where a.version is distinct from $3 and a.begun_at < clock_timestamp() - interval '1 hour'
returning 1;
