-- Keeps the answers $4; $3 null: some are still missing. Those of another program or of other reports go when they are old.
with old as (
    delete from tote.answers
    where schema = $1 and origin <> $2 and begun_at < clock_timestamp() - interval '7 days'
)
update tote.answers set version = $3, made_at = clock_timestamp(), content = $4
where schema = $1 and origin = $2;
