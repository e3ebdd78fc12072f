"""What tote tells other programs about itself. If these fail, the alarm does not ring, or rings for nothing."""
import re

from prometheus_client.parser import text_string_to_metric_families

from lib.postgres import ROOT


def families(text):
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(family, **labels):
    return [sample.value for sample in family.samples if labels.items() <= sample.labels.items()]


# --- Prometheus


def test_prometheus_reads_how_far_each_step_is(project):
    before = families(project.ok("status", "--prometheus").stdout)
    assert values(before["tote_batches"], step="ingest") == [0] and "tote_freshness_seconds" not in before

    project.ok("run")
    project.source.execute("update design set design_name = 'Oak' where design_id = 1")
    project.source.execute("update sales_order set agreed_payment_date = 'soon' where sales_order_id = 7")
    project.ok("run")
    project.source.execute("update design set design_name = 'Ash' where design_id = 1")
    project.ok("ingest")
    now = families(project.ok("status", "--prometheus").stdout)
    batches = now["tote_batches"]
    assert [values(batches, step=step) for step in ("ingest", "process", "load")] == [[3], [2], [2]]
    assert [values(now["tote_batches_behind"], step=step) for step in ("ingest", "process", "load")] == [[0], [1], [0]]
    assert all(0 < age < 300 for age in values(now["tote_freshness_seconds"]))
    assert len(values(now["tote_freshness_seconds"])) == 3
    assert values(now["tote_last_batch_rows"], step="ingest", table="design") == [1]
    assert values(now["tote_last_batch_rows"], step="process", table="dim_design") == [1]
    assert values(now["tote_last_batch_rows"], step="load", table="dim_design") == [1]
    assert sum(values(now["tote_last_batch_quarantined_rows"])) == 1
    assert values(now["tote_last_batch_quarantined_rows"], table="clean.sales_order") == [1]
    assert values(now["tote_source_rows"], table="sales_order") == [11187]
    assert values(now["tote_warehouse_up"]) == [1]

    (project.folder / "warehouse.duckdb").write_text("no database")
    broken = project.ok("status", "--prometheus")
    assert values(families(broken.stdout)["tote_warehouse_up"]) == [0]
    assert values(families(broken.stdout)["tote_batches"], step="process") == [2]
    assert "warning: the warehouse cannot be read" in broken.stderr

    page = (ROOT / "docs/reference/metrics.md").read_text()
    for name in re.findall(r"^# TYPE (\w+)", project.ok("status", "--prometheus").stdout, re.MULTILINE):
        assert f"`{name}`" in page
