"""Every type's values, the odd ones too, arrive as they were: source, JSON, Parquet, both warehouses. If these fail, numbers
in reports are not the numbers of the source."""
import duckdb
import pytest

from lib.tote import Tote
from replay import Replay, check_table
from type_values import KINDS, create
from values import canonical_rows, differences, duckdb_rows, texts



def mirror(server, source, folder, run=True):
    """A project as `tote init` makes it, run once into DuckDB; the lake also loaded into PostgreSQL."""
    tote = Tote(folder)
    tote.ok("init", "--source", source.url, "--dir", folder)
    tote.source = source
    tote.postgres = server.create()
    if run:
        fill(tote)
    return tote


def fill(tote):
    tote.ok("run")
    tote.ok("load", env={"TOTE_WAREHOUSE_URL": tote.postgres.url})


@pytest.fixture(scope="module")
def source(server):
    database = server.create()
    create(database)
    yield database
    database.drop()


@pytest.fixture(scope="module")
def typed(server, source, tmp_path_factory):
    """Each column in the type that the policy gives it."""
    tote = mirror(server, source, tmp_path_factory.mktemp("typed"))
    tote.replay = Replay(tote)
    tote.replay.advance()
    yield tote
    tote.postgres.drop()


@pytest.fixture(scope="module")
def as_text(server, source, tmp_path_factory):
    """Where a type does not hold every value, the clean model says text."""
    tote = mirror(server, source, tmp_path_factory.mktemp("text"), run=False)
    for name, kind in KINDS.items():
        if kind.refused:
            tote.write(f"models/clean/t_{name}.sql", "-- kind: clean\n-- type: v text\n")
    fill(tote)
    yield tote
    tote.postgres.drop()


def held(kind):
    return f"where id <= {1 + len(kind.held)}"


class TestTyped:
    """Each column in the type that the policy gives it."""

    @pytest.mark.parametrize("name", [f"t_{name}" for name in KINDS] + ["wide"])
    def test_json_says_what_the_source_says(self, typed, name):
        check_table(typed.source, typed.replay.tables[name])

    @pytest.mark.parametrize("name", KINDS)
    def test_postgres_warehouse_says_what_the_source_says(self, typed, name):
        kind = KINDS[name]
        query = f"select id, v from t_{name} "
        _, _, expected = texts(typed.source, query + held(kind))
        _, _, there = texts(typed.postgres, query)
        assert differences(expected, there) is None
        declared = typed.postgres.value("select format_type(atttypid, atttypmod) from pg_attribute"
                                        " where attname = 'v' and attrelid = %s::regclass", (f"t_{name}",))
        assert declared.replace("character varying", "text") == kind.postgres

    @pytest.mark.parametrize("name", KINDS)
    def test_duckdb_warehouse_says_what_the_source_says(self, typed, name):
        kind = KINDS[name]
        _, oids, rows = texts(typed.source, f"select id, v from t_{name} {held(kind)}")
        kinds, there = duckdb_rows(typed, f"t_{name}", ["id", "v"])
        assert differences(canonical_rows(oids, rows), there) is None
        assert kinds == ["INTEGER", kind.duckdb]

    def test_a_row_of_every_type_arrives(self, typed):
        _, oids, rows = texts(typed.source, "select * from wide")
        assert differences(rows, texts(typed.postgres, "select * from wide")[2]) is None
        assert differences(canonical_rows(oids, rows), duckdb_rows(typed, "wide")[1]) is None

    @pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.refused])
    def test_what_no_type_holds_is_quarantined(self, typed, name):
        kind = KINDS[name]
        record = typed.records("processed")[-1]
        clean = [table for table in record["tables"] if table["kind"] == "clean" and table["name"] == f"t_{name}"]
        assert [table["quarantined"] for table in clean] == [len(kind.refused)]
        rows = quarantine(typed, record, f"t_{name}")
        assert len(rows) == len(kind.refused)
        assert all(reason for *_, reason in rows)

    def test_status_counts_what_is_quarantined(self, typed):
        status = typed.ok("status", "--json").json
        counted = {source["table"]: source["quarantined"] for source in status["sources"] if source["quarantined"]}
        assert counted == {f"t_{name}": len(kind.refused) for name, kind in KINDS.items() if kind.refused}


def quarantine(tote, record, table):
    files = [str(tote.folder / "lake/processed" / described["key"]) for described in record["quarantine"]]
    return duckdb.sql(f'select key, reason from read_parquet({files!r}) where "table" = $${table}$$').fetchall()


class TestAsText:
    """Columns that the clean model types as text."""

    @pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.refused])
    def test_as_text_everything_arrives(self, as_text, name):
        """Exactly, too: BC, infinity, NaN."""
        _, oids, rows = texts(as_text.source, f"select id, v from t_{name}")
        expected = canonical_rows(oids, rows)
        assert differences(expected, texts(as_text.postgres, f"select id, v from t_{name}")[2]) is None
        kinds, there = duckdb_rows(as_text, f"t_{name}", ["id", "v"])
        assert differences(expected, there) is None
        assert kinds == ["INTEGER", "VARCHAR"]
