"""Facts keep every version of a row, its deletion included; dimensions show the last content ever seen. If these fail,
what an order was last month is lost, or a report counts it twice."""
from lib.tote import Tote
from replay import captured_at
from star import DIMENSIONS, FACTS, QUERIES, DuckWarehouse, PostgresWarehouse, expected
from test_star import CANONICAL
from values import differences

# What the company does between two batches. No statement touches last_updated unless it says so.
ROUNDS = {
    "inserts": """
        insert into address values (900, '1 New Street', null, null, 'Leeds', 'LS1', 'UK', '0', now(), now());
        insert into counterparty values (900, 'New & Sons', 900, null, null, now(), now());
        insert into department values (90, 'Research', null, null, now(), now());
        insert into staff values (900, 'Ada', 'O''Neil', 90, 'ada@example.com', now(), now());
        insert into design values (9000, now(), 'Bamboo', '/', 'b.json', now()), (9001, now(), 'Cork', '/', 'c', now());
        insert into currency values (4, 'EUR', now(), now());
        insert into sales_order select 90000 + i, now(), now(), 9000, 900, 900, i, i / 7.0, 4, '2024-12-01',
            '2025-12-31', 900 from generate_series(1, 20) i;
        insert into transaction values (900000, 'SALE', 90001, null, now(), now());
        insert into payment values (900000, now(), now(), 900000, 900, 12.30, 4, 1, false, '2024-12-24', 1, 2)""",
    "silent updates": """
        update sales_order set units_sold = units_sold + 1 where sales_order_id in (1, 2, 90001);
        update purchase_order set item_unit_price = item_unit_price + 0.01 where purchase_order_id % 9 = 0;
        update payment set paid = not paid where payment_id between 100 and 120;
        update payment set last_updated = timestamp '2024-11-15 23:59:59.999' where payment_id > 280;
        update design set design_name = 'Köln "☃"' where design_id = 9000;
        update department set department_name = 'R & D', location = 'Hull' where department_id = 90;
        update address set district = '', address_line_2 = 'flat 2' where address_id = 900""",
    "updates that change nothing": """
        update sales_order set units_sold = units_sold;
        update payment set paid = not paid where payment_id = 7; update payment set paid = not paid where payment_id = 7""",
    "deletes": """
        delete from payment where payment_id in (5, 6, 900000);
        delete from sales_order where sales_order_id in (90001, 90002, 4);
        delete from purchase_order where purchase_order_id = 3;
        delete from design where design_id = 9001;
        delete from address where address_id not in (select legal_address_id from counterparty) and address_id not in
            (select agreed_delivery_location_id from sales_order union select agreed_delivery_location_id from purchase_order)""",
    "rows come back": """
        insert into sales_order select 90001, now(), now(), 9000, 900, 900, 77, 7.77, 4, '2024-12-01', '2025-12-31', 900;
        insert into design values (9001, now(), 'Cork again', '/', 'c', now());
        delete from sales_order where sales_order_id = 90003;
        insert into sales_order select 90003, created_at, now(), 9000, 900, 900, 3, 3, 4, '2024-12-01', '2025-12-31', 900
            from sales_order where sales_order_id = 90004""",
    "keys change": """
        update sales_order set sales_order_id = sales_order_id + 5000 where sales_order_id between 90010 and 90012;
        update sales_order set sales_order_id = 90099 where sales_order_id = 90001;
        update sales_order set sales_order_id = 90001 where sales_order_id = 90005;
        update design set design_id = 9002 where design_id = 9000""",
}


class Chronicle:
    """What the star must hold, kept from looks at the source after each batch."""

    def __init__(self, source):
        self.source = source
        self.versions = {fact: [] for fact in FACTS}
        self.current = {fact: {} for fact in FACTS}
        self.dimensions = {name: {} for name in DIMENSIONS if name != "dim_date"}  # that one never changes
        self.names = {}

    def look(self, batch, captured):
        for name in [*self.dimensions, *FACTS]:
            self.names[name], rows = expected(self.source, name)
            now = {row[0]: row for row in rows}
            if name in FACTS:
                self.follow_fact(name, now, batch, captured)
            else:
                self.dimensions[name] |= now

    def follow_fact(self, name, now, batch, captured):
        before = self.current[name]
        self.versions[name] += [(row, batch, captured, "f") for key, row in now.items() if before.get(key) != row]
        self.versions[name] += [(row, batch, captured, "t") for key, row in before.items() if key not in now]
        self.current[name] = now

    def facts(self, name):
        return [(*row, str(batch), captured, deleted) for row, batch, captured, deleted in self.versions[name]]

    def history(self, name):
        """With valid_from and valid_to."""
        following = {}
        result = []
        for row, batch, captured, deleted in reversed(self.versions[name]):
            result.append((*row, str(batch), deleted, captured, following.get(row[0])))
            following[row[0]] = captured
        return result


