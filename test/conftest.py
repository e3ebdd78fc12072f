"""Fixtures of the integration tests."""
import collections
import hashlib
import json
import os
import shutil

import pytest

from lib.postgres import PostgresServer
from lib.tote import BUILD, ROOT, Tote, shipped_program

# Folders and modules that test the program as it ships, which takes half as long: they are about what users see and about runs
# that meet or are stopped. All others test the program that sanitizers watch.
SHIPPED = {"browser", "test_docs", "test_grants", "test_history", "test_mirror", "test_monitoring", "test_publish", "test_report",
           "test_runners", "test_star"}
GIVEN = os.environ.get("TOTE_BIN")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    note, digest = passed_note(item)
    if note and note.exists() and note.read_text() == digest:
        pytest.skip("passed before, and nothing that it depends on has changed")
    if GIVEN:
        return
    os.environ.pop("TOTE_BIN", None)
    if SHIPPED & {item.path.parent.name, item.path.stem}:
        os.environ["TOTE_BIN"] = shipped_program()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    note, digest = passed_note(item)
    if note and report.when == "call" and report.passed:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(digest)
    return report


def passed_note(item):
    """For a test that is marked depends_on(paths): where it is noted that it passed, and the digest of all that they hold."""
    mark = item.get_closest_marker("depends_on")
    if not mark:
        return None, None
    digest = hashlib.sha256()
    for path in sorted(file for place in (*mark.args, "test/requirements.txt", item.path) for file in files_of(ROOT / place)):
        digest.update(f"{path.relative_to(ROOT)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return BUILD / "passed" / hashlib.sha256(item.nodeid.encode()).hexdigest()[:16], digest.hexdigest()


def files_of(place):
    return [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file() and not {".terraform", "__pycache__"} & set(path.parts)]


# Workers take what took longest last time first, so that none is left with it at the end. A test nobody has timed counts as a second.
TIMES = BUILD / "test-times.json"
times = {}
skipped = set()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    if not hasattr(config, "workerinput"):
        return
    known = json.loads(TIMES.read_text()) if TIMES.exists() else {}
    units = collections.Counter()
    for item in items:
        units[unit_of(item.nodeid)] += known.get(item.nodeid, 1)
    items.sort(key=lambda item: -units[unit_of(item.nodeid)])  # which keeps the order within a unit


def pytest_runtest_logreport(report):
    """What was skipped says nothing of how long it takes."""
    if report.skipped:
        skipped.add(report.nodeid)
    times[report.nodeid] = round(times.get(report.nodeid, 0) + report.duration, 2)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workerinput") or not BUILD.exists():
        return
    known = json.loads(TIMES.read_text()) if TIMES.exists() else {}
    timed = {test: seconds for test, seconds in times.items() if test not in skipped}
    TIMES.write_text(json.dumps(known | timed, indent=0))


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
    """A fresh copy of the real ToteSys database. It always has the same name: a lake knows its source by it."""
    database = server.create("totesys", template=totesys_template.name)
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


@pytest.fixture(scope="session")
def folder_after_first_run(server, totesys_template, tmp_path_factory):
    tote = Tote(tmp_path_factory.mktemp("first_run"))
    database = server.create("totesys", template=totesys_template.name)
    tote.configure(database.url)
    tote.ok("run")
    database.drop()
    return tote.folder


@pytest.fixture
def first_run(folder_after_first_run, project):
    """The project has run once: its lake and its warehouse are copied, which costs a hundredth of running."""
    shutil.copytree(folder_after_first_run, project.folder, dirs_exist_ok=True)


def unit_of(nodeid):
    """Tests of one class share a costly fixture and therefore a worker; all others go wherever there is one free."""
    name = nodeid.partition("[")[0]
    return name.rpartition("::")[0] if name.count("::") > 1 else nodeid


def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class ByClass(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return unit_of(nodeid)

    config.option.loadscopereorder = False  # pytest_collection_modifyitems does it
    return ByClass(config, log)
