"""Fault loops: the program fails or is killed at its n-th operation, for n = 1, 2, 3 …, and the next run must leave lake
and warehouse exactly as if nothing had happened. If these fail, a power cut loses a batch or counts it twice.

All n take an hour; without TOTE_FAULTS_ALL=1 a spread of them is tried, always the same one.
"""
import os
import random
import shutil
import signal

import pytest

import shop
from lib.tote import Tote

KINDS = ("store", "pg", "duck", "file")
ACTIONS = ("fail", "kill", "kill-after")
ALL = bool(os.environ.get("TOTE_FAULTS_ALL"))
# How many n for each action. What a PostgreSQL warehouse does not change needs no second look.
SAMPLE = {("duckdb", "store"): 3, ("duckdb", "pg"): 2, ("duckdb", "duck"): 3, ("duckdb", "file"): 3,
          ("postgres", "store"): 1, ("postgres", "pg"): 3, ("postgres", "duck"): 1, ("postgres", "file"): 1}
FAILED = 14  # err_codes.def: IO, which is what fault.c says


class Ground:
    """Where a fault happens: in the first run or in one that has changes to bring, and into which warehouse."""

    def __init__(self, server, folder, stage, kind):
        self.server = server
        self.folder = folder
        self.kind = kind
        self.source = server.create()
        self.template = server.create() if kind == "postgres" else None
        self.numbers = iter(range(10 ** 6))
        shop.fill(self.source)
        base = shop.set_up(Tote(folder / "base"), self.source.url)
        if self.template:
            base.env["TOTE_WAREHOUSE_URL"] = self.template.url
        if stage == "changes":
            base.ok("run")
            self.source.execute(f"{shop.CHANGES}; {shop.LOG_CHANGES}")
        self.undisturbed, counts = self.trial(None)
        self.counts = {kind: int(count) for kind, count in (line.split() for line in counts.splitlines())}

    def trial(self, fault):
        """The state after a run with a fault and one without; or the state and the operations of one undisturbed run."""
        folder = self.folder / f"trial{next(self.numbers)}"
        shutil.copytree(self.folder / "base", folder)
        database = self.server.create(template=self.template.name) if self.template else None
        tote = Tote(folder, {"TOTE_WAREHOUSE_URL": database.url} if database else {})
        warehouse = shop.open_warehouse(tote, database)
        try:
            if fault is None:
                tote.ok("run", env={"TOTE_FAULT_COUNT": str(folder / "counts")})
                shop.check_now(tote, self.source, warehouse)
                return self.state(tote, warehouse), (folder / "counts").read_text()
            self.run_into(tote, fault)
            tote.ok("run")
            return self.state(tote, warehouse)
        finally:
            if database:
                database.drop()
            shutil.rmtree(folder)

    @staticmethod
    def run_into(tote, fault):
        """A run that is killed dies; one that is made to fail says so, unless it could do without what failed."""
        result = tote.start("run", env={"TOTE_FAULT": fault}, doomed=True).wait()
        if ":fail:" in fault:
            assert result.status in (0, FAILED), result
            assert result.status == 0 or "TOTE_FAULT" in result.stderr, result
        else:
            assert result.status in (0, -signal.SIGKILL), result

    def state(self, tote, warehouse):
        return shop.warehouse_state(tote, warehouse), *shop.lake_state(tote)

    def chosen(self, kind):
        """The faults of a kind to try."""
        count = self.counts[kind]
        for action in ACTIONS:
            wanted = count if ALL else min(count, SAMPLE[self.kind, kind])
            randomness = random.Random(f"{self.kind} {kind} {action}")
            for part in range(wanted):
                # one of each stretch of equal length
                low, high = part * count // wanted, (part + 1) * count // wanted
                yield f"{kind}:{action}:{randomness.randrange(low, max(high, low + 1)) + 1}"


@pytest.fixture(scope="class")
def ground(request, server, tmp_path_factory):
    return Ground(server, tmp_path_factory.mktemp("faults"), request.cls.stage, request.cls.warehouse)


def leaves_no_trace(ground, kind):
    assert ground.counts[kind] > 0, f"nothing passes faults of kind '{kind}'"
    wrong = {}
    for fault in ground.chosen(kind):
        try:
            after = ground.trial(fault)
        except AssertionError as error:
            wrong[fault] = str(error)
        else:
            parts = zip(("warehouse", "batches", "processed records", "Delta logs"), after, ground.undisturbed)
            different = [f"{name}\n  is  {now}\n  not {then}" for name, now, then in parts if now != then]
            if different:
                wrong[fault] = "\n".join(different)
    assert not wrong, "\n".join(f"TOTE_FAULT={fault}: {text}" for fault, text in wrong.items())


@pytest.mark.timeout(0 if ALL else 300)
@pytest.mark.parametrize("kind", KINDS)
class Loop:
    """A fault anywhere leaves no trace. The tests of a class share its ground."""

    def test_next_run_makes_it_good(self, ground, kind):
        leaves_no_trace(ground, kind)


class TestFirstRunIntoDuckDB(Loop):
    stage, warehouse = "first", "duckdb"


class TestChangesIntoDuckDB(Loop):
    stage, warehouse = "changes", "duckdb"


class TestFirstRunIntoPostgres(Loop):
    stage, warehouse = "first", "postgres"


class TestChangesIntoPostgres(Loop):
    stage, warehouse = "changes", "postgres"


def test_a_setting_that_is_none_is_refused(tote):
    """A typing error must not look like a run that survived its fault."""
    assert "TOTE_FAULT" in shop.set_up(tote, "postgresql://127.0.0.1:1/x").fails(2, "run", env={"TOTE_FAULT": "store:boil:1"}).stderr
