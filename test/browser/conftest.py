"""A real browser (Debian's Chromium) on a real `tote serve` over the real ToteSys data."""
import os
import pathlib

import pytest

from lib.chromium import chromium
from lib.serving import Serving
from lib.tote import ROOT, Tote

AXE = ROOT / ".cache/npm/browser/node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="session")
def browser():
    with chromium() as opened:
        yield opened


class Dashboard:
    """A project with a first batch in its warehouse, and the server that shows it."""

    def __init__(self, tote, source, serving):
        self.tote = tote
        self.source = source
        self.serving = serving

    @property
    def address(self):
        return self.serving.address


@pytest.fixture(scope="class")
def dashboard(server, totesys_template, tmp_path_factory):
    source = server.create(template=totesys_template.name)
    tote = Tote(tmp_path_factory.mktemp("dashboard"))
    tote.configure(source.url)
    tote.ok("run")
    with Serving(tote) as serving:
        yield Dashboard(tote, source, serving)
        result = serving.stop()
        assert result is None or result.status in (0, 130), result
    source.drop()


class Visit:
    """One page in a browser of its own settings; it must not complain, nor ask anybody but its own server."""

    def __init__(self, context, address):
        self.context = context
        self.address = address
        self.page = context.new_page()
        self.page.set_default_timeout(60000)
        self.complaints = []
        self.foreign = []
        self.page.on("console", self.heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self.asked)

    def heard(self, message):
        # a failed request is a line in the console by itself; tests that make some look at the page instead
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def asked(self, request):
        if not request.url.startswith((self.address, "data:", "blob:", "about:")):
            self.foreign.append(request.url)

    def go(self, fragment=""):
        self.page.goto(self.address + fragment)
        self.page.locator("main .view, main .state").first.wait_for()
        self.settled()
        return self.page

    def settled(self):
        """Until nothing on the page is loading any more."""
        self.page.wait_for_function("() => !document.querySelector('[aria-busy=true], .skeleton')", timeout=120000)

    def axe(self):
        """Serious and critical violations of WCAG 2.2 A and AA and of good practice. What is asked again is dim for a moment: its
        contrast is judged as it is before and after."""
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("""() => {
            const lit = new CSSStyleSheet();
            lit.replaceSync("[aria-busy] { opacity: 1 !important; transition: none !important; }");
            document.adoptedStyleSheets = [lit];
            return axe.run(document, { resultTypes: ['violations'] })
                .finally(() => { document.adoptedStyleSheets = []; });
        }""")
        return [(one["id"], one["impact"], [node["html"][:150] for node in one["nodes"][:3]])
                for one in found["violations"] if one["impact"] in ("serious", "critical")]


@pytest.fixture
def visit(request, browser):
    """visit(address, **settings of the browser) -> Visit"""
    visits = []

    def start(address, **settings):
        context = browser.new_context(**{"locale": "en-GB", "timezone_id": "UTC", "reduced_motion": "reduce",
                                         "viewport": {"width": 1440, "height": 900}, **settings})
        visits.append(Visit(context, address))
        return visits[-1]

    yield start
    folder = os.environ.get("TOTE_SCREENSHOTS")
    for number, one in enumerate(visits):
        if folder:
            one.page.screenshot(path=str(pathlib.Path(folder) / f"{request.node.name}-{number}.png"))
        one.context.close()
        assert one.complaints == [], "the browser complained"
        assert one.foreign == [], "the page asked somebody else"
