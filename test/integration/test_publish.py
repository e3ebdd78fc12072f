"""The dashboard as files: what a bucket behind a CDN shows. If these fail, readers see half a page, an old one, or none."""
import hashlib
import json
import re
import shutil
import signal
import time
import urllib.parse

import pytest

from lib.servers import VERSITYGW, S3Server
from lib.tote import ROOT, Tote

UNAVAILABLE = 7


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def pointer(folder):
    return json.loads((folder / "latest.json").read_text())


def wait_until(question):
    for _ in range(1200):
        if question():
            return
        time.sleep(0.05)
    raise AssertionError("waited a minute in vain")


def document(folder, name):
    return json.loads((folder / name).read_text())


@pytest.fixture(scope="class")
def published(tmp_path_factory, server, totesys_template):
    tote = Tote(tmp_path_factory.mktemp("publish"))
    tote.source = server.create(template=totesys_template.name)
    tote.configure(tote.source.url, more="publish:\n  filters: [currency, period, department]\n")
    tote.ok("run")
    tote.site = tote.folder / "site"
    tote.ok("publish", "--to", tote.site, timeout=280)
    yield tote
    tote.source.drop()


class TestPublished:
    """One page, looked at from all sides."""

    def test_everything_that_is_named_is_there(self, published):
        latest = pointer(published.site)
        assert latest["mode"] == "published" and latest["batch"] == 1 and latest["title"]
        assert latest["features"] == {"filters": "listed", "drill": "newest", "history": False, "events": False}
        for name in [*latest["documents"].values(), *latest["bundles"].values()]:
            assert document(published.site, name)["schema"] == 1
        index = (published.site / "index.html").read_text()
        assert "Content-Security-Policy" in index and "<script>" not in index
        for name in re.findall(r'(?:src|href)="(assets/[^"]+)"', index):
            assert (published.site / name).is_file()

    def test_names_are_made_of_content(self, published):
        for name, content in files(published.site).items():
            if name.startswith("data/"):
                assert hashlib.sha256(content).hexdigest()[:12] == name.split(".")[1], name
            else:
                assert name.startswith("assets/") or name in ("index.html", "latest.json")

    def test_filters_that_are_offered_lead_to_the_figures_of_the_source(self, published):
        latest = pointer(published.site)
        filters = document(published.site, latest["documents"]["filters"])
        wanted = {""} | {f"currency={code}" for code in filters["choices"]["currency"]}
        wanted |= {"department=" + urllib.parse.quote(name, safe="") for name in filters["choices"]["department"]}
        wanted |= {f"from={period['from']}&to={period['to']}" for period in filters["periods"]}
        wanted |= {f"currency={code}&from={period['from']}&to={period['to']}"
                   for code in filters["choices"]["currency"] for period in filters["periods"]}
        assert wanted == set(latest["bundles"])
        bundle = document(published.site, latest["bundles"]["currency=EUR&from=2024-01-01&to=2024-12-31"])
        expected = published.source.rows("""
            select sum(units_sold * unit_price), count(*) from sales_order join currency using (currency_id)
            where currency_code = 'EUR' and extract(year from sales_order.created_at) = {}""".format(2024))[0]
        ((currency, revenue, orders, *_),) = bundle["reports"]["sales_summary"]["rows"]
        assert (currency, revenue, orders) == ("EUR", str(expected[0]), expected[1])
        before = published.source.value("""
            select sum(units_sold * unit_price) from sales_order join currency using (currency_id)
            where currency_code = 'EUR' and sales_order.created_at::date between '2022-12-31' and '2023-12-31'""")
        assert bundle["previous"]["sales_summary"]["rows"][0][1] == str(before)
        rows = bundle["reports"]["sales_orders"]
        assert rows["row_count"] == 100 and rows["truncated"] is True

    def test_published_again_nothing_is_written(self, published):
        before = files(published.site)
        assert published.ok("publish", "--to", published.site, "--json").json["up_to_date"] is True
        assert files(published.site) == before
        (published.site / "latest.json").unlink()
        said = published.ok("publish", "--to", published.site, "--json", timeout=280).json
        assert said["written"] == 1 and not said["up_to_date"]
        after = files(published.site)
        assert {name for name in after if after[name] != before[name]} <= {"latest.json"} and set(after) == set(before)

    def test_documents_hold_no_secret_of_the_configuration(self, published):
        for name, content in files(published.site).items():
            assert b"postgresql://" not in content and str(published.folder).encode() not in content, name


def test_loading_publishes_and_a_killed_one_leaves_the_old_page(project):
    """publish.to is set: each batch that is loaded moves the pointer, and only whole pages are ever seen."""
    project.configure(project.source.url, more="publish:\n  to: ./site\n  filters: [currency]\n")
    project.ok("run")
    site = project.folder / "site"
    assert pointer(site)["batch"] == 1
    first = (site / "latest.json").read_bytes()
    project.source.execute("update sales_order set units_sold = units_sold + 1 where sales_order_id = 42")
    running = project.start("run", doomed=True)
    old = set(files(site))
    wait_until(lambda: set(files(site)) - old)
    running.kill()
    running.wait()
    seen = pointer(site)
    if (site / "latest.json").read_bytes() == first:
        assert seen["batch"] == 1
    for name in [*seen["documents"].values(), *seen["bundles"].values()]:
        assert (site / name).is_file()
    project.ok("run")
    assert pointer(site)["batch"] == 2
    before = set(files(site))
    project.ok("run")
    assert set(files(site)) == before


