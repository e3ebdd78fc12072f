"""A table with a cursor is read only from where it left off. If these fail, a row that was committed late never arrives, or a
table is called complete that is not."""
import pytest

from replay import Replay, check_table

SETUP = """
create table event (id integer primary key, v text, at timestamptz not null default now());
create index on event (at);
insert into event select i, 'v' || i, now() - interval '1 day' * (400 - i) from generate_series(1, 400) i;
create table plain (id integer primary key, at timestamp not null default now()); create index on plain (at);
insert into plain select i, now() - interval '1 hour' * i from generate_series(1, 100) i"""

TABLES = """
tables:
  event: {cursor: at, cursor_overlap: 0s, compare_every: 1h}
  plain: {cursor: at, compare_every: 1h}
"""


class Source:
    """A database with two such tables, and what its lake holds."""

    def __init__(self, database, tote, tables=TABLES):
        self.database, self.tote, self.tables = database, tote, tables
        database.execute(SETUP)
        self.configure(tables)
        self.replay = Replay(tote)
        assert self.batch() == {"event": (400, 0, "full"), "plain": (100, 0, "full")}

    def configure(self, tables):
        self.tote.configure(self.database.url, more=tables)

    def batch(self, *change):
        for sql in change:
            self.database.execute(sql)
        self.tote.ok("ingest")
        return {table["name"]: (table["changed"], table["deleted"], table["compare"])
                for batch in self.replay.advance() for table in batch.record["tables"]}

    def compare(self):
        """What a compare by fingerprint finds."""
        self.configure(self.tables.replace("compare_every: 1h", "compare_every: 0s"))
        found = self.batch()
        self.configure(self.tables)
        for name in ("event", "plain"):
            check_table(self.database, self.replay.tables[name])
        return found


@pytest.fixture
def source(database, tote):
    return Source(database, tote)


def test_only_recent_rows_are_read_until_the_next_compare(source):
    assert source.batch() == {}
    assert source.batch("insert into event values (401, 'new'); update event set v = 'w', at = now() where id = 5") == \
        {"event": (2, 0, "cursor"), "plain": (0, 0, "cursor")}
    # a silent update far back, a deletion: not seen, and not called complete
    assert source.batch("update event set v = 'silent' where id = 7; delete from event where id = 8") == {}
    status = source.tote.ok("status").stdout
    assert "event is read by its cursor 'at': complete as of " in status
    described = {row["table"]: row for row in source.tote.ok("status", "--json").json["sources"]}
    assert described["event"]["cursor"] == "at"
    assert described["event"]["complete_as_of"][:19].replace("T", " ") == source.replay.batches[0].record["captured_at"][:19]
    assert "cursor" in source.tote.ok("history", "--batch", "2").stdout
    assert source.compare() == {"event": (1, 1, "fingerprint"), "plain": (0, 0, "fingerprint")}
    # and what was before that compare is found by the next one, whatever batches lie in between
    assert source.batch("update event set v = 'again' where id = 9", "insert into event values (402, 'more')") == \
        {"event": (1, 0, "cursor"), "plain": (0, 0, "cursor")}
    assert source.compare() == {"event": (1, 0, "fingerprint"), "plain": (0, 0, "fingerprint")}


def test_old_rows_are_not_read(source):
    """Else there would be no use in it."""
    source.database.execute("insert into event select i, 'old', now() - interval '1 year' from generate_series(1001, 21000) i; analyze")
    source.compare()
    source.database.execute("select pg_stat_reset()")
    assert source.batch("insert into event values (401, 'new')")["event"] == (1, 0, "cursor")
    read = source.database.value("select seq_tup_read + idx_tup_fetch from pg_stat_user_tables where relname = 'event'")
    assert read < 100


