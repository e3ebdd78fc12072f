"""What goes wrong outside the program gets a message that names it, a hint, the right exit status, and loses nothing: the
run after the repair ends as if nothing had happened. If these fail, an operator is left guessing at night."""
import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

import shop
from lib.postgres import PostgresServer
from lib.tote import Tote, program
from star import DuckWarehouse, PostgresWarehouse
from test_runners import wait_until, waiting_for_lock

USAGE, CONFIG, NOT_FOUND, CONFLICT, DENIED, UNAVAILABLE, TIMEOUT = 2, 3, 4, 5, 6, 7, 8
SOURCE, TRANSFORM, WAREHOUSE, DATA, IO = 10, 11, 12, 13, 14


@pytest.fixture
def place(database, tote):
    """The shop with a DuckDB warehouse."""
    shop.fill(database)
    shop.set_up(tote, database.url)
    tote.source = database
    return tote


@pytest.fixture
def postgres_place(place, server):
    """The shop with a warehouse in PostgreSQL."""
    place.target = server.create()
    place.configure(place.source.url, warehouse=place.target.url, models="./models")
    yield place
    place.target.drop()


@pytest.fixture(scope="module")
def captured(server, tmp_path_factory):
    """The shop with a first batch that is not processed yet."""
    source = server.create()
    shop.fill(source)
    tote = shop.set_up(Tote(tmp_path_factory.mktemp("captured")), source.url)
    tote.ok("ingest")
    yield tote
    source.drop()


def refused(result, status, *words, hint=True):
    """Ended with this status, and says what it is about and what to do."""
    assert result.status == status, result
    for word in words:
        assert word in result.stderr, f"'{word}' is not said:\n{result}"
    assert "error: " in result.stderr, result
    assert not hint or "hint: " in result.stderr, f"no hint:\n{result}"
    return result


def check(place, database=None):
    shop.check_now(place, place.source, shop.open_warehouse(place, database))


def repaired(place, database=None):
    """The next run ends well, and everything is there."""
    place.ok("run")
    check(place, database)


# The source.

def test_no_server(place):
    refused(place.run("run", env={"TOTE_SOURCE_URL": "postgresql://postgres@127.0.0.1:1/shop"}), UNAVAILABLE,
            "source", "127.0.0.1", "1", "refused")
    assert place.lake() == []
    repaired(place)


@pytest.mark.parametrize("url, status, word", [
    ("postgresql://nobody_there@127.0.0.1:PORT/NAME", DENIED, "nobody_there"),
    ("postgresql://postgres@127.0.0.1:PORT/not_there", NOT_FOUND, "not_there"),
    ("postgresql://postgres@not-there.invalid/NAME", UNAVAILABLE, "not-there.invalid"),
    ("mysql://postgres@127.0.0.1/NAME", CONFIG, "source"),
    ("postgresql://postgres@127.0.0.1:port/NAME", CONFIG, "source"),
])
def test_url_that_leads_nowhere(place, url, status, word):
    url = url.replace("PORT", str(place.source.server.port)).replace("NAME", place.source.name)
    refused(place.run("run", env={"TOTE_SOURCE_URL": url}), status, word)
    repaired(place)


def reader(place, name):
    """A role that must know its password and may read the shop."""
    role = f"{name}_{place.source.name}"
    place.source.server.create_role(role, "right")
    place.source.execute(f"grant select on all tables in schema public to {role}")
    return role


def test_wrong_password(place):
    role = reader(place, "reader")
    place.ok("run")
    place.source.execute(shop.CHANGES)
    refused(place.run("run", env={"TOTE_SOURCE_URL": place.source.url_for(role, "wrong")}), DENIED, role, "password")
    refused(place.run("run", env={"TOTE_SOURCE_URL": place.source.url_for(role)}), DENIED, "password")
    place.ok("run", env={"TOTE_SOURCE_URL": place.source.url_for(role, "right")})
    check(place)
    assert len(place.records()) == 2


def test_no_privilege_on_one_table(place):
    role = reader(place, "half_reader")
    url = place.source.url_for(role, "right")
    place.ok("run", env={"TOTE_SOURCE_URL": url})
    before = place.lake("ingestion/_batches/*")
    place.source.execute(f"{shop.CHANGES}; revoke select on item from {role}")
    refused(place.run("run", env={"TOTE_SOURCE_URL": url}), DENIED, "item", "grant")
    assert place.lake("ingestion/_batches/*") == before, "a batch that lacks a table was committed"
    place.source.execute(f"grant select on item to {role}")
    place.ok("run", env={"TOTE_SOURCE_URL": url})
    check(place)


def test_no_privilege_on_one_column(place):
    role = reader(place, "column_reader")
    place.source.execute(f"revoke select on item from {role}; grant select (item_id, label) on item to {role}")
    refused(place.run("run", env={"TOTE_SOURCE_URL": place.source.url_for(role, "right")}), DENIED, "item", "grant")
    repaired(place)


def test_row_security_is_not_taken_for_an_empty_table(place):
    """A role that sees some of the rows only would make the others look deleted."""
    role = reader(place, "row_reader")
    url = place.source.url_for(role, "right")
    place.ok("run", env={"TOTE_SOURCE_URL": url})
    place.source.execute(f"alter table orders enable row level security;"
                         f"create policy few on orders for select to {role} using (order_id < 3)")
    refused(place.run("run", env={"TOTE_SOURCE_URL": url}), DENIED, "orders")
    repaired(place)
    assert len(place.records()) == 1


def test_server_stops_in_the_middle_of_a_copy(tote):
    with PostgresServer() as server:
        source = server.create()
        shop.fill(source)
        source.execute("insert into orders select i, 1, 1, 1, i, '2024-01-01', repeat('x', 10000)"
                       " from generate_series(1000, 3999) i")  # more than a socket holds
        source.execute("checkpoint")  # the test's server does not wait for the disk
        shop.set_up(tote, source.url)
        tote.source = source
        running = tote.start("run")

        def copying():
            return source.value("select count(*) from pg_stat_activity where query ilike '%copy%orders%'"
                                " and state = 'active' and pid <> pg_backend_pid()")

        wait_until(copying)
        running.process.send_signal(signal.SIGSTOP)  # or it might have read all before the server is gone
        assert copying()
        server.kill()
        running.process.send_signal(signal.SIGCONT)
        refused(running.wait(), UNAVAILABLE, "source")
        assert tote.records() == []
        server.restart()
        tote.configure(source.url, models="./models")  # the port may be another
        repaired(tote)
        source.execute(shop.CHANGES)
        repaired(tote)


