"""What the tests of reports, the server and the published page share: ToteSys in both warehouses, changed once."""
from lib.dashboard import Dashboard
from lib.postgres import ROOT
from lib.tote import Tote

# Silent, announced, in the past, gone; a payment that vanishes, one that names another amount.
CHANGES = """
update sales_order set units_sold = units_sold + 1000 where sales_order_id = 42;
update sales_order set unit_price = unit_price * 2, last_updated = '2024-11-15 15:00' where sales_order_id in (50, 51);
update sales_order set agreed_delivery_date = '2022-11-01' where sales_order_id = 52;
update payment set payment_amount = payment_amount + 1 where transaction_id = (select transaction_id from transaction where purchase_order_id = 7);
delete from payment where transaction_id in (select transaction_id from transaction where sales_order_id in (43, 60));
delete from transaction where sales_order_id = 43;
delete from sales_order where sales_order_id = 43;
"""


class Both:
    """One lake, loaded into DuckDB (tote.yaml) and into PostgreSQL (postgres.yaml)."""

    def __init__(self, folder, server, template, warehouse):
        self.source = server.create(template=template.name)
        self.warehouse = warehouse
        self.tote = Tote(folder)
        self.tote.configure(self.source.url)
        text = (self.tote.folder / "tote.yaml").read_text()
        self.tote.write("postgres.yaml", text.replace("duckdb:./warehouse.duckdb", warehouse.url))
        self.tote.ok("run")
        self.source.execute(CHANGES)
        self.tote.ok("run")
        self.tote.ok("--config", "postgres.yaml", "load")
        # asked over HTTP: a server answers faster than a program starts
        self.servers = [Dashboard(self.tote, "--config", f"{name}.yaml") for name in ("tote", "postgres")]
        for server in self.servers:
            server.__enter__()

    def close(self):
        for server in self.servers:
            server.end()
            assert server.status == 0, server.talk

    def report(self, name, **filters):
        """The document, which must be the same in both warehouses."""
        documents = [server.ok(f"/api/reports/{name}", **filters) for server in self.servers]
        assert documents[0] == documents[1]
        return documents[0]

    def rows(self, name, **filters):
        return [tuple(row) for row in self.report(name, **filters)["rows"]]

    def column(self, name, column, **filters):
        document = self.report(name, **filters)
        place = [entry["name"] for entry in document["columns"]].index(column)
        return [row[place] for row in document["rows"]]


def catalogue():
    """Names of the reports that stand in models/report."""
    return sorted(path.stem for path in (ROOT / "models" / "report").glob("*.sql"))

