"""How long the dashboard takes until its headline figures can be read, in Debian's Chromium."""
import pathlib
import sys
import time
import urllib.request

root = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root / "test"))

from lib.chromium import chromium  # noqa: E402
from lib.serving import Serving  # noqa: E402
from lib.tote import Tote  # noqa: E402

FIGURES = "document.querySelectorAll('.figure-value').length >= 3"
EVERYTHING = "!document.querySelector('[aria-busy=true], .skeleton')"
PATIENCE_MS = 300_000


def seconds_until(page, condition, begun):
    page.wait_for_function(f"() => {condition}", timeout=PATIENCE_MS)
    return time.monotonic() - begun


def visit(page, address):
    """(first paint of anything, headline figures, every panel) in seconds from the navigation."""
    begun = time.monotonic()
    page.goto(address, wait_until="commit")
    figures = seconds_until(page, FIGURES, begun)
    everything = seconds_until(page, EVERYTHING, begun)
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1") / 1000
    return paint, figures, everything


def wait_for_answers(address):
    """Until the server has made the answers of a page that is opened, as it does for every batch."""
    with urllib.request.urlopen(f"{address}api/events", timeout=PATIENCE_MS / 1000) as events:
        for line in events:
            if line.startswith(b"event: warehouse"):
                return


def measure(report, folder, name, rounds):
    """The project in `folder` is loaded already."""
    cold, ready, warm = [], [], []
    with chromium() as browser:
        for _ in range(rounds):
            with Serving(Tote(folder)) as serving:
                context = browser.new_context(viewport={"width": 1440, "height": 900})
                page = context.new_page()
                cold.append(visit(page, serving.address))
                context.close()
            with Serving(Tote(folder)) as serving:
                wait_for_answers(serving.address)
                context = browser.new_context(viewport={"width": 1440, "height": 900})
                page = context.new_page()
                ready.append(visit(page, serving.address))
                warm.append(visit(page, serving.address))
                context.close()
    for how, visits in (("server just started", cold), ("a server that knows the batch", ready), ("again, by ETag", warm)):
        paint, figures, everything = min(visits, key=lambda one: one[1])
        report.add(f"headline figures, {name}, {how}", figures, 1.0, "s",
                   f"first paint {paint:.2f} s, every panel {everything:.2f} s")
