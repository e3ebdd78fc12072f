"""Fixtures of the integration tests."""
import os

import pytest

from lib.postgres import PostgresServer
from lib.tote import Tote, shipped_program

# Folders and modules that test the program as it ships, which is three times as fast: they are about what users see and about runs
# that meet or are stopped. All others test the program that sanitizers watch.
SHIPPED = {"browser", "test_docs", "test_history", "test_mirror", "test_report", "test_runners"}
GIVEN = os.environ.get("TOTE_BIN")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if GIVEN:
        return
    os.environ.pop("TOTE_BIN", None)
    if SHIPPED & {item.path.parent.name, item.path.stem}:
        os.environ["TOTE_BIN"] = shipped_program()


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL server of this worker's own. Tests that kill a server start one themselves."""
    with PostgresServer() as running:
        yield running


@pytest.fixture(scope="session")
def totesys_template(server):
    return server.load_totesys()


@pytest.fixture
def totesys(server, totesys_template):
    """A fresh copy of the real ToteSys database."""
    database = server.create(template=totesys_template.name)
    yield database
    database.drop()


@pytest.fixture
def database(server):
    """An empty database."""
    created = server.create()
    yield created
    created.drop()


@pytest.fixture
def tote(tmp_path):
    """The program in an empty project folder."""
    return Tote(tmp_path)


@pytest.fixture
def project(tote, totesys):
    """The program in a folder whose tote.yaml reads a fresh ToteSys and fills a DuckDB warehouse."""
    tote.configure(totesys.url)
    tote.source = totesys
    return tote


def pytest_xdist_make_scheduler(config, log):
    """Tests of one class share a costly fixture and therefore a worker; all others go wherever there is one free."""
    from xdist.scheduler import LoadScopeScheduling

    class ByClass(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            name = nodeid.partition("[")[0]
            return name.rpartition("::")[0] if name.count("::") > 1 else nodeid

    return ByClass(config, log)