def while_waiting(place, sql, table="item"):
    """Runs while somebody who holds a table does something to it; then he commits."""
    with place.source.connect() as blocker:
        blocker.execute(f"lock table {table} in access exclusive mode")
        running = place.start("run")
        wait_until(lambda: waiting_for_lock(place.source))
        blocker.execute(sql)
        blocker.commit()
        return running.wait()


@pytest.mark.parametrize("sql", [
    "alter table item add column colour text default 'red'",
    "alter table item drop column label; alter table item add column label text; update item set label = 'new'",
    "alter table item rename to other; create table item (item_id integer primary key, label text not null,"
    " category_id integer not null); insert into item values (1, 'swapped', 1), (2, 'swapped', 2), (3, 'x', 2)",
    "truncate item; insert into item values (1, 'all new', 2), (2, 'b', 2), (3, 'c', 1)",
    "alter table item alter column category_id type bigint",
    "create table item_later (id integer primary key); insert into item_later values (1)",
    "alter table log rename to journal", "drop table log",
], ids=lambda sql: sql[:30])
@pytest.mark.parametrize("batch", [1, 2])
def test_table_altered_between_plan_and_read(place, sql, batch):
    """The plan is made anew; the batch holds what the snapshot held."""
    if batch == 2:
        place.ok("run")
    result = while_waiting(place, sql)
    assert result.status == 0, result
    check(place)
    place.source.execute(shop.CHANGES)
    repaired(place)


def test_table_of_a_model_dropped_between_plan_and_read(place):
    """The rows that were there stay in the lake and in the warehouse; that the model has lost its table is said."""
    place.ok("run")
    dimension = DuckWarehouse(place).rows("dim_customer", ["customer_id", "name", "city"])
    result = while_waiting(place, "drop table customer", table="customer")
    assert result.status in (0, CONFIG), result
    assert result.status == 0 or "customer" in result.stderr, result
    assert sorted(DuckWarehouse(place).rows("dim_customer", ["customer_id", "name", "city"])) == sorted(dimension)
    place.source.execute("create table customer (customer_id integer primary key, name text not null, city text);"
                         "insert into customer values (1, 'Ann again', null), (2, 'Ben', 'x'), (3, 'Cleo', 'y')")
    repaired(place)


def test_lock_that_is_not_given(place):
    with place.source.connect() as blocker:
        blocker.execute("lock table item in access exclusive mode")
        refused(place.run("run", "--source-lock-timeout", "300ms"), TIMEOUT, "lock", "pg_stat_activity")
    assert place.lake() == []
    repaired(place)


def test_statement_that_takes_too_long(place):
    place.source.execute("create view slow as select i, pg_sleep(0.05)::text as s from generate_series(1, 200) i")
    refused(place.run("run", "--source-include", "slow,orders", "--source-statement-timeout", "400ms"), TIMEOUT,
            "statement timeout")
    repaired(place)


def test_lake_of_another_source(place, server):
    """A lake follows one server. Taking another for it would make everything look changed."""
    place.ok("run")
    before = place.lake()
    with PostgresServer() as stranger:
        other = stranger.create(place.source.name)
        shop.fill(other)
        other.execute("delete from orders where order_id = 1; update customer set name = 'other' where customer_id = 1")
        refused(place.run("run", env={"TOTE_SOURCE_URL": other.url}), CONFLICT, "source", "--accept-new-source")
        assert place.lake() == before
        place.ok("run", "--accept-new-source", env={"TOTE_SOURCE_URL": other.url})
        shop.check_now(place, other, DuckWarehouse(place))
    assert len(place.records()) == 2
    place.source.execute(shop.CHANGES)
    refused(place.run("run"), CONFLICT, "--accept-new-source")
    place.ok("run", "--accept-new-source")
    check(place)


def test_database_that_was_put_back(place, server):
    """A restored copy has another oid and old transaction numbers: content is compared, nothing is taken on trust."""
    place.ok("run")
    name = place.source.name
    copy = server.create(template=name)
    place.source.execute("update orders set quantity = 500 where order_id = 1; delete from orders where order_id = 2")
    place.ok("run")
    place.source.drop()
    server.execute(f'alter database "{copy.name}" rename to "{name}"')
    repaired(place)
    assert len(place.records()) == 3


# Disks.

class Mount:
    """A small file system of its own. These tests need root; without it they fail rather than pass unseen."""

    def __init__(self, path, size):
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        if os.geteuid() != 0:
            pytest.skip("NOT TESTED: full and read-only disks can only be made by root; run the tests as root once")
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tote-test", path], check=True)

    def remount(self, options):
        subprocess.run(["mount", "-o", f"remount,{options}", self.path], check=True)

    def close(self):
        subprocess.run(["umount", "-l", self.path], check=True)


@pytest.fixture
def mounts():
    made = []

    def mount(path, size="1m"):
        made.append(Mount(path, size))
        return made[-1]

    yield mount
    for one in made:
        one.close()


def grow(place, rows=20000):
    """More than a small disk holds, and not to be compressed away."""
    place.source.execute("insert into orders select i, 1, 1, 1, i, '2024-01-01', md5(i::text) || md5((-i)::text)"
                         f" || md5((i * 7)::text) from generate_series(1000, {999 + rows}) i")


@pytest.mark.parametrize("folder", ["lake", "lake/ingestion", "lake/processed", "work", "warehouse"])
@pytest.mark.parametrize("batch", [1, 2])
def test_full_disk(place, mounts, folder, batch):
    disk = mounts(place.folder / folder, "50m")
    place.configure(place.source.url, "duckdb:./warehouse/w.duckdb", "./models", "work_dir: ./work\n")
    (place.folder / "work").mkdir(exist_ok=True)
    (place.folder / "warehouse").mkdir(exist_ok=True)
    if batch == 2:
        place.ok("run")
    grow(place)
    used = sum(path.stat().st_size for path in disk.path.rglob("*") if path.is_file())
    disk.remount(f"size={used // 1024 + 400}k")
    result = place.run("run")
    assert folder == "work" or result.status, "no disk was full"  # little is written there
    assert result.status == 0 or refused(result, IO, "No space left on device" if folder.startswith("lake") else "")
    disk.remount("size=100m")
    place.ok("run")
    shop.check_now(place, place.source, Elsewhere(place, "warehouse/w.duckdb"))
    assert not list((place.folder / "work").iterdir()), "temporary files were left"


