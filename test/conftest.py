"""Fixtures of the integration tests."""
import pytest

from lib.postgres import PostgresServer
from lib.tote import Tote


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