def compare(chronicle, warehouse, side_columns=True):
    """What is wrong in a warehouse, in words."""
    wrong = {}
    for name in chronicle.dimensions:
        wrong[name] = differences(chronicle.dimensions[name].values(), warehouse.rows(name, chronicle.names[name]))
    for name in FACTS:
        names = chronicle.names[name]
        current = f"{name}_current"
        wrong[current] = differences(chronicle.current[name].values(), warehouse.rows(current, names))
        history = f"{name}_history"
        wrong[history] = differences(
            chronicle.history(name), warehouse.rows(history, [*names, "batch_id", "deleted", "valid_from", "valid_to"]))
        if side_columns:
            wrong[name] = differences(chronicle.facts(name),
                                      warehouse.rows(name, [*names, "batch_id", "captured_at", "deleted"]))
    return {name: text for name, text in wrong.items() if text}


# The whole of ToteSys is test_star.py's matter; here a part of it is enough.
FEWER = """
    delete from payment where payment_id > 300; delete from transaction where transaction_id > 350;
    delete from sales_order where sales_order_id > 250; delete from purchase_order where purchase_order_id > 150"""


def test_every_version_is_kept_and_the_last_one_shown(project, server):
    project.source.execute(FEWER)
    chronicle = Chronicle(project.source)
    duck = DuckWarehouse(project)
    postgres = PostgresWarehouse(server.create())
    existing = PostgresWarehouse(server.create())  # looked at in the end only: it catches up over many batches
    existing.database.execute(CANONICAL)
    for change in [None, *ROUNDS]:
        if change:
            project.source.execute(ROUNDS[change])
        project.ok("run")
        project.ok("load", env={"TOTE_WAREHOUSE_URL": postgres.database.url})
        record = project.records()[-1]
        chronicle.look(record["batch"], captured_at(record))
        assert compare(chronicle, duck) == {}, f"DuckDB after {change}"
        assert compare(chronicle, postgres) == {}, f"PostgreSQL after {change}"
        if change is None:
            project.ok("load", env={"TOTE_WAREHOUSE_URL": existing.database.url})
    nothing = project.records()[1 + list(ROUNDS).index("updates that change nothing")]
    assert not [table for table in nothing["tables"] if table["changed"] or table["deleted"]]
    project.ok("load", env={"TOTE_WAREHOUSE_URL": existing.database.url})
    assert compare(chronicle, existing, side_columns=False) == {}, "the canonical warehouse"
    late = PostgresWarehouse(server.create())
    project.ok("load", env={"TOTE_WAREHOUSE_URL": late.database.url})
    assert compare(chronicle, late) == {}, "a warehouse that comes late"
    for warehouse in (postgres, existing, late):
        warehouse.database.drop()


def test_warehouse_of_another_owner_is_used_as_it_is(server, totesys, tmp_path):
    """A team may fill the canonical tables but not alter them: versions are kept beside them."""
    warehouse = server.create()
    warehouse.execute(CANONICAL + """;
        do $$ begin create role tote_loader login; exception when duplicate_object then null; end $$;
        grant create on database """ + f'"{warehouse.name}"' + """ to tote_loader;
        grant usage, create on schema public to tote_loader;
        grant select, insert, update on all tables in schema public to tote_loader;
        grant usage on all sequences in schema public to tote_loader""")
    totesys.execute(FEWER)
    tote = Tote(tmp_path)
    tote.configure(totesys.url, warehouse=warehouse.url_for("tote_loader"))
    chronicle = Chronicle(totesys)
    there = PostgresWarehouse(warehouse)
    columns = {name: there.columns(name) for name in QUERIES}
    for change in [None, "inserts", "silent updates", "deletes"]:
        if change:
            totesys.execute(ROUNDS[change])
        tote.ok("run")
        record = tote.records()[-1]
        chronicle.look(record["batch"], captured_at(record))
        assert compare(chronicle, there, side_columns=False) == {}, f"after {change}"
    assert columns == {name: there.columns(name) for name in QUERIES}
    warehouse.drop()