class Elsewhere(DuckWarehouse):
    """A DuckDB warehouse with another name."""

    def __init__(self, tote, path):
        super().__init__(tote)
        link = tote.folder / "warehouse.duckdb"
        if not link.exists():
            link.symlink_to(path)


def test_files_may_not_grow_further(place):
    """ulimit -f: a signal that would end the program without a word."""
    place.source.execute("insert into orders select i, 1, 1, 1, i, '2024-01-01', md5(i::text)"
                         " from generate_series(1000, 9999) i")
    done = subprocess.run(["sh", "-c", 'ulimit -f 16; exec "$@"', "sh", program(), "-C", place.folder, "run"],
                          env=place.environment(doomed=True), capture_output=True, text=True, check=False)
    assert done.returncode == IO and "ulimit -f" in done.stderr, done
    assert place.records() == []
    repaired(place)


@pytest.mark.parametrize("folder", ["lake", "lake/processed"])
def test_read_only_lake(place, mounts, folder):
    disk = mounts(place.folder / folder)
    place.ok("run")
    place.source.execute(shop.CHANGES)
    disk.remount("ro")
    refused(place.run("run"), IO, "Read-only file system", "lake")
    disk.remount("rw")
    repaired(place)


def test_lake_is_a_file(place):
    place.write("lake", "not a folder")
    refused(place.run("run"), IO, "lake")
    (place.folder / "lake").unlink()
    repaired(place)


# The lake.

