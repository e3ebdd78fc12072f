"""A batch brings just what changed, whatever was done to the source. If these fail, rows are missing, doubled or stale in the
lake, and nobody is told."""
import os
import pathlib
import random
import subprocess
import threading

import pytest

from lib.postgres import Database, PostgresServer
from lib.tote import Tote
from replay import Replay, check_table, fingerprint
from scenarios import SCENARIOS
from values import canonical_rows, differences, duckdb_rows, identifier, texts


def perform(database, name, step, keep):
    """One step of a scenario, in its schema."""
    if callable(step):
        step(database, keep)
        return
    with database.connect(autocommit=True) as connection:
        connection.execute(f"set search_path to {identifier(name)}, public")
        for statement in [step] if isinstance(step, str) else step:
            connection.execute(statement)


class Play:
    """All scenarios, played together, one batch for each round of their steps."""

    def __init__(self, database, tote, names):
        self.database = database
        self.tote = tote
        self.replay = Replay(tote)
        self.wrong = {name: [] for name in names}
        self.keep = {name: {} for name in names}

    def start(self):
        for name in self.wrong:
            self.database.execute(f"create schema {identifier(name)}")
            perform(self.database, name, SCENARIOS[name].setup, None)
        self.batch(0)

    def round(self, number):
        for name, keep in self.keep.items():
            steps = SCENARIOS[name].steps
            if number <= len(steps):
                perform(self.database, name, steps[number - 1][0], keep)
        self.batch(number)

    def batch(self, number):
        before = fingerprint(self.tote)
        self.tote.ok("ingest")
        after = fingerprint(self.tote)
        batches = [self.replay.take(record) for record in self.tote.records()[len(self.replay.batches):]]
        assert len(batches) <= 1
        assert before.items() <= after.items(), "an object was touched"
        for name in self.wrong:
            self.compare(name, number, batches)

    def compare(self, name, number, batches):
        scenario = SCENARIOS[name]
        expected = scenario.steps[number - 1][1] if 0 < number <= len(scenario.steps) else {}
        self.wrong[name] += [f"round {number}: {text}" for batch in batches for schema, text in batch.wrong
                             if schema in (name, *scenario.more_schemas)]
        if number and expected is not None:
            self.compare_counts(name, number, expected, batches)
        last = self.replay.batches[-1].record["tables"]
        current = {described["name"] for described in last if described["schema"] in (name, *scenario.more_schemas)}
        for table in current:
            try:
                described = self.replay.tables[table].described
                check_table(self.database, self.replay.tables[table], only=described["relation"] == "parent")
            except AssertionError as error:
                self.wrong[name].append(f"round {number}: {str(error)[:600]}")

    def compare_counts(self, name, number, expected, batches):
        expected = {key if isinstance(key, tuple) else (name, key): count for key, count in expected.items()}
        schemas = (name, *SCENARIOS[name].more_schemas)
        found = {(described["schema"], described["relation"]): (described["changed"], described["deleted"])
                 for batch in batches for described in batch.record["tables"] if described["schema"] in schemas}
        for key in expected.keys() | found.keys():
            want, have = expected.get(key, (0, 0)), found.get(key, (0, 0))
            if want != have:
                self.wrong[name].append(f"round {number}: {key}: {have} changed and deleted, should be {want}")


@pytest.fixture(scope="module")
def play(server, tmp_path_factory, request):
    """Plays the scenarios that are wanted (pytest -k picks)."""
    names = [name for name in SCENARIOS if any(getattr(item, "callspec", None) and item.callspec.params.get("name") == name
                                               for item in request.session.items)] or list(SCENARIOS)
    database = server.create()
    yield play_all(database, Tote(tmp_path_factory.mktemp("capture")), names)
    database.drop()


def play_all(database, tote, names):
    tote.configure(database.url)
    played = Play(database, tote, names)
    played.start()
    for number in range(1, 1 + max(len(SCENARIOS[name].steps) for name in names)):
        played.round(number)
    return played


class TestPlay:
    """All scenarios, played once."""

    @pytest.mark.parametrize("name", SCENARIOS)
    def test_lake_follows_the_source(self, play, name):
        assert play.wrong[name] == []

    def test_nothing_happened(self, play):
        before = fingerprint(play.tote)
        play.tote.ok("ingest")
        assert fingerprint(play.tote) == before

    def test_full_compare_finds_nothing_either(self, play):
        """Content alone must say the same as xmin."""
        before = len(play.tote.records())
        play.tote.ok("ingest", "--full")
        for record in play.tote.records()[before:]:
            assert [(table["name"], table["changed"], table["deleted"]) for table in record["tables"]
                    if table["changed"] or table["deleted"]] == []

