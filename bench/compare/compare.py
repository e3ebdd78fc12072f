"""Copies one table while it is changed in ways that databases see every day, by several tools and settings, and counts what
the copies lack afterwards.

Run by bench/compare/run. Every way gets the same source, the same changes at the same moments, and a last sync after
everything is committed. What is wrong then stays wrong until somebody copies the table whole.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import psycopg2

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(sys.executable).parent
ROWS = 1000
EACH = 10  # rows of each kind of change

HOST, PORT = os.environ["PGHOST"], os.environ["PGPORT"]


def url(database, scheme="postgresql"):
    return f"{scheme}://postgres:none@127.0.0.1:{PORT}/{database}?sslmode=disable"


def connect(database):
    connection = psycopg2.connect(host=HOST, port=PORT, user="postgres", dbname=database)
    connection.autocommit = True
    return connection


class Database:
    def __init__(self, name):
        self.name = name
        self.connection = connect(name)

    def run(self, sql, *arguments):
        with self.connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            return cursor.fetchall() if cursor.description else None


# --- the ways. Each has a name, a note, and sync(): what a schedule would call.


class Way:
    table = "public.orders"  # where the copy is, in the target database

    def __init__(self, source, target, folder):
        self.source, self.target, self.folder = source, target, folder
        self.prepare()

    def prepare(self):
        pass

    def command(self, *words, **env):
        done = subprocess.run([str(word) for word in words], cwd=self.folder, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            sys.exit(f"{self.name}: {' '.join(map(str, words))} failed:\n{done.stdout}")

    def rows(self):
        return self.target.run(f"select id, status, amount, last_updated from {self.table}")


class Tote(Way):
    name = "tote"
    note = "as `tote init` writes it"

    def prepare(self):
        self.tote = ROOT / "build" / "tote"
        self.command(self.tote, "init", "--source", url(self.source.name), "--warehouse", url(self.target.name))

    def sync(self):
        self.command(self.tote, "run")


class Watermark(Way):
    name = "watermark, plain SQL"
    note = "`where last_updated > max`, upsert"

    def prepare(self):
        self.target.run("create table orders (id bigint primary key, status text, amount numeric, last_updated timestamp)")

    def sync(self):
        [[mark]] = self.target.run("select coalesce(max(last_updated), '-infinity') from orders")
        for row in self.source.run("select * from orders where last_updated > %s", mark):
            self.target.run("insert into orders values (%s, %s, %s, %s) on conflict (id) do update set status = excluded.status, "
                            "amount = excluded.amount, last_updated = excluded.last_updated", *row)


class Dlt(Way):
    name = "dlt incremental, merge"
    note = "cursor last_updated, primary key id"
    table = "copy.orders"
    incremental = "dlt.sources.incremental('last_updated')"
    disposition = "merge"

    def prepare(self):
        (self.folder / "pipeline.py").write_text(f"""
import dlt
from dlt.sources.sql_database import sql_table
pipeline = dlt.pipeline('compare', destination=dlt.destinations.postgres({url(self.target.name)!r}), dataset_name='copy',
                        pipelines_dir='.')
orders = sql_table({url(self.source.name, 'postgresql+psycopg2')!r}, table='orders', incremental={self.incremental}, primary_key='id')
pipeline.run(orders, write_disposition={self.disposition!r}).raise_on_failed_jobs()
""")

    def sync(self):
        self.command(sys.executable, "pipeline.py", RUNTIME__DLTHUB_TELEMETRY="false", HOME=str(self.folder))


class DltLag(Dlt):
    name = "dlt incremental, merge, lag"
    note = "the same with `lag` of an hour"
    incremental = "dlt.sources.incremental('last_updated', lag=3600)"


class DltReplace(Dlt):
    name = "dlt full, replace"
    note = "the whole table each time"
    incremental = "None"
    disposition = "replace"


class DltScd2(DltReplace):
    name = "dlt full, scd2"
    note = "the whole table each time, versions kept"
    disposition = {"disposition": "merge", "strategy": "scd2"}
    table = "copy.orders where _dlt_valid_to is null"


class Ingestr(Way):
    name = "ingestr merge"
    note = "incremental key last_updated, primary key id; without an interval it reads the whole table"
    table = "copy.orders"
    options = ["--incremental-strategy", "merge", "--incremental-key", "last_updated", "--primary-key", "id"]

    def sync(self):
        self.command(BIN / "ingestr", "ingest", "--source-uri", url(self.source.name), "--source-table", "public.orders",
                     "--dest-uri", url(self.target.name), "--dest-table", self.table, "--yes", "--progress", "log", *self.options,
                     HOME=str(self.folder), TELEMETRY_DISABLED="true", DISABLE_TELEMETRY="true")


class IngestrReplace(Ingestr):
    name = "ingestr replace"
    note = "the whole table each time"
    options = ["--incremental-strategy", "replace"]


class Sling(Way):
    name = "Sling incremental"
    note = "update_key last_updated, primary_key id"
    table = "copy.orders"
    defaults = "mode: incremental, primary_key: id, update_key: last_updated"

    def prepare(self):
        self.program = next((BIN.parent / "lib").glob("python*/site-packages/sling_linux_amd64/bin/sling-linux-amd64"))
        (self.folder / "replication.yaml").write_text(f"""
