"""What a dashboard's server leaves to its next start. If these fail, managers wait each time it is started, or see figures of
another warehouse, of other reports, or a batch that is past."""
import shutil
import stat
import time

import pytest

from lib.dashboard import Dashboard
from lib.postgres import ROOT

FIGURE = "/api/reports/sales_summary"


def first_period(site):
    return next(period for period in site.ok("/api/filters")["periods"] if period["name"] == "last 12 months")


def summary(site):
    period = first_period(site)
    return site.ok(FIGURE, **{"from": period["from"], "to": period["to"]})


def until(holds, seconds=60):
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.1)


@pytest.fixture(params=["duckdb", "postgresql"])
def started(request, project, database):
    """A project whose server was started once, and what that said."""
    if request.param == "postgresql":
        project.configure(project.source.url, warehouse=database.url)
    project.ok("run")
    kept = project.folder / ".tote-answers"
    with Dashboard(project) as site:
        until(kept.exists)
        said = summary(site)
    return project, kept, said


def queries(site):
    text = site.ask("/metrics").body.decode()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("tote_serve_queries_total"))


def test_the_next_start_answers_at_once(started):
    project, kept, said = started
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600, "answers are for who owns them"
    before = kept.read_bytes()
    with Dashboard(project) as site:
        assert summary(site) == said and queries(site) == 0, "the warehouse was asked for what is known"
        # the newest batch of the warehouse is what was kept: nothing is prepared anew
        until(lambda: any("warehouse_rows" in model for model in site.ok("/api/pipeline")["models"]))
        assert queries(site) == 0 and kept.read_bytes() == before
    # while it was down a batch came: the old figures say so until the new ones are there
    project.source.execute("update sales_order set units_sold = units_sold + 1000000 where sales_order_id = "
                           "(select max(sales_order_id) from sales_order)")
    project.ok("run")
    with Dashboard(project) as site:
        seen = summary(site)
        assert seen["batch"] == 2 or seen["rows"] == said["rows"]
        until(lambda: summary(site)["batch"] == 2 and not summary(site)["stale"])
        units = {row[0]: row[4] for row in summary(site)["rows"]}
        assert sum(units.values()) == sum(row[4] for row in said["rows"]) + 1000000
        until(lambda: kept.read_bytes() != before)


@pytest.fixture
def large(project, database):
    """A PostgreSQL warehouse that believes itself to be large, and in which load has left the first answers."""
    project.configure(project.source.url, warehouse=database.url)
    project.ok("run")
    project.ok("load")  # the indexes, which count rows
    grow(database)
    assert "first answers" in project.ok("load").stderr
    return project


def grow(database):
    database.execute("update pg_class set reltuples = 2000000 where relname = 'fact_sales_order'")


def test_the_first_server_of_a_large_warehouse_answers_at_once(large, database):
    kept = large.folder / ".tote-answers"
    assert "first answers" not in large.ok("load").stderr, "they are there"
    with Dashboard(large) as site:
        said = summary(site)
        assert said["batch"] == 1 and not said["stale"] and queries(site) == 0, "the warehouse was asked for what is known"
        until(kept.exists)
        assert queries(site) == 0
    # they are what a server says that had to ask
    kept.unlink()
    database.execute("delete from tote.answers")
    with Dashboard(large) as site:
        assert summary(site) == said and queries(site) > 0


def test_answers_of_an_earlier_batch_say_that_they_are(large, database):
    large.source.execute("update sales_order set units_sold = units_sold + 1000000 where sales_order_id = "
                         "(select max(sales_order_id) from sales_order)")
    large.ok("run")
    grow(database)
    assert "first answers" not in large.ok("load").stderr, "within the hour"
    with Dashboard(large) as site:
        seen = summary(site)
        assert (seen["batch"], seen["stale"]) in {(1, True), (2, False)}
        until(lambda: summary(site)["batch"] == 2 and not summary(site)["stale"])
    (large.folder / ".tote-answers").unlink(missing_ok=True)
    database.execute("update tote.answers set begun_at = begun_at - interval '2 hours'")
    assert "first answers" in large.ok("load").stderr
    with Dashboard(large) as site:
        assert summary(site)["batch"] == 2 and queries(site) == 0


def test_answers_left_by_another_program_or_damaged_are_not_shown(large, database):
    shown = '"rows":[["EUR","'
    assert shown in database.value("select content from tote.answers")
    database.execute(f"update tote.answers set content = replace(content, '{shown}', '{shown.replace('EUR', 'XXX')}')")
    with Dashboard(large) as site:
        assert any("XXX" in row for row in summary(site)["rows"]), "else this test proves nothing"
    (large.folder / ".tote-answers").unlink(missing_ok=True)
    for harm in ("content = left(content, length(content) - 3)", "content = replace(content, '\"format\":1', '\"format\":9')",
                 "content = 'x'", "origin = repeat('0', 64)"):
        database.execute(f"update tote.answers set {harm}")
        with Dashboard(large) as site:
            assert not any("XXX" in row for row in summary(site)["rows"]), harm
        (large.folder / ".tote-answers").unlink(missing_ok=True)


def test_what_cannot_be_trusted_is_left_out(project, first_run):
    kept = project.folder / ".tote-answers"
    with Dashboard(project) as site:
        until(kept.exists)
        said = summary(site)
    whole = kept.read_bytes()
    assert b'"rows":[["EUR","' in whole
    for damaged in (whole[:len(whole) // 2], whole.replace(b'"format":1', b'"format":9'), b"", b"\0" * 100, whole.replace(b"\n{}\n", b"\n"),
                    whole.replace(b'"bytes":', b'"bytes":9')):
        kept.write_bytes(damaged.replace(b'"rows":[["EUR","', b'"rows":[["XXX","'))
        with Dashboard(project) as site:
            assert summary(site)["rows"] == said["rows"]
    # other reports than those that made them
    own = project.folder / "models"
    shutil.copytree(ROOT / "models", own)
    project.configure(project.source.url, models=own)
    (own / "report" / "choices" / "city.sql").write_text("select distinct upper(city) as city from dim_location order by city")
    kept.write_bytes(whole.replace(b'"rows":[["EUR","', b'"rows":[["XXX","'))
    with Dashboard(project) as site:
        assert summary(site)["rows"] == said["rows"] and site.ok("/api/filters")["choices"]["city"][0].isupper()


def test_a_warehouse_that_is_gone_shows_nothing(project, first_run):
    with Dashboard(project) as site:
        until((project.folder / ".tote-answers").exists)
        assert summary(site)["rows"]
    (project.folder / "warehouse.duckdb").unlink()
    with Dashboard(project) as site:
        assert site.ask(FIGURE).status != 200


def test_where_nothing_can_be_written_it_says_so_and_goes_on(project, first_run):
    with Dashboard(project, "--serve-answers", "/proc/nothing/here") as site:
        said = summary(site)
        assert said["rows"]
        until(lambda: any("warehouse_rows" in model for model in site.ok("/api/pipeline")["models"]))
        until(lambda: "are not kept for its next start" in "".join(site.talk))
        assert summary(site) == said
