-- The low 32 bits of the next transaction id: what age() counts from.
select ((1000 + age('1000'::xid)::bigint) & 4294967295)::text;
