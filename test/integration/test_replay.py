"""`tote replay`: rows that were put aside get another try. If these fail, an order whose customer was mended stays out of
every report for ever, although nothing is wrong with it any more."""
import os
import random
import shutil
import signal

import duckdb
import pytest

import shop
from lib.tote import Tote
from test_faults import FAILED

# A contract for customers, and a way from the order over the item to its category: parent of a parent.
MODELS = {
    "clean/customer.sql": "-- kind: clean\n-- check: name <> 'bad'\n",
    "clean/category.sql": "-- kind: clean\n-- check: title <> 'bad'\n",
    "dim_category.sql": "-- kind: dimension\n-- key: category_id\n-- row-of: category\n"
                        "select category_id, title from source.category\n",
    "dim_item.sql": "-- kind: dimension\n-- key: item_id\n-- row-of: item\n-- references: category_id -> dim_category\n"
                    "select item_id, label, category_id from source.item\n",
    "dim_note.sql": "-- kind: dimension\n-- key: code\nselect code, meaning from seed.notes\n",
    "seeds/notes.csv": "code,meaning\nnote 1,one\nnote 2,two\nnote 4,four\nnote 5,five\nnote 6,six\n",
    "fact_order.sql": shop.MODELS["fact_order.sql"].replace("select", "-- references: note -> dim_note(code)\nselect"),
    "kept_customer.sql": "-- kind: mirror\n-- key: customer_id\n-- row-of: customer\n"
                         "select customer_id, name from source.customer\n",
    "kept_order.sql": "-- kind: mirror\n-- key: order_id\n-- row-of: orders\n-- references: customer_id -> kept_customer\n"
                      "select order_id, customer_id, quantity from source.orders\n",
}
# What brings rows into quarantine, and what mends their parents.
BROKEN = ("insert into customer values (4, 'bad', 'York'); insert into category values (3, 'bad');"
          "insert into item values (4, 'rug', 3);"
          "insert into orders values (10, 4, 1, 10, 1, '2024-05-01', null), (11, 1, 4, 11, 1, '2024-05-01', null);"
          "update orders set customer_id = 4, quantity = 20 where order_id = 1")
MENDED = ("update customer set name = 'Dora' where customer_id = 4;"
          "update category set title = 'wool' where category_id = 3")
FACT = "select order_id, batch_id, customer_id, item_id, quantity, deleted from fact_order"


class Place:
    """The shop with those models, in a folder, and its warehouse."""

    def __init__(self, tote, source, kind, target=None):
        self.tote, self.source, self.kind, self.target = tote, source, kind, target
        shop.set_up(tote, source.url, **({"warehouse": target.url} if target else {}))
        for path, text in MODELS.items():
            tote.write(f"models/{path}", text)

    def rows(self, query):
        if self.kind == "duckdb":
            return sorted(self.tote.warehouse(query), key=repr)
        return sorted(self.target.rows(query), key=repr)

    def change(self, sql, command="run"):
        self.source.execute(sql)
        return self.tote.ok(command)

    def held(self):
        """What status says is held back, by table."""
        status = self.tote.ok("status", "--json").json
        found = {f"clean.{each['table']}": each["quarantined"] for each in status["sources"]}
        found |= {each["model"]: each["quarantined"] for each in status["models"]}
        return {name: count for name, count in found.items() if count}

    def state(self):
        """All that the warehouse shows, history included, instants as far as they are in order."""
        with shop.held(shop.open_warehouse(self.tote, self.target)):
            return self.state_of_open()

    def state_of_open(self):
        tables = ["dim_customer", "dim_category", "dim_item", "dim_note", "kept_customer", "kept_order"]
        instants = {at: f"batch {batch}" for batch, at in self.rows("select distinct batch_id, captured_at from fact_order")}
        columns = "order_id, customer_id, item_id, quantity, batch_id, deleted, valid_from, valid_to"
        rows = {table: self.rows(f"select * from {table}") for table in tables}
        rows["history"] = [tuple(instants.get(cell, cell) for cell in row)
                           for row in self.rows(f"select {columns} from fact_order_history")]
        rows["current"] = self.rows("select order_id, customer_id, item_id, quantity from fact_order_current")
        return rows


@pytest.fixture(params=["duckdb", "postgres"])
def place(request, server, database, tote):
    shop.fill(database)
    target = server.create() if request.param == "postgres" else None
    yield Place(tote, database, request.param, target)
    if target:
        target.drop()


def tried(result):
    return {table["table"]: table["rows"] for table in result.json["replay"]["tables"] if table["tried"]}