# Those whose tables keep their shape; models made afterwards cannot be held to how others once were.
STEADY = ["no_change", "rows_deleted", "reinserted_with_other_content", "key_changed", "truncated", "late_commit", "without_key",
          "partitioned", "inherited", "large_values", "composite_keys", "keys_shifted", "key_kinds"]


def test_lake_of_many_batches_is_mirrored_afterwards(server, tmp_path):
    """Whatever happened, the warehouse's current table is the source's."""
    database = server.create()
    played = play_all(database, Tote(tmp_path), STEADY)
    played.tote.ok("init", "--source", database.url, "--dir", tmp_path)
    models = {"TOTE_MODELS": str(tmp_path / "models")}
    played.tote.ok("process", env=models)
    played.tote.ok("load", env=models)
    wrong = {}
    for name, table in played.replay.tables.items():
        described = table.described
        source = f"{identifier(described['schema'])}.{identifier(described['relation'])}"
        only = "only " if described["relation"] == "parent" else ""
        _, oids, rows = texts(database, f"select * from {only}{source}")
        there = duckdb_rows(played.tote, name)[1]
        if described["key"] == ["_key"]:
            there = [row[1:] for row in there]
        if text := differences(canonical_rows(oids, rows), there):
            wrong[source] = text[:400]
    assert wrong == {}
    database.drop()


def test_large_table_is_compared_in_parts(database, tote):
    """Two connections share the pages of a large table: what both or neither see is a change that stays or that nobody finds."""
    database.execute("create table t (id integer primary key, v text); alter table t alter v set storage plain;"
                     "insert into t select i, repeat('x', 1900) from generate_series(1, 20000) i;"
                     f"alter database {database.name} set log_min_duration_statement = 0")
    assert database.value("select pg_relation_size('t')") > 32 << 20
    tote.configure(database.url)
    replay = Replay(tote)

    def batch(change=None):
        if change:
            database.execute(change)
        tote.ok("ingest")
        return [(table["changed"], table["deleted"], table["compare"]) for new in replay.advance() for table in new.record["tables"]]

    assert batch() == [(20000, 0, "full")]
    assert batch() == []
    log = pathlib.Path(database.server.host) / "log"
    if database.value("select current_setting('server_version_num')::integer") >= 140000:  # knows scans of page ranges
        assert log.read_text().count("from \"public\".\"t\" where ctid >= ") >= 2 + 2, "not read in parts"
    assert batch("insert into t select i, repeat('y', 1900) from generate_series(20001, 26000) i") == [(6000, 0, "fingerprint")]
    assert batch("update t set v = 'z' where id in (1, 9999, 26000); update t set v = v where id = 2") == [(3, 0, "fingerprint")]
    assert batch("delete from t where id in (3, 25999); insert into t values (0, 'new'), (26001, 'new')") == [(2, 2, "fingerprint")]
    assert batch("vacuum full t") == []
    check_table(database, replay.tables["t"])


def test_migrations_table_is_left_out(project):
    project.source.execute("insert into _prisma_migrations (id, checksum, migration_name) values ('1', 'x', 'y')")
    project.ok("ingest")
    assert len(project.records()[0]["tables"]) == 11
    assert not project.lake("**/*prisma*")


def test_views_and_foreign_tables_are_read_when_named(database, tote):
    extensions = [name for (name,) in database.rows("select name from pg_available_extensions")]
    assert "postgres_fdw" in extensions, "install postgresql-contrib: foreign tables must be tested"
    database.execute(f"""
        create table base (id integer primary key, v text); insert into base select i, 'v' from generate_series(1, 5) i;
        create view doubled as select id, v || v as vv from base; create view unnamed as select 1 as one;
        create materialized view kept as select * from base; create materialized view kept_key as select * from base;
        create unique index on kept_key (id);
        create extension postgres_fdw;
        create server far foreign data wrapper postgres_fdw options (host '127.0.0.1', port '{database.server.port}',
            dbname '{database.name}');
        create user mapping for current_user server far options (user 'postgres');
        create foreign table far_base (id integer, v text) server far options (table_name 'base');
        create foreign table far_unnamed (id integer) server far options (table_name 'base')""")
    tote.configure(database.url)
    config = (tote.folder / "tote.yaml").read_text()
    tote.write("tote.yaml", config.replace("  exclude:", "  include: [base, doubled, kept, kept_key, far_base, 'u*']\n  exclude:"))
    replay = Replay(tote)

    def batch():
        tote.ok("ingest")
        (new,) = replay.advance()
        for table in replay.tables.values():
            check_table(database, table)
        return {described["name"]: (described["changed"], described["deleted"]) for described in new.record["tables"]}

    assert batch() == dict.fromkeys(["base", "doubled", "kept", "kept_key", "far_base"], (5, 0))
    database.execute("update base set v = 'w' where id = 1; delete from base where id = 2")
    assert batch() == {"base": (1, 1), "doubled": (1, 2), "far_base": (1, 2), "kept": (0, 0), "kept_key": (0, 0)}
    database.execute("refresh materialized view kept; refresh materialized view kept_key")
    changes = batch()
    assert changes["kept"] == (1, 2)
    assert changes["kept_key"] in ((1, 1), (1, 2))
    assert changes["base"] == changes["far_base"] == (0, 0)
    tote.ok("ingest")
    assert replay.advance() == []


