"""The dashboard and the alert rules in monitoring/. If these fail, a panel stays empty or an alarm never rings."""
import json
import re
import subprocess

import pytest

from lib.postgres import ROOT

MONITORING = ROOT / "monitoring"
PROMTOOL = ROOT / ".cache" / "promtool"


def promtool(*arguments, **options):
    if not PROMTOOL.exists():
        pytest.skip("there is no promtool (tools/setup.sh takes it from Debian's package prometheus)")
    return subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False,
                          cwd=MONITORING, **options)


def known():
    table = (ROOT / "docs/reference/metrics.md").read_text()
    return set(re.findall(r"^\| `(tote_\w+)`", table, re.MULTILINE))


@pytest.mark.parametrize("file", ["prometheus-rules.yml", "prometheus-rules.test.yml", "grafana-dashboard.json"])
def test_every_metric_that_is_named_exists(file):
    used = set(re.findall(r"\btote_\w+", (MONITORING / file).read_text()))
    assert used and used <= known()


def test_alert_rules_ring_when_they_should():
    checked = promtool("check", "rules", "prometheus-rules.yml")
    assert checked.returncode == 0 and "7 rules found" in checked.stdout, checked
    tested = promtool("test", "rules", "prometheus-rules.test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_the_dashboard_is_whole():
    board = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    panels = board["panels"]
    assert len(panels) >= 10 and len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24 and panel["title"]
        for target in panel["targets"]:
            # one job is chosen for every series
            assert target["expr"].count("tote_") == target["expr"].count('{job=~"$job"')
    for panel in panels:
        for other in panels[panels.index(panel) + 1:]:
            a, b = panel["gridPos"], other["gridPos"]
            assert (a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"] or a["y"] + a["h"] <= b["y"]
                    or b["y"] + b["h"] <= a["y"]), (panel["title"], other["title"])


def test_promtool_takes_what_tote_prints(project, first_run):
    printed = project.ok("status", "--prometheus").stdout
    checked = promtool("check", "metrics", input=printed)
    assert checked.returncode == 0 and not checked.stderr, checked
    for panel in json.loads((MONITORING / "grafana-dashboard.json").read_text())["panels"]:
        for target in panel["targets"]:
            for name in re.findall(r"\btote_\w+", target["expr"]):
                assert re.search(rf"^{name}\b", printed, re.MULTILINE), f"'{panel['title']}' shows nothing"
