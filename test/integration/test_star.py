"""The star schema in the warehouse equals, value for value, what plain SQL over the source gives. If these fail, the
company's reports are wrong."""
import duckdb
import pytest
from deltalake import DeltaTable, QueryBuilder

from lib.postgres import ROOT
from lib.tote import Tote
from star import FACTS, QUERIES, DuckWarehouse, PostgresWarehouse, expected
from values import differences, identifier

CANONICAL = (ROOT / "demo" / "totesys" / "warehouse.sql").read_text()


@pytest.fixture(scope="module")
def loaded(server, totesys_template, tmp_path_factory):
    """ToteSys, run once into a DuckDB warehouse, and the same lake loaded into two PostgreSQL ones."""
    source = server.create(template=totesys_template.name)
    tote = Tote(tmp_path_factory.mktemp("star"))
    tote.configure(source.url)
    tote.source = source
    fresh = server.create()
    existing = server.create()
    existing.execute(CANONICAL)
    tote.ok("run")
    tote.ok("load", env={"TOTE_WAREHOUSE_URL": fresh.url})
    tote.ok("load", env={"TOTE_WAREHOUSE_URL": existing.url})
    tote.warehouses = {"duckdb": DuckWarehouse(tote), "postgres": PostgresWarehouse(fresh),
                       "canonical": PostgresWarehouse(existing)}
    yield tote
    for database in (source, fresh, existing):
        database.drop()


class TestLoaded:
    """One run, looked at from all sides."""

    @pytest.mark.parametrize("table", QUERIES)
    @pytest.mark.parametrize("warehouse", ["duckdb", "postgres", "canonical"])
    def test_table_equals_plain_sql_over_the_source(self, loaded, warehouse, table):
        names, rows = expected(loaded.source, table)
        assert rows
        there = loaded.warehouses[warehouse]
        assert differences(rows, there.rows(table, names)) is None
        extra = [name for name in there.columns(table) if name not in names]
        if table not in FACTS:
            assert extra == []
        else:
            assert extra[0] == FACTS[table][0]
            assert set(extra[1:]) <= {"batch_id", "captured_at", "deleted"}

    @pytest.mark.parametrize("table", FACTS)
    @pytest.mark.parametrize("warehouse", ["duckdb", "postgres", "canonical"])
    def test_first_batch_of_a_fact_is_all_current(self, loaded, warehouse, table):
        names, rows = expected(loaded.source, table)
        there = loaded.warehouses[warehouse]
        assert differences(rows, there.rows(f"{table}_current", names)) is None
        history = there.rows(f"{table}_history", [*names, "valid_to"])
        assert differences([(*row, None) for row in rows], history) is None

    @pytest.mark.parametrize("table", QUERIES)
    def test_delta_table_is_read_by_others(self, loaded, table):
        """delta-rs follows the log, DuckDB reads the files that the log names: both must see the star."""
        names, rows = expected(loaded.source, table)
        (path,) = {log.parent for log in (loaded.folder / "lake/processed/star").glob(f"{table}/**/_delta_log")}
        delta = DeltaTable(str(path))
        files = [uri.removeprefix("file://") for uri in delta.file_uris()]
        columns = ", ".join(f"cast({identifier(name)} as varchar)" for name in names)
        read = duckdb.sql(f"select {columns} from read_parquet({files!r})").fetchall()
        plain = [tuple(cell if cell is None else {"t": "true", "f": "false"}.get(cell, cell) if name == "paid" else cell
                       for name, cell in zip(names, row)) for row in rows]
        full = [tuple(fixed_time(name, cell) for name, cell in zip(names, row)) for row in plain]
        assert differences(full, read) is None
        counted = QueryBuilder().register("t", delta).execute("select count(*) as n from t").read_all()
        assert counted["n"][0].as_py() == len(rows)

    @pytest.mark.parametrize("warehouse", ["postgres", "canonical"])
    def test_foreign_keys_of_the_canonical_warehouse_hold(self, loaded, warehouse):
        database = loaded.warehouses[warehouse].database
        keys = database.value("select count(*) from pg_constraint where contype = 'f' and"
                              " conrelid::regclass::text like 'fact_%'")
        assert keys == 24
        with pytest.raises(Exception, match="violates foreign key constraint"):
            database.execute("update fact_sales_order set design_id = 999999 where sales_order_id = 1")

    def test_second_run_changes_nothing(self, loaded):
        before = loaded.lake()
        ledger = loaded.warehouse("select cast(b as varchar) from tote.batch b")
        loaded.ok("run")
        assert loaded.lake() == before
        assert loaded.warehouse("select cast(b as varchar) from tote.batch b") == ledger

def fixed_time(name, cell):
    """Delta has no time of day; in the lake it is text of fixed width."""
    return cell.partition(".")[0] + "." + cell.partition(".")[2].ljust(6, "0") if name.endswith("_time") else cell