def test_columns_can_be_left_out_or_hashed(database, tote):
    """Personal data never leaves the source."""
    database.execute("create table person (id integer primary key, name text, secret text, mail text);"
                     "insert into person values (1, 'a', 'marker-secret', 'marker-mail'), (2, 'b', null, null)")
    tote.configure(database.url, more="""
tables:
  person:
    exclude_columns: [secret]
    hash_columns: [mail]
""")
    tote.ok("ingest")
    written = b"".join(path.read_bytes() for path in (tote.folder / "lake").glob("**/*") if path.is_file())
    assert b"marker" not in written
    database.execute("update person set secret = 'marker-other' where id = 1")
    tote.ok("ingest")
    assert not [table for record in tote.records()[1:] for table in record["tables"] if table["changed"]]
    database.execute("update person set mail = 'marker-other' where id = 1")
    tote.ok("ingest")
    assert [table["changed"] for table in tote.records()[-1]["tables"]] == [1]


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_database_of_another_encoding(server, tote, encoding):
    """Hashes are of the server's bytes, which are not ours then."""
    name = f"old_{encoding.lower()}"
    server.execute(f"create database {name} template template0 encoding '{encoding}' locale 'C'")
    database = Database(server, name)
    tote.configure(database.url)
    replay = Replay(tote)
    with database.connect(autocommit=True, client_encoding="UTF8") as connection:
        connection.execute("create table t (k text primary key, v text);"
                           "insert into t select 'é' || i, 'ß' from generate_series(1, 300) i")
        for change, expected in (("", (300, 0)), ("update t set v = 'ü' where k = 'é7'; delete from t where k = 'é8'", (1, 1)),
                                 ("update t set v = v", (0, 0)), ("insert into t values ('ÿ', '')", (1, 0))):
            connection.execute(change)
            tote.ok("ingest")
            for batch in replay.advance():
                assert [(table["changed"], table["deleted"]) for table in batch.record["tables"]] == [expected]
            check_table(database, replay.tables["t"])
    database.drop()


def test_restored_database_is_compared_by_content(server, tote):
    """Transaction ids are used again after a restore: equal ids say nothing then."""
    name = "restored"
    replay = Replay(tote)
    for value in ("before", "after"):
        database = server.create(name)
        database.execute("create table t (id integer primary key, v text); create table same (id integer primary key);"
                         f"insert into t select i, case when i % 10 = 0 then '{value}' end from generate_series(1, 100) i;"
                         "insert into same select generate_series(1, 50)")
        tote.configure(database.url)
        tote.ok("ingest")
        replay.advance()
        for table in replay.tables.values():
            check_table(database, table)
        database.drop()
    counts = {table["name"]: (table["changed"], table["deleted"]) for table in replay.batches[-1].record["tables"]}
    assert counts == {"t": (10, 0), "same": (0, 0)}


BIN = os.environ.get("TOTE_POSTGRES_BIN")
RESETWAL = sorted(pathlib.Path(BIN).glob("pg_resetwal") if BIN else pathlib.Path("/usr/lib/postgresql").glob("*/bin/pg_resetwal"))