def spoil(path, how):
    """Damages a file, and returns what mends it."""
    before = path.read_bytes()
    mode = path.stat().st_mode
    path.chmod(0o644)
    if how == "truncated":
        path.write_bytes(before[:len(before) // 2])
    elif how == "emptied":
        path.write_bytes(b"")
    elif how == "edited":
        middle = len(before) // 2
        path.write_bytes(before[:middle] + bytes([before[middle] ^ 1]) + before[middle + 1:])
    elif how == "longer":
        path.write_bytes(before + b"\n")
    elif how == "missing":
        path.unlink()

    def mend():
        path.write_bytes(before)
        path.chmod(mode)

    return mend


def described(place, zone, *kinds):
    """The objects of a kind that the last record of a zone names."""
    record = place.records(zone)[-1]
    found = [one for table in record["tables"] for kind in kinds
             for one in (table.get(kind) if isinstance(table.get(kind), list) else [table.get(kind)])
             if one and one.get("key")]
    return [place.folder / "lake" / zone / one["key"] for one in found]


@pytest.mark.parametrize("how", ["truncated", "emptied", "edited", "longer", "missing"])
def test_damaged_json_object(place, how):
    place.ok("ingest")
    path = next(path for path in described(place, "ingestion", "objects") if path.name.startswith("orders"))
    mend = spoil(path, how)
    refused(place.run("run"), DATA, path.name)
    assert place.records("processed") == []
    mend()
    repaired(place)


@pytest.mark.parametrize("how", ["truncated", "edited", "missing"])
def test_damaged_object_of_deletions(place, how):
    place.ok("run")
    place.source.execute(shop.CHANGES)
    place.ok("ingest")
    path = next(path for path in described(place, "ingestion", "deleted_objects") if path.name.startswith("orders"))
    mend = spoil(path, how)
    refused(place.run("process"), DATA, path.name)
    mend()
    repaired(place)


@pytest.mark.parametrize("how", ["truncated", "edited", "missing"])
@pytest.mark.parametrize("kind", ["index", "fingerprint"])
def test_damaged_index(place, kind, how):
    """What changes are found with: a wrong index would miss some. It is read before anything is committed."""
    place.ok("run")
    paths = [path for path in described(place, "ingestion", kind) if "orders" in str(path)]
    if not paths:
        assert kind == "fingerprint", "no index is named"
        return
    place.source.execute(shop.CHANGES)
    mend = spoil(paths[0], how)
    refused(place.run("run"), DATA, paths[0].name)
    assert len(place.records()) == 1
    mend()
    repaired(place)


@pytest.mark.parametrize("how", ["truncated", "emptied", "edited"])
@pytest.mark.parametrize("zone", ["ingestion", "processed"])
def test_damaged_record(place, zone, how):
    place.ok("run")
    place.source.execute(shop.CHANGES)
    path = next((place.folder / "lake" / zone / "_batches").glob("*.json"))
    mend = spoil(path, how)
    if how == "edited":  # so that it is JSON still, but says something else
        mend()
        path.write_text(path.read_text().replace('"batch":1', '"batch":7').replace('"batch": 1', '"batch": 7'))
    before = place.records() if zone == "processed" else None
    refused(place.run("run"), DATA, path.name if how != "edited" else "batch")
    refused(place.run("process" if zone == "processed" else "ingest"), DATA, path.name if how != "edited" else "batch")
    assert before is None or len(place.records()) >= len(before)
    mend()
    repaired(place)


@pytest.mark.parametrize("zone", ["ingestion", "processed"])
def test_record_of_a_newer_program(place, zone):
    """An old program must not guess at what a new one wrote."""
    place.ok("run")
    path = next((place.folder / "lake" / zone / "_batches").glob("*.json"))
    before = path.read_text()
    record = json.loads(before)
    record["format"] = 99
    path.chmod(0o644)
    path.write_text(json.dumps(record))
    place.source.execute(shop.CHANGES)
    refused(place.run("run"), DATA, "99", "newer")
    path.write_text(before)
    repaired(place)


@pytest.mark.parametrize("how", ["truncated", "edited", "missing"])
def test_damaged_parquet(place, how):
    """Load checks what it reads, so a damaged file reaches no report."""
    place.ok("ingest")
    place.ok("process")
    path = next(path for path in described(place, "processed", "objects") if "fact_order" in str(path))
    mend = spoil(path, how)
    refused(place.run("load"), DATA, path.name)
    status = place.ok("status", "--json").json
    assert status["schema"] == 1
    mend()
    repaired(place)


@pytest.mark.parametrize("how", ["truncated", "emptied", "missing"])
@pytest.mark.parametrize("table", ["clean/orders", "star/dim_item", "star/fact_order"])
def test_damaged_delta_log(place, table, how):
    place.ok("run")
    place.source.execute(shop.CHANGES)
    logs = [path for path in (place.folder / "lake" / "processed").glob("**/_delta_log/*00000.json")
            if table in str(path)]
    assert len(logs) == 1, table
    mend = spoil(logs[0], how)
    result = place.run("run")
    if result.status:  # a fact is only appended to, and need not read its log
        refused(result, DATA, table)
    mend()
    repaired(place)


def test_lake_without_its_last_record(place):
    """Put back from a backup that is a batch old, the lake is older than the warehouse: said, not overwritten."""
    place.ok("run")
    shutil.copytree(place.folder / "lake", place.folder / "backup")
    place.source.execute(shop.CHANGES)
    place.ok("run")
    shutil.rmtree(place.folder / "lake")
    (place.folder / "backup").rename(place.folder / "lake")
    refused(place.run("run"), CONFLICT, "another batch 2")
    refused(place.run("load"), CONFLICT, "another batch 2")
    place.source.execute("insert into customer values (5, 'Eve', null)")
    refused(place.run("run"), CONFLICT, "another batch 2")
    (place.folder / "warehouse.duckdb").unlink()
    repaired(place)
    # only the ingestion store is put back: what is processed and loaded was never in it
    shutil.copytree(place.folder / "lake/ingestion", place.folder / "backup")
    place.source.execute("insert into customer values (6, 'Fay', null)")
    place.ok("run")
    shutil.rmtree(place.folder / "lake/ingestion")
    (place.folder / "backup").rename(place.folder / "lake/ingestion")
    refused(place.run("process"), CONFIG, "batches")
    for customer in (7, 8):
        place.source.execute(f"insert into customer values ({customer}, 'Gus', null)")
        place.ok("ingest")
        refused(place.run("process"), CONFLICT, "another batch 4")


def test_another_lake_into_the_same_warehouse(place):
    """A lake that was begun anew is another lake: its batch 1 is not the batch 1 that is loaded."""
    place.ok("run")
    shutil.rmtree(place.folder / "lake")
    place.source.execute(shop.CHANGES)
    result = place.run("run")
    if result.status:
        refused(result, CONFLICT)
        (place.folder / "warehouse.duckdb").unlink()
        repaired(place)
    else:
        for table, (columns, query) in shop.NOW.items():
            assert len(DuckWarehouse(place).rows(table, columns)) >= len(place.source.rows(query)), table


# tote.yaml.

GOOD = """\
source:
  url: URL
lake:
  ingestion: ./lake/ingestion
  processed: ./lake/processed
warehouse:
  url: duckdb:./warehouse.duckdb
models: ./models
"""


@pytest.mark.parametrize("old, new, words", [
    ("  url: URL", "  ulr: URL", ["tote.yaml:2:3", "'ulr'", "did you mean 'url'"]),
    ("models:", "model:", ["tote.yaml:8:1", "'model'", "did you mean 'models'"]),
    ("lake:", "lakes:", ["tote.yaml:3:1", "'lakes'", "did you mean 'lake'"]),
    ("models: ./models", "colour: blue", ["tote.yaml:8:1", "'colour'", "configuration.md"]),
    ("  url: URL", "  url: URL\n  connections: many", ["tote.yaml:3:16", "source.connections", "many"]),
    ("  url: URL", "  url: URL\n  connections: 99", ["tote.yaml:3:16", "source.connections", "16"]),
    ("  url: URL", "  url: URL\n  lock_timeout: 5 bananas", ["tote.yaml:3:17", "source.lock_timeout", "bananas"]),
    ("  url: URL", "  url: URL\n  lock_timeout: -1s", ["tote.yaml:3:17", "source.lock_timeout"]),
    ("  url: URL", "  url: URL\n  exclude: orders", ["tote.yaml:3", "source.exclude", "list"]),
    ("  url: URL", "  url: [a, b]", ["tote.yaml:2", "source.url"]),
    ("  url: URL", "  url:", ["tote.yaml:2:3", "source.url"]),
    ("  url: URL", "  url: URL\n  url: URL", ["tote.yaml:3:3", "twice"]),
    ("  url: URL", "  url: ${NOT_THERE}", ["tote.yaml:2:8", "NOT_THERE", ".env"]),
    ("  url: URL", "  url: ${NOT_THERE", ["tote.yaml:2:8", "${"]),
    ("  url: URL", "  url: 'URL", ["tote.yaml:"]),
    ("  url: URL", "\turl: URL", ["tote.yaml:2"]),
    ("  url: URL", "  url: &a URL", ["tote.yaml:2", "anchors"]),
    ("  url: URL", "  url: *a", ["tote.yaml:2", "aliases"]),
    ("models: ./models", "models: secret:shop", ["tote.yaml:8", "secret"]),
    ("models: ./models", "models: ./models\nprocess: {memory: 1KB}", ["tote.yaml:9", "process.memory"]),
    ("models: ./models", "models: ./models\nlog: {level: loud}", ["tote.yaml:9", "log.level", "debug"]),
    ("models: ./models", "models: ./models\ntables: {orders: {cursr: x}}", ["tote.yaml:9:19", "'cursr'", "'cursor'"]),
    ("models: ./models", "models: ./models\ntables: [orders]", ["tote.yaml:9:1", "'tables'"]),
    ("models: ./models", "models: ./models\n--- \nmodels: x", ["tote.yaml:", "one document"]),
    (GOOD, "just a word", ["tote.yaml:1:1", "key: value"]),
    ("./lake/processed", "./lake/ingestion", ["lake.ingestion", "lake.processed", "same"]),
    ("./lake/processed", "s3://bucket/processed", ["s3"]),
], ids=lambda value: value if isinstance(value, str) and "\n" not in value else None)
def test_mistakes_in_the_configuration(place, old, new, words):
    assert old in GOOD
    place.write("tote.yaml", GOOD.replace(old, new).replace("URL", place.source.url))
    result = place.run("run")
    refused(result, CONFIG, *words, hint=False)
    assert place.lake() == [] or "s3" in new  # a store is only opened when its step comes
    assert "hint: " in result.stderr or "tote.yaml:" in result.stderr, f"neither place nor hint:\n{result}"


def test_no_configuration(tote):
    refused(tote.run("run"), NOT_FOUND, "tote.yaml", "tote init")
    refused(tote.run("--config", "other.yaml", "run"), NOT_FOUND, "other.yaml", hint=False)
    refused(tote.run("run", "--source-connections", "0"), CONFIG, "--source-connections", hint=False)


def test_option_that_is_missing(place):
    place.write("tote.yaml", GOOD.replace("source:\n  url: URL\n", ""))
    refused(place.run("run"), CONFIG, "source.url", "TOTE_SOURCE_URL")
    place.write("tote.yaml", GOOD.replace("URL", place.source.url).replace("models: ./models", "models: ./elsewhere"))
    refused(place.run("run"), NOT_FOUND, "elsewhere", hint=False)
    place.write("tote.yaml", GOOD.replace("URL", place.source.url))
    repaired(place)


def test_mistakes_in_dotenv(place):
    for text, words in (("NAME", [".env:1", "NAME=VALUE"]), ("A=1\nB='x\n", [".env:2", "'B'"]),
                        ("TOTE_SOURCE_CONNECTIONS=x", [".env", "TOTE_SOURCE_CONNECTIONS"])):
        place.write(".env", text)
        refused(place.run("run"), CONFIG, *words, hint=False)
    (place.folder / ".env").unlink()
    repaired(place)


@pytest.mark.parametrize("arguments, words", [
    (["rnu"], ["'rnu'", "did you mean 'run'"]), ([], ["no command", "tote help"]),
    (["run", "--evry", "1s"], ["'--evry'", "did you mean '--every'"]), (["run", "now"], ["'now'", "tote help run"]),
    (["run", "--every=soon"], ["--every", "soon"]), (["history", "--limit", "x"], ["--limit", "number"]), (["query"], ["SQL"]),
    (["run", "--source-url"], ["--source-url"]), (["help", "rnu"], ["'rnu'"]), (["run", "--full=1"], ["--full", "no value"]),
])
def test_mistakes_on_the_command_line(place, arguments, words):
    refused(place.run(*arguments), USAGE, *words, hint=False)


# Models.

FACT = shop.MODELS["fact_order.sql"]


@pytest.mark.parametrize("path, text, words", [
    ("fact_order.sql", FACT.replace("select order_id,", "select order_id,,"), ["fact_order.sql", "syntax error"]),
    ("fact_order.sql", FACT.replace("from changes.orders", "form changes.orders"), ["fact_order.sql"]),
    ("fact_order.sql", FACT.replace("quantity,", "quantities,"), ["fact_order.sql", "quantities"]),
    ("fact_order.sql", FACT.replace("changes.orders", "changes.orderz"), ["fact_order.sql", "orderz"]),
    ("fact_order.sql", FACT.replace("changes.orders", "orders"), ["fact_order.sql"]),
    ("fact_order.sql", FACT.replace("-- key: order_id", "-- keys: order_id"), ["fact_order.sql:2", "'keys'", "key"]),
    ("fact_order.sql", FACT.replace("-- key: order_id\n", ""), ["fact_order.sql:1", "key"]),
    ("fact_order.sql", FACT.replace("-- kind: fact\n", ""), ["fact_order.sql:1", "kind"]),
    ("fact_order.sql", FACT.replace("-- kind: fact", "-- kind: facts"), ["fact_order.sql:1", "'facts'", "dimension"]),
    ("fact_order.sql", FACT.replace("-- key: order_id", "-- key: order_no"), ["fact_order.sql", "order_no"]),
    ("fact_order.sql", FACT.replace("-> dim_item", "-> dim_items"), ["fact_order.sql:4", "dim_items"]),
    ("fact_order.sql", FACT.replace("item_id -> dim_item", "thing -> dim_item"), ["fact_order.sql", "thing"]),
    ("fact_order.sql", FACT.replace("price,", "price::varchar as price,"), ["fact_order.sql:5", "::", "cast"]),
    ("fact_order.sql", FACT.replace("note\n", "note, dayname(ordered_on) as d\n"), ["fact_order.sql:5", "dayname"]),
    ("fact_order.sql", FACT.replace("note\n", "now() as note\n"), ["fact_order.sql:5", "now"]),
    ("fact_order.sql", FACT.replace("note\n", "random() as note\n"), ["fact_order.sql:5", "random"]),
    ("fact_order.sql", FACT.replace("note\n", "note as batch_id\n"), ["fact_order.sql", "batch_id"]),
    ("fact_order.sql", FACT.replace("note\n", "note, 'open\n"), ["fact_order.sql"]),
    ("fact_order.sql", FACT + "; drop table x", ["fact_order.sql"]),
    ("fact_order.sql", FACT + "; select 1", ["fact_order.sql", "one select"]),
    ("fact_order.sql", FACT.replace("select order_id", "delete from x; select order_id"), ["fact_order.sql"]),
    ("fact_order.sql", FACT.replace("from changes.orders", "from read_csv('/etc/passwd')"), ["fact_order.sql"]),
    ("fact_order.sql", FACT + "qualify row_number() over (partition by note order by note) = 1", ["fact_order.sql", "qualify"]),
    ("fact_order.sql", FACT.split("select")[0], ["fact_order.sql", "select"]),
    ("fact_order.sql", "", ["fact_order.sql"]),
    ("fact_order.sql", FACT.replace("note\n", "note, note\n"), ["fact_order.sql", "note"]),
    ("fact_order.sql", FACT.replace("-- kind", "-- check: price >\n-- kind"), ["fact_order.sql"]),
    ("fact_order.sql", FACT.replace("-- kind", "-- check: prise > 0\n-- kind"), ["fact_order.sql", "prise"]),
    ("clean/orders.sql", "-- kind: clean\n-- type: ordered_at date\n", ["clean/orders.sql:2", "ordered_at"]),
    ("clean/orders.sql", "-- kind: clean\n-- type: ordered_on dait\n", ["clean/orders.sql:2", "dait"]),
    ("clean/orders.sql", "-- kind: clean\n-- check: amount > 0\n", ["clean/orders.sql", "amount"]),
    ("clean/orders.sql", "-- kind: clean\n-- trim: quantity\n", ["clean/orders.sql", "quantity"]),
    ("dim_item.sql", "-- kind: dimension\n-- key: item_id\nselect item_id from changes.item", ["dim_item.sql", "changes"]),
    ("open_order.sql", "-- kind: mirror\n-- key: order_id\nselect order_id from source.orders", ["open_order.sql", "row-of"]),
    ("again.sql", FACT.replace("-> dim_item", "-> again"), ["again.sql"]),
], ids=lambda value: None)
def test_model_that_cannot_work(captured, path, text, words):
    """Found before the batch begins: nothing is written by half."""
    captured.write(f"models/{path}", text)
    try:
        refused(captured.run("process"), CONFIG, *words, hint=False)
        assert captured.records("processed") == []
    finally:
        if path in shop.MODELS:
            captured.write(f"models/{path}", shop.MODELS[path])
        else:
            (captured.folder / "models" / path).unlink()


def test_mended_model_goes_on_with_what_was_captured(place):
    place.write("models/fact_order.sql", FACT.replace("quantity,", "quantities,"))
    refused(place.run("run"), CONFIG, "quantities")
    assert len(place.records()) == 1 and place.records("processed") == []
    place.source.execute(shop.CHANGES)
    refused(place.run("run"), CONFIG, "quantities")
    place.write("models/fact_order.sql", FACT)
    repaired(place)
    assert len(place.records("processed")) == 2


def test_model_that_the_warehouse_refuses_is_left_behind(postgres_place):
    """What it made stands in a batch that cannot be loaded; the batch for which the mended models were run can."""
    place = postgres_place
    place.ok("run")
    broken = place.write("models/dim_zero.sql", "-- kind: dimension\n-- key: customer_id\n"
                         "select customer_id, chr(0) as zero from source.customer\n")
    place.source.execute("insert into customer values (5, 'Eve', null)")
    refused(place.run("run"), WAREHOUSE, "dim_zero", hint=False)
    broken.unlink()
    place.source.execute(shop.CHANGES)
    place.ok("run")
    for table, (columns, query) in shop.NOW.items():
        there = PostgresWarehouse(place.target).rows(table, columns)
        assert len(there) >= len(place.source.rows(query)), table


def test_model_that_breaks_later(place):
    """The same with batches before it: nothing that is loaded suffers."""
    place.ok("run")
    before = shop.warehouse_state(place, DuckWarehouse(place))
    place.write("models/dim_item.sql", "-- kind: dimension\n-- key: item_id\nselect item_id, lable from source.item\n")
    place.source.execute(shop.CHANGES)
    refused(place.run("run"), CONFIG, "dim_item.sql", "lable", hint=False)
    assert shop.warehouse_state(place, DuckWarehouse(place)) == before
    place.write("models/dim_item.sql", shop.MODELS["dim_item.sql"])
    repaired(place)


def test_clean_model_of_no_table(place):
    """Most likely a typing error, and the checks in it check nothing."""
    place.write("models/clean/orderz.sql", "-- kind: clean\n-- trim: note\n")
    result = place.ok("run")
    assert "warning" in result.stderr and "clean/orderz.sql" in result.stderr, result
    check(place)


def test_column_of_a_model_goes_away(place):
    """Every row has lost it: that is what the dimension shows, the lake has kept the rest."""
    place.ok("run")
    place.source.execute("alter table customer drop column city")
    place.ok("run")
    assert DuckWarehouse(place).rows("dim_customer", ["customer_id", "name", "city"])[0][2] is None
    place.source.execute("alter table customer add column city text; update customer set city = 'Hull'")
    repaired(place)


def test_key_that_is_none(place):
    """A dimension with two rows of one key would double every fact that joins it."""
    place.write("models/dim_item.sql", "-- kind: dimension\n-- key: item_id\n"
                "select i.item_id, i.label, c.title as category from source.item i cross join source.category c\n")
    refused(place.run("run"), TRANSFORM, "dim_item", hint=False)
    place.write("models/dim_item.sql", shop.MODELS["dim_item.sql"])
    repaired(place)


# The warehouse.

SHAPES = {
    "another type": ("create table dim_item (item_id integer primary key, label integer, category text)",
                     ["dim_item", "label", "integer"]),
    "a column that must have a value": ("create table dim_item (item_id integer primary key, label text, category text,"
                                        " extra text not null)", ["dim_item", "extra"]),
    "a view": ("create view dim_item as select 1 as item_id, 'x' as label, 'y' as category", ["dim_item"]),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_postgres_warehouse_with_another_shape(postgres_place, shape):
    statement, words = SHAPES[shape]
    postgres_place.target.execute(statement)
    refused(postgres_place.run("run"), WAREHOUSE, *words)
    assert shop.ledger(PostgresWarehouse(postgres_place.target)) == [] if postgres_place.target.value(
        "select count(*) from pg_tables where schemaname = 'tote'") else True
    postgres_place.target.execute(f"drop {'view' if shape == 'a view' else 'table'} dim_item")
    repaired(postgres_place, postgres_place.target)


@pytest.mark.parametrize("shape", SHAPES)
def test_duckdb_warehouse_with_another_shape(place, shape):
    import duckdb

    statement, words = SHAPES[shape]
    with duckdb.connect(str(place.folder / "warehouse.duckdb")) as connection:
        connection.execute(statement)
    refused(place.run("run"), WAREHOUSE, *[word if word != "integer" else "INTEGER" for word in words])
    with duckdb.connect(str(place.folder / "warehouse.duckdb")) as connection:
        connection.execute(f"drop {'view' if shape == 'a view' else 'table'} dim_item")
    repaired(place)


def test_warehouse_table_without_a_key(postgres_place):
    """Somebody made it that way: it is used as it is, and right all the same."""
    place = postgres_place
    place.target.execute("create table dim_item (item_id integer, label text, category text)")
    repaired(place, place.target)
    place.source.execute(shop.CHANGES)
    repaired(place, place.target)


def test_no_warehouse_database(place):
    place.configure(place.source.url, place.source.url.rsplit("/", 1)[0] + "/not_there", "./models")
    refused(place.run("run"), NOT_FOUND, "warehouse", "not_there")
    assert len(place.records("processed")) == 1, "the other steps went on"
    place.configure(place.source.url, models="./models")
    repaired(place)


def test_no_warehouse_server(place):
    place.configure(place.source.url, "postgresql://127.0.0.1:1/w", "./models")
    refused(place.run("run"), UNAVAILABLE, "warehouse", "127.0.0.1")
    place.configure(place.source.url, models="./models")
    repaired(place)


@pytest.mark.parametrize("moment, trigger", [("copy", "before insert on fact_order"), ("commit", "before update on tote.batch")])
def test_warehouse_server_stops_in_the_middle_of_a_load(place, moment, trigger):
    """Even when nobody knows whether the batch was committed, the next run finds out."""
    with PostgresServer() as server:
        target = server.create()
        place.configure(place.source.url, target.url, "./models")
        place.ok("run")
        place.source.execute(shop.CHANGES)
        # so slow that it can be caught
        target.execute("create function wait() returns trigger language plpgsql as"
                       " $$ begin perform pg_sleep(0.5); return new; end $$;"
                       f"create trigger slow {trigger} for each row execute function wait()")
        target.execute("checkpoint")
        running = place.start("run")
        wait_until(lambda: target.value("select count(*) from pg_stat_activity where query ilike %s and state = 'active'"
                                        " and datname = current_database() and pid <> pg_backend_pid()", [f"%{moment}%"]))
        server.kill()
        refused(running.wait(), UNAVAILABLE, "warehouse")
        server.restart()
        target.execute("drop function wait cascade")
        place.configure(place.source.url, target.url, "./models")  # the port may be another
        repaired(place, target)


def test_role_that_may_not_write_to_the_warehouse(postgres_place):
    place = postgres_place
    role = f"looker_{place.target.name}"
    place.source.server.execute(f"create role {role} login")
    place.configure(place.source.url, place.target.url_for(role), "./models")
    refused(place.run("run"), DENIED, role, "grant create on database")
    place.configure(place.source.url, place.target.url, "./models")
    repaired(place, place.target)
    place.target.execute(f"grant usage on schema public, tote to {role}; grant select on all tables in schema public to {role};"
                         f"grant select on all tables in schema tote to {role}")
    place.source.execute(shop.CHANGES)
    place.configure(place.source.url, place.target.url_for(role), "./models")
    refused(place.run("run"), DENIED, role, "grant")
    place.configure(place.source.url, place.target.url, "./models")
    repaired(place, place.target)


def test_index_that_cannot_be_made_is_a_warning(postgres_place):
    """Readers find rows quicker by it; what is loaded is loaded."""
    place = postgres_place
    place.ok("run")
    place.target.execute("create function no() returns event_trigger language plpgsql as $$begin raise 'no indexes today'; end$$;"
                         "create event trigger no on ddl_command_start when tag in ('CREATE INDEX') execute function no()")
    result = place.ok("run")
    assert "has no index on 'ordered_on'" in result.stderr and "no indexes today" in result.stderr, result
    place.target.execute("drop event trigger no")
    assert "no index" not in place.ok("run").stderr
    assert place.target.value("select count(*) from pg_indexes where tablename = 'fact_order' and indexdef like '%(ordered_on)%'") == 1


def test_warehouse_file_that_is_no_database(place):
    place.write("warehouse.duckdb", "dear diary, " * 1000)
    refused(place.run("run"), DATA, "warehouse.duckdb")
    assert (place.folder / "warehouse.duckdb").read_text().startswith("dear diary"), "somebody's file is gone"
    (place.folder / "warehouse.duckdb").unlink()
    repaired(place)


def test_warehouse_file_in_use(place):
    """The other program is named; it can be closed."""
    import duckdb

    place.ok("run")
    place.source.execute(shop.CHANGES)
    with duckdb.connect(str(place.folder / "warehouse.duckdb")):
        refused(place.run("run", "--warehouse-lock-wait", "2s"), UNAVAILABLE, "warehouse.duckdb", str(os.getpid()))
    repaired(place)


def test_warehouse_in_a_folder_that_is_not_there(place):
    place.configure(place.source.url, "duckdb:./no/such/folder/w.duckdb", "./models")
    result = place.run("run")
    assert result.status == 0 or refused(result, NOT_FOUND, "no/such/folder")


def test_row_that_the_warehouse_refuses(postgres_place):
    """Somebody added a constraint of his own: the batch is not loaded in part."""
    place = postgres_place
    place.ok("run")
    place.target.execute("alter table fact_order add constraint mine check (quantity < 50)")
    place.source.execute(shop.CHANGES)
    refused(place.run("run"), DATA, "fact_order", "mine", hint=False)
    assert shop.ledger(PostgresWarehouse(place.target)) == [1]
    place.target.execute("alter table fact_order drop constraint mine")
    repaired(place, place.target)


class DuckFile:
    """The DuckDB warehouse of a project, for somebody who writes into it."""

    def __init__(self, place):
        self.path = str(place.folder / "warehouse.duckdb")

    def execute(self, sql):
        import duckdb

        with duckdb.connect(self.path) as connection:
            connection.execute(sql)


@pytest.mark.parametrize("kind", ["duckdb", "postgres"])
def test_table_of_the_warehouse_is_dropped(request, kind):
    """Said, as rows that are gone do not come back by loading changes."""
    place = request.getfixturevalue("place" if kind == "duckdb" else "postgres_place")
    target = DuckFile(place) if kind == "duckdb" else place.target
    place.ok("run")
    target.execute("drop table dim_item cascade")
    place.source.execute(shop.CHANGES)
    refused(place.run("run"), WAREHOUSE, "dim_item", "gone")
    target.execute("delete from tote.batch")
    repaired(place, None if kind == "duckdb" else place.target)


# Data that breaks its contract.

def quarantine(place):
    """What the last batch put aside: table and reason."""
    import duckdb

    record = place.records("processed")[-1]
    rows = []
    for described_object in record.get("quarantine", []):
        path = place.folder / "lake" / "processed" / described_object["key"]
        found = duckdb.sql(f"select * from read_parquet('{path}')")
        rows += [dict(zip(found.columns, row)) for row in found.fetchall()]
    return rows


def test_bad_date_is_put_aside_and_comes_when_it_is_mended(project):
    """ToteSys keeps dates as text. One that is none must not stop the other 11,000 orders, nor become another date."""
    source = project.source
    source.execute("update sales_order set agreed_payment_date = '2024-02-30' where sales_order_id = 7;"
                   "update sales_order set agreed_payment_date = '2024-1-5' where sales_order_id = 8;"
                   "update sales_order set agreed_delivery_date = '' where sales_order_id = 9")
    result = project.ok("run")
    assert "3 quarantined" in result.stdout, result
    rows = quarantine(project)
    assert len(rows) == 3 and {row["table"] for row in rows} == {"sales_order"}, rows
    assert all("agreed_" in row["reason"] for row in rows), rows
    assert [text for text in ("2024-02-30", "2024-1-5") if not any(text in str(row) for row in rows)] == []
    shown = project.ok("status").stdout
    assert "3" in shown and "quarantin" in shown, shown
    in_warehouse = "select count(*) from fact_sales_order where sales_order_id in (7, 8, 9)"
    assert project.warehouse(in_warehouse) == [(0,)]
    total = source.value("select count(*) from sales_order")
    assert project.warehouse("select count(*) from fact_sales_order") == [(total - 3,)]
    source.execute("update sales_order set agreed_payment_date = '2024-02-29' where sales_order_id = 7")
    project.ok("run")
    assert project.warehouse("select sales_order_id, agreed_payment_date::varchar, batch_id, deleted from fact_sales_order"
                             " where sales_order_id in (7, 8, 9)") == [(7, "2024-02-29", 2, False)]
    assert quarantine(project) == []
    history = project.ok("history", "--json").json
    assert history["schema"] == 1 and "quarantined" in json.dumps(history)


def test_good_row_that_turns_bad_keeps_its_last_good_version(place):
    place.ok("run")
    place.source.execute("update orders set ordered_on = 'tomorrow' where order_id = 1;"
                         "update orders set quantity = -5 where order_id = 2")
    assert "2 quarantined" in place.ok("run").stdout
    reasons = {str(row["reason"]) for row in quarantine(place)}
    assert len(reasons) == 2 and any("ordered_on" in reason for reason in reasons) and any(
        "quantity" in reason for reason in reasons), reasons
    assert place.warehouse("select order_id, quantity, ordered_on::varchar from fact_order_current where order_id < 3"
                           " order by 1") == [(1, 1, "2024-03-01"), (2, 2, "2024-03-02")]
    place.source.execute("update orders set ordered_on = '2024-05-05' where order_id = 1;"
                         "delete from orders where order_id = 2")
    place.ok("run")
    assert place.warehouse("select order_id, ordered_on::varchar from fact_order_current where order_id < 3") == [
        (1, "2024-05-05")]


def test_fact_that_refers_to_nothing(place):
    """An order of a customer nobody knows would be missing from every report by customer: put aside, with the reason."""
    place.source.execute("insert into orders values (50, 777, 1, 1, 1, '2024-01-01', null)")
    assert "1 quarantined" in place.ok("run").stdout
    (row,) = quarantine(place)
    assert "customer" in row["reason"] and "777" in str(row), row
    assert place.warehouse("select count(*) from fact_order where order_id = 50") == [(0,)]
    assert place.warehouse("select count(*) from fact_order") == [(6,)]
    place.source.execute("insert into customer values (777, 'late', null); update orders set note = 'x' where order_id = 50")
    repaired_but_one = place.ok("run")
    assert "quarantined" not in repaired_but_one.stdout
    assert place.warehouse("select customer_id, note from fact_order_current where order_id = 50") == [(777, "x")]


def test_fact_of_a_quarantined_parent(place):
    """A customer that was put aside has no row; his orders wait with him."""
    place.write("models/clean/customer.sql", "-- kind: clean\n-- check: name <> 'bad'\n")
    place.source.execute("update customer set name = 'bad' where customer_id = 2")
    place.ok("run")
    rows = quarantine(place)
    assert sorted(row["table"] for row in rows) == ["customer", "orders", "orders"] or len(rows) == 3, rows
    assert place.warehouse("select count(*) from dim_customer where customer_id = 2") == [(0,)]
    assert place.warehouse("select count(*) from fact_order where customer_id = 2") == [(0,)]
    place.source.execute("update customer set name = 'good' where customer_id = 2;"
                         "update orders set quantity = quantity + 1 where customer_id = 2")
    place.ok("run")
    assert place.warehouse("select count(*) from fact_order_current where customer_id = 2") == [(2,)]


def test_date_outside_the_calendar(project):
    """dim_date ends with 2099."""
    source = project.source
    source.execute("update sales_order set agreed_delivery_date = '2100-01-01' where sales_order_id = 11;"
                   "update sales_order set agreed_delivery_date = '1999-12-31' where sales_order_id = 12;"
                   "update sales_order set agreed_delivery_date = '2099-12-31' where sales_order_id = 13")
    assert "2 quarantined" in project.ok("run").stdout
    rows = quarantine(project)
    assert len(rows) == 2 and all("dim_date" in row["reason"] or "agreed_delivery_date" in row["reason"] for row in rows), rows
    assert project.warehouse("select sales_order_id from fact_sales_order where sales_order_id in (11, 12, 13)") == [(13,)]
    source.execute("update sales_order set agreed_delivery_date = '2025-01-01' where sales_order_id in (11, 12)")
    project.ok("run")
    assert project.warehouse("select count(*) from fact_sales_order where sales_order_id in (11, 12)") == [(2,)]


def test_work_folder_that_is_not_there(place):
    place.configure(place.source.url, models="./models", more="work_dir: ./nowhere\n")
    result = place.run("run")
    assert result.status == 0 or refused(result, NOT_FOUND, "nowhere", hint=False)
    place.configure(place.source.url, models="./models")
    repaired(place)


def test_doctor_finds_what_is_wrong(place):
    """Before it bites: a check that fails is named, its status is doctor's."""
    assert place.run("doctor").status == 0
    place.write("models/dim_item.sql", "select")
    assert place.run("doctor").status == CONFIG
    place.write("models/dim_item.sql", shop.MODELS["dim_item.sql"])
    assert place.run("doctor", env={"TOTE_SOURCE_URL": "postgresql://127.0.0.1:1/x"}).status == UNAVAILABLE
    assert place.run("doctor").status == 0
    assert place.lake() == []