def test_children_come_back_when_their_parents_are_mended(place):
    """Of one level and of two, in facts, dimensions and mirrors; each at its place in history."""
    tote = place.tote
    tote.ok("run")  # 1
    everything = place.state()
    # customer 4 and category 3 break their contracts; what refers to them is sound
    place.change(BROKEN)  # 2
    assert place.held() == {"clean.customer": 1, "clean.category": 1, "dim_item": 1, "fact_order": 3, "kept_order": 2}
    assert place.state()["current"] == everything["current"], "the last good version stays"
    place.change("update orders set quantity = 30 where order_id = 1; update orders set quantity = 12 where order_id = 11;")  # 3
    place.change("delete from orders where order_id = 10")  # 4
    assert place.rows(FACT + " where order_id in (10, 11) or batch_id > 1") == []
    # nothing about the children changes from here on
    place.change(MENDED)  # 5
    assert place.rows(FACT + " where batch_id > 1") == [], "they do not come by themselves"
    before = tote.records("processed")[-1]
    result = tote.ok("replay", "--json")  # 6
    assert result.json["replay"]["batch"] == 6 and tried(result) == {"dim_item": 1, "fact_order": 6, "kept_order": 3}
    assert [step["step"] for step in result.json["steps"]] == ["process", "load"]
    assert place.rows(FACT + " where batch_id > 1") == [
        (1, 2, 4, 2, 20, False), (1, 3, 4, 2, 30, False), (10, 2, 4, 1, 10, False), (10, 4, 4, 1, 10, True),
        (11, 2, 1, 4, 11, False), (11, 3, 1, 4, 12, False)]
    assert place.rows("select label, category_id from dim_item where item_id = 4") == [("rug", 3)]
    assert place.rows("select order_id, customer_id, quantity from kept_order where order_id in (1, 10, 11)") == [
        (1, 4, 30), (11, 1, 12)]
    # history: the versions follow one another by the batch that they came with
    history = [row for row in place.state()["history"] if row[0] in (1, 10)]
    assert [(row[0], *row[4:]) for row in history] == [
        (1, 1, False, "batch 1", "batch 2"), (1, 2, False, "batch 2", "batch 3"), (1, 3, False, "batch 3", None),
        (10, 2, False, "batch 2", "batch 4"), (10, 4, True, "batch 4", None)]
    assert place.rows("select quantity from fact_order_current where order_id = 1") == [(30,)]
    # nothing was made anew; what stays out is what broke its contract
    assert place.held() == {"clean.customer": 1, "clean.category": 1}
    after = tote.records("processed")[-1]
    assert not after["rebuilt"] and after["generation"] == before["generation"]
    # the next batch goes on where the one before the replay was, without comparing everything
    result = place.change("update orders set quantity = 31 where order_id = 1; delete from orders where order_id = 11")  # 7
    tables = {table["name"]: (table["changed"], table["deleted"], table["compare"]) for table in tote.records()[-1]["tables"]}
    assert tables["orders"] == (1, 1, "fingerprint") and tables["customer"] == (0, 0, "fingerprint")
    assert place.rows("select quantity from fact_order_current where order_id in (1, 11)") == [(31,)]
    assert [batch["kind"] for batch in tote.ok("history", "--json").json["batches"]] == ["ingest", "replay"] + ["ingest"] * 5
    tote.ok("verify")
    tote.ok("reconcile")
    tote.ok("run")
    shop.check_lake(tote, place.source)
    # as a warehouse that is made from nothing has it
    loaded = place.state()
    fresh = Tote(tote.folder, {"TOTE_WAREHOUSE_URL": "duckdb:./fresh.duckdb"})
    fresh.ok("load")
    with duckdb.connect(str(tote.folder / "fresh.duckdb"), read_only=True) as opened:
        again = opened.sql(FACT + " order by 1, 2").fetchall()
    assert sorted(again, key=repr) == place.rows(FACT) and loaded["current"]


def test_nothing_to_do_writes_no_batch(place):
    tote = place.tote
    assert "there is no batch" in tote.ok("replay").stdout
    tote.ok("run")
    result = tote.ok("replay")
    assert "nothing is in quarantine" in result.stdout
    # what breaks its contract would end as before
    place.change("update orders set ordered_on = 'tomorrow' where order_id = 1")
    result = tote.ok("replay")
    assert "clean.orders stays out" in result.stdout and "models/clean/orders.sql" in result.stdout, result
    assert len(tote.records()) == 2 and len(tote.records("processed")) == 2
    # unless it is asked for
    assert tried(tote.ok("replay", "orders", "--json")) == {"clean.orders": 1}
    assert len(tote.records("processed")) == 3 and place.held() == {"clean.orders": 1}
    assert len(place.rows(FACT)) == 6 and "replay: rebuilt" in tote.ok("history").stdout
    failed = tote.run("replay", "fact_ordr")
    assert failed.status != 0 and "did you mean 'fact_order'?" in failed.stderr, failed


