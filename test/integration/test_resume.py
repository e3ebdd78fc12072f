"""A first load that is killed, and the one after it. If these fail, a large load that breaks off begins again from nothing, or
the lake keeps rows of the attempt before that the source does not hold any more.
"""
import collections
import time

import pytest

from replay import raw_lines

ROWS = 80_000
PARTS = 4  # of 16 MiB, the smallest there are
LAKE = "  part_size: 1MiB\n"
KEYS = {"number": ("integer", "i"), "text": ("uuid", "md5(i::text)::uuid")}  # in the order of the pages, and in none


def set_up(tote, source, kind):
    column, value = KEYS[kind]
    source.execute(f"create table big (id {column} primary key, n integer, filler text) with (autovacuum_enabled = off);"
                   f"insert into big select {value}, i, repeat(md5(i::text), 25) from generate_series(1, {ROWS}) i; analyze big;"
                   # some rows of a table in order lie elsewhere
                   "update big set n = -n where n % 1000 = 7")
    assert source.value("select pg_relation_size('big')") // (16 << 20) == PARTS
    return configure(tote, source)


def configure(tote, source):
    path = tote.configure(source.url)
    path.write_text(path.read_text().replace("lake:\n", "lake:\n" + LAKE).replace("source:\n", "source:\n  connections: 1\n"))
    return tote


def notes(tote):
    return tote.lake("ingestion/_index/big/*.part")


def kill_after(tote, count):
    running = tote.start("ingest", doomed=True)
    while len(notes(tote)) < count:
        assert running.process.poll() is None, running.wait()
        time.sleep(0.005)
    running.kill()
    assert running.wait().status == -9
    assert tote.records() == []
    return notes(tote)


def content(tote):
    """All rows of the table's first batch, and how many of its objects each attempt wrote."""
    [table] = tote.records()[0]["tables"]
    attempts = collections.Counter(described["key"].split(".")[1].split("-")[1] for described in table["objects"])
    ingestion = tote.folder / "lake/ingestion"
    return sorted(line for described in table["objects"] for line in raw_lines(ingestion, described)), attempts


def check_whole(tote, source, undisturbed):
    rows, attempts = content(tote)
    expected, _ = content(undisturbed)
    assert rows == expected
    assert "all is as recorded" in tote.ok("verify").stdout
    source.execute("update big set n = 0 where n in (10, 40000, 79999); delete from big where n = 20")
    tote.ok("ingest")
    [changed] = tote.records()[1]["tables"]
    assert (changed["changed"], changed["deleted"], changed["compare"]) == (3, 1, "fingerprint")
    assert tote.ok("reconcile", "--json").json["differences"] == 0
    return attempts


@pytest.mark.parametrize("kind", KEYS)
def test_unchanged_parts_are_not_read_again(tote, database, tmp_path, kind):
    set_up(tote, database, kind)
    left = kill_after(tote, 3)
    first = left[0].split("-")[1]
    database.execute("update big set filler = 'other' where n = 5; delete from big where n between 30000 and 30010")
    result = tote.ok("ingest")
    assert f"'big': kept 1 of {PARTS} parts of an attempt before" in result.stderr, result
    assert len(notes(tote)) == len(left) + PARTS - 1
    undisturbed = configure(type(tote)(tmp_path / "undisturbed"), database)
    assert "kept" not in undisturbed.ok("ingest").stderr
    attempts = check_whole(tote, database, undisturbed)
    [table] = tote.records()[0]["tables"]
    tote.ok("sweep", "--grace", "0s")
    assert notes(tote) == [] and "all is as recorded" in tote.ok("verify").stdout
    assert 0 < attempts[first] < sum(attempts.values()) / 2, attempts
    assert any(f"-{first}-" in run["key"] for run in table["index"])


def test_notes_that_lie_are_not_believed(tote, database, tmp_path):
    set_up(tote, database, "number")
    left = kill_after(tote, 3)
    lake = tote.folder / "lake"
    cut, other, third = (lake / note for note in left)
    cut.write_bytes(cut.read_bytes()[:-40])
    third.rename(lake / left[2].replace("-2-4-", "-3-4-"))
    part = other.read_text()
    data = sorted(lake.glob("ingestion/big/*/*/*/*.json*"))
    for path in data:  # whichever of them the second part's are
        if str(path.relative_to(lake / "ingestion")) in part:
            path.write_bytes(path.read_bytes()[:-1] + b"X")
    result = tote.ok("ingest", "--log-level", "debug")
    assert "kept" not in result.stderr, result
    assert result.stderr.count("is not used: ") == 3 and "is not what the note of its part says" in result.stderr, result
    undisturbed = configure(type(tote)(tmp_path / "undisturbed"), database)
    undisturbed.ok("ingest")
    rows, attempts = content(tote)
    assert rows == content(undisturbed)[0] and left[0].split("-")[1] not in attempts
