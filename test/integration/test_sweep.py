"""`tote sweep`. If these fail, what killed runs left is paid for forever, or the sweep takes what a record names: rows are lost."""
import json
import os
import re
import time

import shop

KILLED_AT = {"ingest": (6, 12, 18), "process": (10, 20, 28, 36, 44)}  # store operations


def killed(tote, at, command="ingest"):
    return tote.start(command, env={"TOTE_FAULT": f"store:kill:{at}"}, doomed=True).wait().status == -9


def named(tote):
    """All that records and logs of tables name, and those themselves."""
    keys = set()

    def walk(value, zone):
        if isinstance(value, dict):
            if "sha256" in value and "key" in value:
                keys.add(f"{zone}/{value['key']}")
            for each in value.values():
                walk(each, zone)
        elif isinstance(value, list):
            for each in value:
                walk(each, zone)

    for zone in ("ingestion", "processed"):
        for record in tote.records(zone):
            walk(record, zone)
    for path in tote.lake("processed/**/_delta_log/*"):
        if re.search(r"/\d{20}\.json$", path):
            for line in (tote.folder / "lake" / path).read_text().splitlines():
                if added := json.loads(line).get("add"):
                    keys.add(f"{path.split('/_delta_log/')[0]}/{added['path']}")
    return keys | {path for path in tote.lake() if "/_batches/" in path or "/_delta_log/" in path}


def objects(tote):
    return {path for path in tote.lake() if "/.staging/" not in path}


def sizes(tote, paths):
    return sum((tote.folder / "lake" / path).stat().st_size for path in paths)


def kill_and_run(tote):
    for command, places in KILLED_AT.items():
        assert [at for at in places if killed(tote, at, command)], command
        tote.ok(command)
    tote.ok("load")


def test_just_the_orphans_go(tote, database):
    shop.fill(database)
    shop.set_up(tote, database.url)
    assert tote.ok("sweep", "--grace", "0s", "--json").json["stores"][0] == \
        {"store": "ingestion", "head": 0, "named": 0, "objects": 0, "bytes": 0}
    kill_and_run(tote)
    database.execute(f"{shop.CHANGES}; {shop.LOG_CHANGES}")
    kill_and_run(tote)
    foreign = {"ingestion/README.txt", "ingestion/orders/notes.json", "processed/clean/0000000001-abcdef-1.csv"}
    for path in foreign:
        tote.write(f"lake/{path}", "somebody else's")
    for i in range(2100):  # more than two pages
        tote.write(f"lake/ingestion/_index/log/0000000001-{i:06x}-0.index", "left")
    orphans = objects(tote) - named(tote) - foreign
    assert {path.split("/")[0] for path in orphans} == {"ingestion", "processed"}, orphans
    for path in orphans:
        if path.startswith("processed"):
            os.utime(tote.folder / "lake" / path, (yesterday := time.time() - 25 * 3600, yesterday))
    # a runner that is at work on the next batch
    database.execute("insert into log values ('next'); update customer set city = 'next'; update item set label = 'next'")
    done = objects(tote)
    for at in range(18, 90, 2):
        assert killed(tote, at)
        if next_batch := objects(tote) - done:
            break
    before = objects(tote)
    assert next_batch and len(tote.records()) == 2

    young = tote.ok("sweep", "--dry-run").stdout
    assert "ingestion  0 objects, 0 bytes would be removed" in young
    listed = tote.ok("sweep", "--dry-run", "--json", "--grace", "0s").json
    would = {f"{each['store']}/{each['key']}" for each in listed["would_be_removed"]}
    assert would == orphans and objects(tote) == before
    assert sum(store["bytes"] for store in listed["stores"]) == sizes(tote, orphans)
    assert set(tote.ok("sweep", "--dry-run", "--grace", "0s").stdout.splitlines()) >= orphans
    both = [tote.start("sweep", "--grace", "0s", "--json") for _ in range(2)]
    results = [running.wait() for running in both]
    assert [result.status for result in results] == [0, 0], results
    assert objects(tote) == before - orphans and next_batch <= objects(tote)

    assert "all is as recorded" in tote.ok("verify").stdout
    tote.ok("run")
    shop.check_now(tote, database, shop.open_warehouse(tote, None))
    tote.ok("sweep", "--grace", "0s")
    assert objects(tote) == named(tote) | foreign


def test_a_record_that_is_gone_stops_it(tote, database):
    shop.fill(database)
    shop.set_up(tote, database.url)
    killed(tote, 14)
    tote.ok("run")
    tote.ok("run", "--full")
    database.execute(shop.CHANGES)
    tote.ok("run")
    before = objects(tote)
    first = sorted(tote.lake("ingestion/_batches/*"))[-1]
    (tote.folder / "lake" / first).unlink()
    result = tote.fails(13, "sweep", "--grace", "0s")
    assert "record of batch 1 is gone" in result.stderr and "hint: nothing was removed" in result.stderr
    assert objects(tote) == before - {first}
    assert "'--grace'" in tote.fails(2, "sweep", "--grace", "soon").stderr
