"""The ToteSys star as it ought to be, and as it is in each warehouse."""
import pathlib
import re

from values import canonical_rows, duckdb_rows, identifier, texts

TEXT = (pathlib.Path(__file__).parent / "star_of_source.sql").read_text()
QUERIES = dict(re.findall(r"^-- table: (\w+)\n(.*?)(?=\n-- table:|\Z)", TEXT, re.M | re.S))
FACTS = {"fact_sales_order": ("sales_record_id", "sales_order"),
         "fact_purchase_order": ("purchase_record_id", "purchase_order"),
         "fact_payment": ("payment_record_id", "payment")}
DIMENSIONS = [name for name in QUERIES if name not in FACTS]


def expected(source, table):
    """Column names and rows, in canonical form, of what plain SQL over the source says."""
    names, oids, rows = texts(source, QUERIES[table])
    return names, canonical_rows(oids, rows)


class DuckWarehouse:
    """The DuckDB file of a project."""

    kind = "duckdb"

    def __init__(self, tote):
        self.tote = tote

    def columns(self, table):
        return [row[0] for row in self.tote.warehouse(f"describe {identifier(table)}")]

    def rows(self, table, columns):
        return duckdb_rows(self.tote, table, columns)[1]


class PostgresWarehouse:
    """A database of the test's server."""

    kind = "postgres"

    def __init__(self, database, schema="public"):
        self.database = database
        self.schema = schema

    def columns(self, table):
        return [name for (name,) in self.database.rows(
            "select column_name from information_schema.columns where table_schema = %s and table_name = %s"
            " order by ordinal_position", (self.schema, table))]

    def rows(self, table, columns):
        names = ", ".join(identifier(name) for name in columns)
        _, oids, rows = texts(self.database, f"select {names} from {identifier(self.schema)}.{identifier(table)}")
        return canonical_rows(oids, rows)