def test_seed_and_names(place):
    """A seed that grows makes its dimension anew, not what refers to it. What is named is tried, the rest waits."""
    tote = place.tote
    place.change("insert into orders values (20, 1, 1, 1, 1, '2024-05-01', 'note 9'), (21, 1, 77, 1, 1, '2024-05-01', null)")
    assert place.held() == {"fact_order": 2}
    tote.write("models/seeds/notes.csv", MODELS["seeds/notes.csv"] + "note 9,nine\n")
    place.change("update item set label = 'x' where item_id = 1")
    assert place.rows("select meaning from dim_note where code = 'note 9'") == [("nine",)]
    assert place.held() == {"fact_order": 2}, "the fact is not made anew"
    assert tried(tote.ok("replay", "dim_customer", "--json")) == {"fact_order": 2}, "what refers to it is tried too"
    assert place.rows("select order_id from fact_order where order_id > 10") == [(20,)]
    assert place.held() == {"fact_order": 1}
    place.change("insert into item values (77, 'late', 1)")
    assert "1 row of fact_order gets another try" in tote.ok("replay", "--no-follow").stdout
    assert "waits for another try already" in tote.ok("replay", "--no-follow").stdout
    assert place.rows("select order_id from fact_order where order_id > 10") == [(20,)]
    tote.ok("process"), tote.ok("load")
    assert place.rows("select order_id from fact_order where order_id > 10") == [(20,), (21,)]
    assert place.held() == {} and "nothing is in quarantine" in tote.ok("replay").stdout


# How many places of each kind are tried, in which a replay may fail or be killed.
SAMPLE = {"duckdb": {"store": 2, "duck": 1, "file": 1}, "postgres": {"store": 1, "pg": 2}}


class Ground:
    """A replay that is due, to be tried again and again."""

    def __init__(self, server, source, folder, kind):
        self.server, self.source, self.folder, self.kind = server, source, folder, kind
        self.template = server.create() if kind == "postgres" else None
        self.numbers = iter(range(10 ** 6))
        shop.fill(source)
        self.base = Place(Tote(folder / "base"), source, kind, self.template)
        self.base.tote.ok("run")
        self.base.change(BROKEN)
        self.base.change(MENDED)

    def trial(self, action):
        """What there is in the end, when `action` has done something with a copy of the project."""
        folder = self.folder / f"trial{next(self.numbers)}"
        shutil.copytree(self.folder / "base", folder)
        target = self.server.create(template=self.template.name) if self.template else None
        tote = Tote(folder, {"TOTE_WAREHOUSE_URL": target.url} if target else {})
        place = Place.__new__(Place)
        place.tote, place.source, place.kind, place.target = tote, self.source, self.kind, target
        try:
            action(place)
            ends = tote.ok("replay", "--json").json["steps"]
            assert [step["head"] for step in ends] == [len(tote.records())] * 2, ends
            assert place.held() == {"clean.customer": 1, "clean.category": 1}
            return place.state(), *shop.lake_state(tote)
        finally:
            if target:
                target.drop()
            shutil.rmtree(folder)


@pytest.fixture(params=["duckdb", "postgres"])
def ground(request, server, database, tmp_path):
    made = Ground(server, database, tmp_path, request.param)
    yield made
    if made.template:
        made.template.drop()


@pytest.mark.timeout(300)
def test_a_fault_anywhere_leaves_no_trace(ground):
    counts = {}

    def undisturbed(place):
        place.tote.ok("replay", env={"TOTE_FAULT_COUNT": str(place.tote.folder / "counts")})
        counts.update(line.split() for line in (place.tote.folder / "counts").read_text().splitlines())

    def struck(fault):
        def strike(place):
            result = place.tote.start("replay", env={"TOTE_FAULT": fault}, doomed=True).wait()
            assert result.status in (0, FAILED if ":fail:" in fault else -signal.SIGKILL), result
        return strike

    wanted = ground.trial(undisturbed)
    assert [row for row in wanted[0]["current"] if row[0] in (1, 10, 11)] == [(1, 4, 2, 20), (10, 4, 1, 10), (11, 1, 4, 11)]
    wrong = []
    for kind, number in SAMPLE[ground.kind].items():
        count = int(counts[kind])
        for action in ("fail", "kill", "kill-after") if kind == "store" else ("fail", "kill"):
            randomness = random.Random(f"{ground.kind} {kind} {action}")
            places = range(count) if os.environ.get("TOTE_FAULTS_ALL") else randomness.sample(range(count), min(number, count))
            for place in places:
                fault = f"{kind}:{action}:{place + 1}"
                found = ground.trial(struck(fault))
                if found != wanted:
                    wrong.append(f"TOTE_FAULT={fault}: {found}\nnot {wanted}")
    assert not wrong, "\n".join(wrong)


def test_runners_at_once(ground):
    """Two who replay and one who runs: the rows come once, by one batch."""
    def race(place):
        place.source.execute("update orders set quantity = quantity + 1 where order_id = 2")
        running = [place.tote.start(command) for command in ("replay", "run", "replay")]
        results = [each.wait() for each in running]
        assert all(result.status in (0, 5) for result in results) and any(result.status == 0 for result in results), results
        place.tote.ok("run")
        assert sorted(record["kind"] for record in place.tote.records()) == ["ingest"] * 4 + ["replay"]
        assert place.rows(FACT + " where batch_id = 2") == [
            (1, 2, 4, 2, 20, False), (10, 2, 4, 1, 10, False), (11, 2, 1, 4, 11, False)]
        assert len(place.rows(FACT)) == 6 + 3 + 1
        shop.check_lake(place.tote, place.source)

    ground.trial(race)
