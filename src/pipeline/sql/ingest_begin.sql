-- What a reading transaction needs, set before anything can fix its snapshot: `set local` works behind
-- poolers too, and select set_config() would already take the snapshot.
begin isolation level repeatable read read only;
set local datestyle = 'ISO, YMD';
set local intervalstyle = 'postgres';
set local timezone = 'UTC';
set local bytea_output = 'hex';
set local xmlbinary = 'base64';
set local extra_float_digits = 3;
set local search_path = '';
set local row_security = off;
set local jit = off;
set local synchronize_seqscans = off;
set local work_mem = '32MB';
set local lock_timeout = :lock_timeout;
set local statement_timeout = :statement_timeout;
set local idle_in_transaction_session_timeout = 0;