def test_of_two_publishers_the_newer_batch_is_seen(project, first_run):
    """While one builds its documents another moves the pointer: an older batch must not be put over a newer one."""
    project.configure(project.source.url, more="publish:\n  filters: [currency]\n")
    site = project.folder / "site"

    def overtaken_by(batch):
        shutil.rmtree(site / "data", ignore_errors=True)
        running = project.start("publish", "--to", "site")
        wait_until(lambda: list((site / "data").glob("*")))
        running.process.send_signal(signal.SIGSTOP)
        (site / "other.json").write_text(json.dumps({"batch": batch}))
        (site / "other.json").rename(site / "latest.json")
        running.process.send_signal(signal.SIGCONT)
        result = running.wait()
        assert result.status == 0, result
        return pointer(site)["batch"]

    assert overtaken_by(99) == 99, "there was no pointer, and now there is a newer one"
    assert overtaken_by(2) == 2, "there was one, and now there is a newer one"
    assert overtaken_by(0) == 1, "there was one, and now there is an older one"


def test_nothing_to_publish(project):
    said = project.fails(UNAVAILABLE, "publish", "--to", "site").stderr
    assert "the warehouse is empty" in said or "run 'tote load' first" in said
    assert "publish.to" in project.fails(3, "publish").stderr


def test_a_bucket_gets_the_same_files(project):
    """What a folder gets, a bucket gets, byte for byte but for the instant in the pointer."""
    if not VERSITYGW.exists():
        pytest.skip(f"NOT TESTED: {VERSITYGW} is missing, tools/setup.sh says why")
    project.configure(project.source.url, more="publish:\n  filters: [currency]\n")
    project.ok("run")
    project.ok("publish", "--to", project.folder / "site")
    with S3Server() as s3:
        bucket = s3.make_bucket("site")
        project.env |= s3.environment | {"TOTE_LAKE_ENDPOINT": s3.url}
        project.ok("publish", "--to", f"s3://{bucket}/page")
        assert project.ok("publish", "--to", f"s3://{bucket}/page", "--json").json["up_to_date"] is True
        there, here = files(s3.data / bucket / "page"), files(project.folder / "site")
        assert set(there) == set(here) and len(here) > 8
        assert {name for name in here if here[name] != there[name]} <= {"latest.json"}


@pytest.mark.parametrize("warehouse", ["duckdb", "postgres"])
def test_bundles_hold_what_each_report_answers_by_itself(project, database, warehouse):
    """They are asked for many filters at once. One report cannot be, and one design's name cannot be written the same way everywhere."""
    shutil.copytree(ROOT / "models", project.folder / "models")
    project.write("models/report/unordered.sql", """\
-- title: Orders
-- question: How many?
-- group: sales
-- chart: table
-- uses: sales
-- column: orders count
select count(*) as orders from sales
""")
    project.source.execute("update design set design_name = 'Back' || chr(92) || 'slash' where design_name = 'Bronze'")
    url = database.url if warehouse == "postgres" else "duckdb:./warehouse.duckdb"
    project.configure(project.source.url, warehouse=url, models=project.folder / "models", more="publish:\n  filters: [currency, design]\n")
    project.ok("run")
    site = project.folder / "site"
    project.ok("publish", "--to", site, timeout=280)
    bundles = pointer(site)["bundles"]
    back = next(key for key in bundles if "%5C" in key)
    for key in ("", "currency=EUR", back):
        wanted = [f"--{name}={urllib.parse.unquote(value)}" for name, value in (pair.split("=") for pair in key.split("&") if pair)]
        reports = document(site, bundles[key])["reports"]
        assert reports["unordered"]["rows"][0][0] > 0
        for name in ("unordered", "sales_by_month", "largest_orders", "totals_that_differ"):
            alone = project.ok("report", name, "--json", "--limit=300", *wanted)
            assert reports[name]["rows"] == alone.json["rows"], (key, name)


class TestFromACopy:
    """A large warehouse is published from a copy of the star, ten times as fast. If these fail, managers see a page that differs from
    their warehouse, or publishing takes a quarter of an hour."""

    @pytest.fixture
    def large(self, project, database):
        project.configure(project.source.url, warehouse=database.url, more="publish:\n  filters: [currency, department]\n")
        project.ok("run")
        project.ok("load")  # the indexes, which count rows
        project.ok("publish", "--to", project.folder / "small")
        database.execute("update pg_class set reltuples = 2000000 where relname = 'fact_sales_order'")
        return project

    def published(self, project, name, *arguments):
        said = project.ok("publish", "--to", project.folder / name, "--log-level", "debug", *arguments).stderr
        return "from a copy" in said, set(files(project.folder / name))

    def test_it_is_the_same_page(self, large):
        copied, there = self.published(large, "large")
        assert copied and there == set(files(large.folder / "small"))

    def test_only_what_holds_the_same_is_copied(self, large, database):
        database.execute("update tote.\"table\" set made_here = false where name = 'dim_staff'")
        copied, there = self.published(large, "foreign")
        assert not copied and there == set(files(large.folder / "small"))
        database.execute("update tote.\"table\" set made_here = true")
        large.source.execute("update sales_order set units_sold = units_sold + 1 where sales_order_id = 42")
        large.ok("ingest")
        large.ok("process")  # the lake is a batch ahead
        copied, there = self.published(large, "behind")
        assert not copied and pointer(large.folder / "behind")["batch"] == 1

    def test_what_cannot_be_copied_is_asked_for_where_it_is(self, large):
        for part in (large.folder / "lake" / "processed" / "star" / "fact_sales_order").rglob("*.parquet"):
            part.unlink()
        done = large.ok("publish", "--to", large.folder / "anyhow")
        assert "could not be copied" in done.stderr and set(files(large.folder / "anyhow")) == set(files(large.folder / "small"))
