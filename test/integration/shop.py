"""A source of a few small tables with models of its own, for tests that run the program very often, and what lake and
warehouse hold of it, in a form that can be compared.
"""
import contextlib
import json

import duckdb

from replay import Replay, captured_at, check_table
from star import DuckWarehouse, PostgresWarehouse
from values import canonical_rows, differences, texts

SOURCE = """
create table customer (customer_id integer primary key, name text not null, city text);
create table category (category_id integer primary key, title text not null);
create table item (item_id integer primary key, label text not null, category_id integer not null);
create table orders (
    order_id integer primary key, customer_id integer not null, item_id integer not null, quantity integer not null,
    price numeric(10,2) not null, ordered_on text not null, note text);
create table log (line text);
insert into customer values (1, 'Ann', 'Leeds'), (2, 'Ben', null), (3, 'Käthe "K"', '');
insert into category values (1, 'wood'), (2, 'cork');
insert into item values (1, 'table', 1), (2, 'chair', 1), (3, 'mat', 2);
insert into orders select i, 1 + i % 3, 1 + i % 3, i, i * 1.25, '2024-03-0' || i, nullif('note ' || i, 'note 3')
    from generate_series(1, 6) i;
insert into log values ('a'), ('b'), ('b')"""

# The second batch: an update, an insert, a delete, a change of a key, and something for every table but the log.
CHANGES = """
insert into customer values (4, 'Dora', 'York');
insert into orders values (7, 4, 2, 70, 7.77, '2024-04-01', 'new');
update orders set quantity = 22, note = '' where order_id = 2;
update orders set order_id = 8 where order_id = 6;
delete from orders where order_id = 3;
update category set title = 'oak' where category_id = 1;
update item set label = 'mat & rug' where item_id = 3"""
LOG_CHANGES = "insert into log values ('c'); delete from log where line = 'a'"

MODELS = {
    "dim_customer.sql": "-- kind: dimension\n-- key: customer_id\n-- row-of: customer\n"
                        "select customer_id, name, city from source.customer\n",
    "dim_item.sql": "-- kind: dimension\n-- key: item_id\n"
                    "select i.item_id, i.label, c.title as category\n"
                    "from source.item i join source.category c on c.category_id = i.category_id\n",
    "fact_order.sql": "-- kind: fact\n-- key: order_id\n-- references: customer_id -> dim_customer\n"
                      "-- references: item_id -> dim_item\n"
                      "select order_id, customer_id, item_id, quantity, price, ordered_on, note\nfrom changes.orders\n",
    "open_order.sql": "-- kind: mirror\n-- key: order_id\n-- row-of: orders\n"
                      "select order_id, quantity, note from source.orders\n",
    "clean/orders.sql": "-- kind: clean\n-- type: ordered_on date\n-- check: quantity > 0\n",
}

FACT = ["order_id", "customer_id", "item_id", "quantity", "price", "ordered_on", "note"]
# What the warehouse must show, by plain SQL over the source.
NOW = {
    "dim_customer": (["customer_id", "name", "city"], "select customer_id, name, city from customer"),
    "dim_item": (["item_id", "label", "category"],
                 "select item_id, label, title from item join category using (category_id)"),
    "open_order": (["order_id", "quantity", "note"], "select order_id, quantity, note from orders"),
    "fact_order_current": (FACT, "select order_id, customer_id, item_id, quantity, price, ordered_on::date, note"
                                 " from orders"),
}


def fill(database):
    database.execute(SOURCE)


def set_up(tote, source, warehouse="duckdb:./warehouse.duckdb", more=""):
    """A project folder for the shop, models included."""
    for path, text in MODELS.items():
        tote.write(f"models/{path}", text)
    tote.configure(source, warehouse=warehouse, models="./models", more=more)
    return tote


def warehouse_state(tote, warehouse):
    """Every row of the star, instants replaced by the batch that they stand for; and the ledger."""
    batches = {captured_at(record): record["batch"] for record in tote.records()}

    def numbered(row):
        return tuple(f"batch {batches[cell]}" if cell in batches else cell for cell in row)

    wanted = {table: columns for table, (columns, _) in NOW.items()} | {
        "fact_order": [*FACT, "batch_id", "captured_at", "deleted"],
        "fact_order_history": [*FACT, "batch_id", "deleted", "valid_from", "valid_to"]}
    with held(warehouse) as opened:
        state = {table: sorted(map(numbered, opened.rows(table, columns)), key=repr) for table, columns in wanted.items()}
        return state | {"ledger": ledger(opened)}


def ledger(warehouse):
    query = "select batch, lake from tote.batch order by batch"
    rows = warehouse.tote.warehouse(query) if warehouse.kind == "duckdb" else warehouse.database.rows(query)
    assert len({lake for _, lake in rows}) <= 1, "one lake, one name in the ledger"
    return [batch for batch, _ in rows]