def test_late_commits_arrive(source):
    """Their timestamps are of the transaction's begin; others with later ones were seen long before."""
    with source.database.connect() as early, source.database.connect() as writing:
        early.execute("select 1")  # begins here, writes only later
        writing.execute("insert into event values (500, 'late')")
        for number in range(3):
            assert source.batch(f"insert into event values ({501 + number}, 'in between')")["event"] == (1, 0, "cursor")
        writing.commit()
        assert source.batch()["event"] == (1, 0, "cursor")
        early.execute("insert into event values (600, 'very late')")
        early.execute("insert into plain values (600)")
        assert source.batch("insert into event values (504, 'in between')")["event"] == (1, 0, "cursor")
        early.commit()
        assert source.batch() == {"event": (1, 0, "cursor"), "plain": (1, 0, "cursor")}
    assert source.compare() == {"event": (0, 0, "fingerprint"), "plain": (0, 0, "fingerprint")}


def test_values_from_the_future_hide_nothing(source):
    assert source.batch("insert into event values (401, 'far', '2999-01-01'), (402, 'end', 'infinity');"
                        "insert into plain values (401, '2999-01-01')") == \
        {"event": (2, 0, "cursor"), "plain": (1, 0, "cursor")}
    for number in range(2):
        assert source.batch(f"insert into event values ({403 + number}, 'now'); insert into plain values ({403 + number})") == \
            {"event": (1, 0, "cursor"), "plain": (1, 0, "cursor")}


def test_local_time_without_zone(source):
    """An application that writes its wall clock, on either side of UTC."""
    for number, zone in enumerate(["Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Kiritimati"]):
        with source.database.connect(autocommit=True) as connection:
            connection.execute(f"set timezone = '{zone}'")
            connection.execute(f"delete from plain; insert into plain values ({500 + number})")
        source.compare()
        with source.database.connect(autocommit=True) as connection:
            connection.execute(f"set timezone = '{zone}'")
            connection.execute(f"insert into plain values ({600 + number})")
        assert source.batch()["plain"] == (1, 0, "cursor")


def test_role_that_sees_no_other_transactions_relies_on_the_overlap(source, server):
    server.create_role("blind", "secret")
    source.database.execute("grant select on event, plain to blind")
    source.tote.configure(source.database.url_for("blind", "secret"), more=source.tables.replace("overlap: 0s", "overlap: 5s"))
    doctor = source.tote.run("doctor").stdout
    assert "tables.event.cursor_overlap to more than the longest transaction" in doctor
    assert "table 'event' is read by its cursor 'at'" in doctor
    with source.database.connect() as late:
        late.execute("insert into event values (500, 'late')")
        source.batch("insert into event values (501, 'in between')")
        late.commit()
    assert source.batch()["event"] == (1, 0, "cursor")
    source.database.execute("drop owned by blind")


def test_cursor_that_comes_and_goes(source):
    """Changes that only fingerprints find are found by the first batch without it."""
    source.batch("update event set v = 'silent' where id = 7", "insert into event values (401, 'x')")
    source.configure("tables:\n  plain: {cursor: at}\n")
    assert source.batch() == {"event": (1, 0, "fingerprint"), "plain": (0, 0, "cursor")}
    source.configure(source.tables)
    assert source.batch()["event"] == (0, 0, "fingerprint")
    assert source.batch("insert into event values (402, 'x')")["event"] == (1, 0, "cursor")


@pytest.mark.parametrize("table, options, words", [
    ("event", "cursor: nothing", "there is no column 'nothing'"),
    ("event", "cursor: v", "column 'v' is of type text"),
    ("keyless", "cursor: at", "the table has no key"),
])
def test_what_cannot_be_a_cursor(database, tote, table, options, words):
    database.execute(SETUP + "; create table keyless (at timestamp)")
    tote.configure(database.url, more=f"tables:\n  {table}: {{{options}}}\n")
    result = tote.fails(3, "ingest")
    assert f"tables.{table}.cursor: {words}" in result.stderr
    assert "hint: name a timestamp column" in result.stderr


def test_doctor_asks_for_an_index(database, tote):
    database.execute("create table t (id integer primary key, at timestamp)")
    tote.configure(database.url, more="tables:\n  t: {cursor: at}\n")
    said = tote.run("doctor").stdout
    assert "cursor 'at' of table 't' has no index" in said
    assert "cursor 'at' of table 't' may be NULL" in said
