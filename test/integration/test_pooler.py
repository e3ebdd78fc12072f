"""Behind a transaction pooler every transaction may meet another session of the server, with other settings. If these fail,
values are written in another form, or the program cannot be used where connections are scarce."""
import os
import pathlib
import pwd
import subprocess
import tempfile
import time

import psycopg
import pytest

from lib.postgres import ROOT, Database
from lib.terraform import free_port

POOLER = ROOT / ".cache/pgbouncer/usr/sbin/pgbouncer"


@pytest.fixture
def pooler(server):
    """The URL of a database as PgBouncer hands it out, a transaction at a time."""
    assert POOLER.exists(), "tools/setup.sh test fetches PgBouncer"
    place = tempfile.TemporaryDirectory(prefix="tote-pooler-")
    folder = pathlib.Path(place.name)
    port = free_port()
    (folder / "pgbouncer.ini").write_text(f"""[databases]
* = host=127.0.0.1 port={server.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
min_pool_size = 4
server_round_robin = 1
""")
    command = [POOLER, folder / "pgbouncer.ini"]
    if os.getuid() == 0:  # it refuses to run as root
        owner = pwd.getpwnam("postgres")
        folder.chmod(0o755)
        command = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups", *command]
    with place, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        for _ in range(100):
            try:
                psycopg.connect(f"host=127.0.0.1 port={port} user=postgres dbname=postgres").close()
                break
            except psycopg.OperationalError:
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.1)
        yield lambda name: f"postgresql://postgres@127.0.0.1:{port}/{name}"
        process.kill()


def spoil(server, name):
    """Settings that would show in what is read and written."""
    for setting in ("datestyle = 'SQL, DMY'", "timezone = 'Asia/Tokyo'", "intervalstyle = 'iso_8601'", "bytea_output = 'escape'",
                    "extra_float_digits = -10", "statement_timeout = '60s'", "search_path = 'nowhere'"):
        server.execute(f'alter database "{name}" set {setting}')


def test_both_ends_behind_a_pooler(server, tote, pooler):
    """The same rows as without it, whatever a session's own settings are."""
    source, warehouse = server.create(), server.create()
    source.execute("""
        create table t (id integer primary key, at timestamp, tz timestamptz, d date, x double precision, b bytea, i interval);
        insert into t select i, timestamp '2024-02-01 03:04:05.678' + i * interval '1 day', '2024-02-01 03:04:05+02', '2024-02-03',
            0.1 + i, decode('00ff41', 'hex'), '1 day 02:03:04' from generate_series(1, 500) i""")
    expected = source.rows("select id, at, tz at time zone 'UTC', d, x, b, i from t order by id")
    spoil(server, source.name)
    spoil(server, warehouse.name)
    tote.ok("init", "--source", pooler(source.name), "--dir", tote.folder, "--warehouse", pooler(warehouse.name))
    tote.ok("run")
    direct = Database(server, warehouse.name)

    def arrived():
        with direct.connect() as connection:
            connection.execute("set datestyle = 'ISO'; set timezone = 'UTC'; set intervalstyle = 'postgres'; set extra_float_digits = 1")
            return connection.execute("select id, at, tz::timestamptz at time zone 'UTC', d, x, b, i::interval from public.t "
                                      "order by id").fetchall()

    assert arrived() == expected
    source.execute("update public.t set x = 7.25 where id = 3; delete from public.t where id = 4")
    tote.ok("run")
    tote.ok("load")
    tote.ok("status")
    assert [row[4] for row in arrived() if row[0] in (3, 4)] == [7.25]
    assert "2024" in tote.ok("query", "select max(at) from t where at < '2024-12-01'").stdout
    source.drop()
    warehouse.drop()