def jump(server, count):
    """The next transaction id is `count` further, as after months of work."""
    server.execute("checkpoint")
    now = Database(server, "postgres").value("select pg_current_xact_id()::text::bigint")
    server.execute("checkpoint")
    server.kill()
    data = pathlib.Path(server.host) / "data"
    pages = 8192 * 4  # transactions whose states share a page
    then = -(-(now + count) // pages) * pages
    owner = data.stat()
    segment = data / "pg_xact" / f"{then % 2 ** 32 // pages // 32:04X}"
    if not segment.exists():
        segment.write_bytes(bytes(8192 * 32))
        os.chown(segment, owner.st_uid, owner.st_gid)
    tool = RESETWAL[-1]
    subprocess.run([tool, "-f", "-x", str(then % 2 ** 32), "-e", str(then >> 32), "-D", data], check=True, stdout=subprocess.DEVNULL,
                   user=owner.st_uid, group=owner.st_gid, extra_groups=[], cwd="/")
    server.restart()


@pytest.mark.skipif(BIN is not None and not RESETWAL, reason="this server comes without pg_resetwal")
def test_transaction_ids_far_apart(tote):
    """Ids have 32 bits and go round: rows of long ago must not look new, nor new ones old."""
    with PostgresServer() as server:
        database = server.create()
        database.execute("create table t (id integer primary key, v text);"
                         "insert into t select i, 'v' from generate_series(1, 2000) i")
        tote.configure(database.url)
        tote.ok("ingest")
        replay = Replay(tote)
        replay.advance()
        for far, compare in ((900_000_000, "fingerprint"), (1_150_000_000, "full"), (0, "fingerprint"), (1_000_000_000, "fingerprint"),
                             (1_000_000_000, "fingerprint"), (0, "fingerprint")):
            if far:
                for name in ("template1", "postgres", database.name):
                    with Database(server, name).connect(autocommit=True) as connection:
                        connection.execute("vacuum freeze")
                jump(server, far)
            database.execute("update t set v = v || '.' where id % 500 = 7; delete from t where id = (select max(id) from t)")
            tote.ok("ingest")
            (batch,) = replay.advance()
            (table,) = batch.record["tables"]
            assert (table["changed"], table["deleted"], table["compare"]) == (4, 1, compare), far
            check_table(database, replay.tables["t"])


@pytest.mark.parametrize("encoding, value", [("SQL_ASCII", r"E'caf\xe9'"), ("UTF8", '(-56)::"char"')])
def test_text_that_is_no_utf8_is_not_passed_on(server, tote, encoding, value):
    """A database without an encoding takes any byte, and so does the type "char". Whoever reads the lake must still find JSON, or
    be told why not."""
    name = f"raw_{encoding.lower()}"
    server.execute(f"create database {name} template template0 encoding '{encoding}' locale 'C'")
    database = Database(server, name)
    database.execute(f"create table t as select {value} as v; alter table t add id integer primary key default 1")
    tote.configure(database.url)
    result = tote.run("ingest")
    if result.status == 0:
        replay = Replay(tote)
        replay.advance()
        (row,) = replay.tables["t"].rows.values()
        assert encoding != "UTF8" or row[1] == r"\310", row
    else:
        assert result.status in (10, 13) and "'t'" in result.stderr
        assert tote.records() == []
    database.drop()


def disturb(database, stop, problems):
    """Transactions that keep the sum over two tables, one that empties and refills a third, and now and then a rewrite."""
    rng = random.Random(7)
    try:
        with database.connect(autocommit=True) as connection:
            while not stop.is_set():
                amount, left, right = rng.randint(1, 50), rng.randint(1, 100), rng.randint(1, 100)
                connection.execute(f"begin; update a set v = v - {amount} where id = {left}; savepoint s;"
                                   f"update b set v = v + {amount} where id = {right}; release s; commit")
                if rng.random() < 0.1:
                    connection.execute("begin; truncate refilled;"
                                       "insert into refilled select i, 1 from generate_series(1, 100) i; commit")
                if rng.random() < 0.03:
                    connection.execute("begin; insert into a select max(id) + 1, 0 from a; delete from b where id = 50;"
                                       "insert into b values (50, 0); update a set v = v + 100000 - (select sum(v) from a) -"
                                       " (select sum(v) from b) where id = 1; commit")
                if rng.random() < 0.02:
                    connection.execute(rng.choice(["vacuum full refilled", "alter table a set (fillfactor = 50)",
                                                   "alter table b alter column note type varchar(1000)", "alter table b alter column note type text"]))
    except Exception as error:
        problems.append(error)


def test_batches_are_one_snapshot_while_the_source_works(database, tote):
    """Money moves between two tables all the time: no batch may show it in neither or in both."""
    database.execute("create table a (id integer primary key, v integer); create table b (id integer primary key, v integer, note text);"
                     "insert into a select i, 500 from generate_series(1, 100) i; insert into b select i, 500, repeat('x', 500)"
                     " from generate_series(1, 100) i; create table refilled (id integer primary key, v integer);"
                     "insert into refilled select i, 1 from generate_series(1, 100) i")
    tote.configure(database.url)
    stop, problems = threading.Event(), []
    worker = threading.Thread(target=disturb, args=(database, stop, problems))
    worker.start()
    replay = Replay(tote)
    numbers = {}
    try:
        for _ in range(10):
            tote.ok("ingest")
            for batch in replay.advance():
                total = sum(int(row[2]) for name in ("a", "b") for row in replay.tables[name].rows.values())
                assert total == 100000, f"batch {batch.number}"
                assert len(replay.tables["refilled"].rows) == 100
                numbers[batch.number] = total
    finally:
        stop.set()
        worker.join()
    assert not problems
    assert len(numbers) == 10
    tote.ok("ingest")
    replay.advance()
    for table in replay.tables.values():
        check_table(database, table)


ROWS = int(os.environ.get("TOTE_TEST_ROWS", 30_000))
LARGE = """
create table big (id integer primary key, code text, amount numeric(10,2), at timestamp(3), note text);
create table sparse (id bigint primary key, v integer);
create table named (id text primary key, v integer);
"""
FILL = f"""
insert into big select i, 'code ' || i, i / 100.0, timestamp '2024-01-01' + i * interval '1 s', case when i % 3 = 0 then null else md5(i::text) end
    from generate_series(1, {ROWS}) i;
insert into sparse select i * 1000003::bigint * i, i from generate_series(1, 6000) i;
insert into named select md5(i::text), i from generate_series(1, 6000) i;
analyze"""


class Random:
    """Changes at random, the same ones for every run, and what they must bring."""

    def __init__(self, database, seed):
        self.database = database
        self.rng = random.Random(seed)
        self.ids = {"big": list(range(1, ROWS + 1))}
        for table in ("sparse", "named"):
            self.ids[table] = [row[0] for row in database.rows(f"select id from {table} order by v")]
        self.next = ROWS + 1

    def statements(self, table):
        rng, ids = self.rng, self.ids[table]
        column = "note" if table == "big" else "v"
        updated = rng.sample(range(len(ids)), rng.randint(1, 60))
        gone = set(rng.sample(range(len(ids)), rng.randint(0, 40)))
        silent = rng.sample(range(len(ids)), 20)  # touched, not changed
        self.next += 1
        value = f"'n{self.next}'" if table == "big" else str(-self.next)
        yield f"update {table} set {column} = {column} where id = any(%s)", [ids[i] for i in silent]
        yield f"update {table} set {column} = {value} where id = any(%s)", [ids[i] for i in updated]
        yield f"delete from {table} where id = any(%s)", [ids[i] for i in gone]
        self.ids[table] = [key for i, key in enumerate(ids) if i not in gone]
        changed = {ids[i] for i in updated if i not in gone}
        new = [self.new_key(table) for _ in range(rng.randint(0, 30))]
        self.ids[table] += new
        kind = {"big": "integer", "sparse": "bigint", "named": "text"}[table]
        yield f"insert into {table} (id) select unnest(%s::{kind}[])", new
        self.expected = (changed | set(new), {ids[i] for i in gone})

    def new_key(self, table):
        self.next += 1
        if table == "named":
            return f"new-{self.next}"
        return self.next if table == "big" else self.rng.randrange(2 ** 62)

    def round(self):
        """By table, the keys that must change and those that must go."""
        expected = {}
        with self.database.connect() as connection:
            for table in self.ids:
                for sql, keys in self.statements(table):
                    if keys:
                        connection.execute(sql, (keys,))
                expected[table] = self.expected
        return expected


def test_random_changes_of_a_large_table_over_many_batches(database, tote):
    """Objects in several parts, compressed; indexes whose deltas are merged; nothing of it may lose a row."""
    database.execute(LARGE)
    database.execute(FILL)
    tote.configure(database.url)
    config = (tote.folder / "tote.yaml").read_text()
    tote.write("tote.yaml", config.replace("lake:", "lake:\n  part_size: 1MiB\n  compress_above: 64KiB"))
    replay = Replay(tote)
    tote.ok("ingest")
    replay.advance()
    big = replay.tables["big"]
    assert len(big.described["objects"]) > 2
    assert all(".json.zst" in described["key"] for described in big.described["objects"])
    for name in replay.tables:
        check_table(database, replay.tables[name])
    changes = Random(database, 1)
    runs = []
    for _ in range(18):
        expected = changes.round()
        tote.ok("ingest")
        (batch,) = replay.advance()
        runs.append(max(len(table.get("index", [])) for table in batch.record["tables"]))
        for name, (changed, deleted) in expected.items():
            assert {key for (key,) in batch.changed.get(name, set())} == {str(key) for key in changed}, name
            assert {key for (key,) in batch.deleted.get(name, set())} == {str(key) for key in deleted}, name
    for name in replay.tables:
        check_table(database, replay.tables[name])
    assert min(runs[10:]) < max(runs), "deltas of the index are never merged"
