"""How long the dashboard takes until its headline figures can be read, in Debian's Chromium."""
import pathlib
import sys
import time

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


def wait_for_answers(kept):
    """Until the server has made the answers of a page that is opened, as it does for every batch."""
    limit = time.monotonic() + PATIENCE_MS / 1000
    while not kept.exists():
        if time.monotonic() > limit:
            raise AssertionError("the server did not prepare its answers")
        time.sleep(0.2)


def look(browser, serving, *visits):
    """A browser that has seen nothing yet, and the same again for each further list of visits."""
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        page = context.new_page()
        for one in visits:
            one.append(visit(page, serving.address))


def measure_unprepared(report, folder, name):
    """The project was loaded just now: nothing has had time to make indexes or to leave answers."""
    visits = []
    with chromium() as browser, Serving(Tote(folder)) as serving:
        look(browser, serving, visits)
        wait_for_answers(folder / ".tote-answers")
    add(report, f"headline figures, {name}, straight after the first load", visits, 5.0)


def add(report, what, visits, limit):
    paint, figures, everything = min(visits, key=lambda one: one[1])
    report.add(what, figures, limit, "s", f"first paint {paint:.2f} s, every panel {everything:.2f} s")


def measure(report, folder, name, rounds):
    """The project in `folder` is loaded already."""
    kept = folder / ".tote-answers"
    never, knows, again, restarted = [], [], [], []
    with chromium() as browser:
        for _ in range(rounds):
            kept.unlink(missing_ok=True)
            with Serving(Tote(folder)) as serving:
                look(browser, serving, never)
                wait_for_answers(kept)
                look(browser, serving, knows, again)
            with Serving(Tote(folder)) as serving:
                look(browser, serving, restarted)
    for how, visits in (("the first server ever", never), ("a server that knows the batch", knows), ("again, by ETag", again),
                        ("server just started again", restarted)):
        add(report, f"headline figures, {name}, {how}", visits, 1.0)