def check_now(tote, source, warehouse):
    """Fails unless lake and warehouse hold just what the source holds now, value for value, and each version once."""
    check_lake(tote, source)
    with held(warehouse) as opened:
        for table, (columns, query) in NOW.items():
            _, oids, rows = texts(source, query)
            wrong = differences(canonical_rows(oids, rows), opened.rows(table, columns))
            assert wrong is None, f"{table}: {wrong}"
        wrong = differences(versions(tote), opened.rows("fact_order", [*FACT, "batch_id", "deleted"]))
        assert wrong is None, f"fact_order: {wrong}"
        check_lake_rows(tote, opened)
        loaded = ledger(opened)  # one that was rebuilt begins with a later batch
    assert loaded and loaded == [record["batch"] for record in tote.records()][-len(loaded):], f"the ledger holds {loaded}"


def check_lake_rows(tote, warehouse):
    """The tables of the processed store have as many rows as those of the warehouse."""
    found = check_delta(tote)
    for table in tote.records("processed")[-1]["tables"]:
        if table["kind"] == "clean":
            continue
        rows = sum(found[table["directory"]][1][-1]) if table["directory"] in found else 0
        there = len(warehouse.rows(table["name"], [table["columns"][0]["name"]]))
        assert rows == there, f"{table['name']}: {rows} rows in the lake, {there} in the warehouse"


def versions(tote):
    """The rows that the fact must have, by the JSON objects of the lake."""
    replay = Replay(tote)
    found = []
    for record in tote.records():
        before = dict(replay.tables["orders"].rows) if "orders" in replay.tables else {}
        batch = replay.take(record)
        assert not batch.wrong, batch.wrong
        table = replay.tables["orders"]
        numbers = {column["name"]: column["number"] for column in table.described["columns"]}
        for keys, rows, deleted in ((batch.changed, table.rows, "f"), (batch.deleted, before, "t")):
            found += [(*(rows[key][numbers[name]] for name in FACT), str(batch.number), deleted)
                      for key in keys.get("orders", ())]
    return found


def check_lake(tote, source):
    """Fails unless the JSON objects that the records name are the rows of the source, each version once."""
    replay = Replay(tote)
    replay.advance()
    for name, table in replay.tables.items():
        if table.described.get("gone"):
            assert source.value("select to_regclass(%s) is null", [name]), f"{name} is there, and its record says gone"
        else:
            check_table(source, table)
    check_delta(tote)
    assert len(tote.records("processed")) == len(replay.batches)
    return replay


def lake_state(tote):
    """What each batch brought, and what the tables of the processed store say of it."""
    replay = Replay(tote)
    state = [(batch.number, {name: sorted(keys) for name, keys in sorted(batch.changed.items())},
              {name: sorted(keys) for name, keys in sorted(batch.deleted.items())}) for batch in replay.advance()]
    processed = [{table["name"]: (table["rows"], table["deleted"], table["quarantined"], table["delta_version"])
                  for table in record["tables"]} for record in tote.records("processed")]
    return state, processed, check_delta(tote)


def check_delta(tote):
    """The rows of each Delta table by version. Fails when a batch was committed twice or a file that counts is missing."""
    root = tote.folder / "lake" / "processed"
    found = {}
    for log in sorted(root.glob("**/_delta_log")):
        files, batches, history = {}, [], []
        for number, path in enumerate(sorted(log.glob("*.json"))):
            assert int(path.stem) == number, f"{path} is out of order"
            for action in map(json.loads, path.read_text().splitlines()):
                if "txn" in action:
                    batches.append(action["txn"]["version"])
                if "add" in action:
                    add = action["add"]
                    assert (log.parent / add["path"]).stat().st_size == add["size"], f"{log.parent / add['path']}"
                    stats = add.get("stats") or "{}"
                    files[add["path"]] = json.loads(stats).get("numRecords") if isinstance(stats, str) else None
                if "remove" in action:
                    del files[action["remove"]["path"]]
            history.append(sorted(files.values(), key=repr))
        assert batches == sorted(set(batches)), f"{log}: a batch was committed twice"
        name = str(log.parent.relative_to(root))
        found[name] = (batches, history)
    return found


def open_warehouse(tote, database=None):
    return PostgresWarehouse(database) if database else DuckWarehouse(tote)


@contextlib.contextmanager
def held(warehouse):
    """Opens a DuckDB file once for many queries, which is quicker; the program cannot write to it meanwhile."""
    with contextlib.ExitStack() as stack:
        if warehouse.kind == "duckdb":
            stack.enter_context(duckdb.connect(str(warehouse.tote.folder / "warehouse.duckdb"), read_only=True))
        yield warehouse
