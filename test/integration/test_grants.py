"""sql/grants/: what the scripts grant is enough for the program, and is no more than that."""
import subprocess

import psycopg
import pytest

from lib.terraform import ROOT


def grant(database, script, **variables):
    """Runs a script twice, as its head promises that one may."""
    settings = [f"-v{name}={value}" for name, value in variables.items()]
    for _ in range(2):
        subprocess.run(["psql", "-X", "-q", *settings, "-f", ROOT / "sql/grants" / script, database.conninfo],
                       check=True, stdin=subprocess.DEVNULL, timeout=60)


def denied(url, *statements):
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
                connection.execute(statement)


def warehouse(server, request):
    database = server.create()
    request.addfinalizer(database.drop)
    # roles live longer than a database: their names are this database's
    return database, {"role": f"loader_{database.name}"}, {"role": f"reader_{database.name}",
                                                          "loader": f"loader_{database.name}"}


def test_the_source_role_is_enough_and_no_more(tote, totesys):
    role = f"source_{totesys.name}"
    grant(totesys, "source_reader.sql", role=role)
    tote.configure(totesys.url_for(role))
    assert [check for check in tote.ok("doctor", "--json").json["checks"] if check["level"] != "ok"] == []
    tote.ok("run")
    totesys.execute("create table later (id int primary key); insert into later values (1)")
    assert "later" in tote.ok("ingest", "--verbose").stderr + tote.ok("history").stdout or tote.lake("ingestion/later/**/*.json")
    denied(totesys.url_for(role), "insert into later values (2)", "set transaction_read_only = off; delete from later",
           "create table mine (id int)", "create temporary table mine (id int)", "create schema mine",
           "select pg_read_file('/etc/passwd')")


@pytest.mark.parametrize("canonical", [False, True], ids=["empty warehouse", "warehouse that was there"])
def test_loader_and_reader_are_enough_and_no_more(tote, totesys, server, request, canonical):
    database, loader, reader = warehouse(server, request)
    if canonical:
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", ROOT / "demo/totesys/warehouse.sql",
                        database.conninfo], check=True, stdin=subprocess.DEVNULL, timeout=60)
    grant(database, "warehouse_loader.sql", **loader)
    grant(database, "warehouse_reader.sql", **reader)
    tote.configure(totesys.url, warehouse=database.url_for(loader["role"]))
    assert [check for check in tote.ok("doctor", "--json").json["checks"] if check["level"] == "fail"] == []
    tote.ok("run")
    totesys.execute("update design set design_name = 'Oak' where design_id = 1; delete from payment where payment_id = 3")
    tote.ok("run")
    with psycopg.connect(database.url_for(reader["role"])) as connection:
        assert connection.execute("select count(*) from fact_payment").fetchone()[0] > 0
        assert connection.execute("select max(batch) from tote.batch").fetchone() == (2,)
    denied(database.url_for(reader["role"]), "delete from dim_design",
           "set transaction_read_only = off; delete from dim_design", "drop table dim_design", "create table mine (id int)",
           "insert into tote.batch (lake, generation, batch, captured_at, rebuild) values ('', '', 9, now(), false)")
    denied(database.url_for(loader["role"]), "create schema mine", "create role mine", "drop schema public")