source: SOURCE
target: TARGET
defaults: {{{self.defaults}}}
streams:
  public.orders:
    object: {self.table}
""")

    def sync(self):
        self.command(self.program, "run", "-r", "replication.yaml", SOURCE=url(self.source.name), TARGET=url(self.target.name),
                     HOME=str(self.folder), SLING_DISABLE_TELEMETRY="true")


class SlingUpsert(Sling):
    name = "Sling incremental, no update_key"
    note = "primary_key id: the whole table each time"
    defaults = "mode: incremental, primary_key: id"


class SlingFull(Sling):
    name = "Sling full-refresh"
    note = "the whole table each time"
    defaults = "mode: full-refresh"


WAYS = [Tote, Watermark, Dlt, DltLag, DltReplace, DltScd2, Ingestr, IngestrReplace, Sling, SlingUpsert, SlingFull]


# --- the day


def create_source(source):
    source.run("create table orders (id bigint primary key, status text not null, amount numeric(10, 2) not null, "
               "last_updated timestamp not null)")
    source.run("insert into orders select i, 'new', i * 1.25, timestamp '2024-11-14 08:00' + i * interval '1 second' "
               "from generate_series(1, %s) i", ROWS)


def a_day(source, way):
    """Changes and syncs in turn. Keys of what was changed in which way."""
    keys = {}
    way.sync()

    # ordinary work, which everybody sees
    keys["updates that stamp last_updated"] = range(1, 1 + EACH)
    source.run("update orders set status = 'paid', last_updated = '2024-11-15 09:00' where id between 1 and %s", EACH)
    keys["inserts"] = range(2001, 2001 + EACH)
    source.run("insert into orders select i, 'new', 1, '2024-11-15 09:01' from generate_series(2001, %s) i", 2000 + EACH)
    way.sync()

    # somebody corrects amounts and does not touch last_updated
    keys["silent updates"] = range(101, 101 + EACH)
    source.run("update orders set amount = amount + 1 where id between 101 and %s", 100 + EACH)
    keys["deletes"] = range(201, 201 + EACH)
    source.run("delete from orders where id between 201 and %s", 200 + EACH)
    way.sync()

    # a transaction stamps its rows when it begins, two hours before it commits; others commit meanwhile
    slow = connect(source.name)
    slow.autocommit = False
    with slow.cursor() as cursor:
        cursor.execute("insert into orders select i, 'imported', 2, '2024-11-15 10:00' from generate_series(3001, %s) i", (3000 + EACH,))
    keys["late commits"] = range(3001, 3001 + EACH)
    source.run("insert into orders values (4001, 'new', 3, '2024-11-15 11:59')")
    way.sync()
    slow.commit()
    slow.close()

    # a job stamps its rows with one instant; it is half done when the sync comes
    keys["ties"] = range(5001, 5001 + EACH)
    source.run("insert into orders select i, 'billed', 4, '2024-11-15 12:00' from generate_series(5001, %s) i", 5000 + EACH // 2)
    way.sync()
    source.run("insert into orders select i, 'billed', 4, '2024-11-15 12:00' from generate_series(%s, %s) i", 5001 + EACH // 2, 5000 + EACH)
    way.sync()
    way.sync()
    return keys


def wrong(source, way, keys):
    """By kind of change, the keys whose row in the copy is not the source's."""
    truth = {row[0]: row[1:] for row in source.run("select id, status, amount, last_updated from orders")}
    copy = {}
    doubled = 0
    for key, *values in way.rows():
        doubled += key in copy
        copy[key] = tuple(value.replace(tzinfo=None) if hasattr(value, "tzinfo") else value for value in values)
    by_kind = {kind: sum(truth.get(key) != copy.get(key) for key in of_kind) for kind, of_kind in keys.items()}
    known = {key for of_kind in keys.values() for key in of_kind}
    by_kind["anything else"] = doubled + sum(truth.get(key) != copy.get(key) for key in set(truth) | set(copy) if key not in known)
    return by_kind


def compare(kind, number, admin):
    names = [f"compare_{number}_source", f"compare_{number}_target"]
    for name in names:
        admin.run(f"create database {name}")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tote-compare-"))
    try:
        source, target = map(Database, names)
        create_source(source)
        way = kind(source, target, folder)
        return wrong(source, way, a_day(source, way))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def versions():
    from importlib.metadata import version

    tote = subprocess.run([ROOT / "build" / "tote", "version"], capture_output=True, text=True, check=True).stdout.split("(")[0]
    return f"{tote.strip()}, dlt {version('dlt')}, ingestr {version('ingestr')}, Sling {version('sling-linux-amd64')}"


def main(wanted):
    admin = Database("postgres")
    ways = [way for way in WAYS if not wanted or any(word.lower() in way.name.lower() for word in wanted)]
    print(f"Rows that are wrong in the copy after the last sync, of {EACH} of each kind ({versions()})\n", flush=True)
    headed = False
    for number, kind in enumerate(ways):
        found = compare(kind, number, admin)
        if not headed:
            print("| way | settings | " + " | ".join(found) + " |\n|---|---|" + "--:|" * len(found))
            headed = True
        print(f"| {kind.name} | {kind.note} | " + " | ".join(str(count) for count in found.values()) + " |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
