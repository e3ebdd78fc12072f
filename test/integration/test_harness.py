"""The ground the other integration tests stand on. Were it not firm, none of them would prove anything."""
import csv
import pathlib

import pytest

from lib.postgres import ROOT

DATA = ROOT / "demo" / "totesys" / "data"


@pytest.mark.parametrize("table", sorted(path.stem for path in DATA.glob("*.csv")))
def test_totesys_holds_every_row_of_the_data(totesys, table):
    with (DATA / f"{table}.csv").open(newline="") as file:
        expected = sum(1 for _ in csv.DictReader(file))
    assert totesys.value(f"select count(*) from {table}") == expected


def test_each_test_has_a_database_of_its_own(server, totesys_template, totesys):
    before = totesys.value("select count(*) from payment")
    totesys.execute("truncate payment")
    other = server.create(template=totesys_template.name)
    assert other.value("select count(*) from payment") == before
    other.drop()


def test_program_runs(tote):
    assert "tote" in tote.ok("version").stdout
