"""`verify` and `reconcile`. If these fail, a lake that lost or bent an object passes for whole, or a difference to the source is
found and not told."""


def test_what_is_missing_or_bent_is_named(project, first_run):
    assert "all is as recorded" in project.ok("verify").stdout
    project.source.execute("update design set design_name = 'Oak' where design_id = 1")
    project.ok("run")
    whole = project.ok("verify", "--json").json
    assert whole["ok"] and [store["batches"] for store in whole["stores"]] == [2, 2]
    named = {described["key"] for record in project.records() for table in record["tables"]
             for kind in ("objects", "deleted_objects", "index") for described in table.get(kind, [])}
    assert whole["stores"][0]["objects"] == len(named)
    # every file once, though tables and records both name it
    files = [path for path in (project.folder / "lake/processed").rglob("*") if path.is_file()]
    assert whole["stores"][1]["objects"] <= len(files)
    lake = project.folder / "lake"
    lost, cut, bent = (sorted(lake.glob(pattern))[0] for pattern in
                       ("ingestion/_index/staff/*.index", "ingestion/address/*/*/*/*.json", "processed/clean/payment_type/*/*.parquet"))
    lost.unlink()
    cut.write_bytes(cut.read_bytes()[:-1])
    bent.write_bytes(b"X" + bent.read_bytes()[1:])
    result = project.fails(13, "verify")
    for path, words in ((lost, "is missing"), (cut, "bytes, its record says"), (bent, "has other content than its record says")):
        named_once = f"object '{path.relative_to(lake / path.relative_to(lake).parts[0])}' "
        assert result.stdout.count(named_once) == 1, result
        assert words in result.stdout
    quick = project.fails(13, "verify", "--quick").stdout
    assert "is missing" in quick and "other content" not in quick
    record = sorted((lake / "ingestion/_batches").glob("*"))[0]
    record.write_text(record.read_text().replace('"rows"', '"rowz"', 1))
    assert "ingestion, batch 2: batch record" in project.fails(13, "verify").stdout


def test_reconcile_says_what_batches_had_missed(database, tote):
    database.execute("create table t (id integer primary key, v text, at timestamptz not null default now()); create index on t (at);"
                     "insert into t select i, 'v', now() - interval '1 day' * i from generate_series(1, 100) i")
    tote.configure(database.url, more="tables:\n  t: {cursor: at}\n")
    tote.ok("ingest")
    database.execute("update t set v = 'silent' where id = 50; delete from t where id = 51; insert into t values (101, 'seen')")
    found = tote.ok("reconcile", "--json").json
    assert (found["batch"], found["differences"]) == (3, 2)
    assert found["tables"] == [{"table": "t", "source_rows": 100, "differed": 1, "deleted": 1, "gone": False}]
    assert "the lake held what the source holds" in tote.ok("reconcile").stdout
