"""How the page looks where it is looked at: dark, on a phone, on a wall, on paper; and how heavy it is."""
import gzip
import re
import urllib.request

import pytest


def background(page):
    """How light the page's ground is, 0 to 255."""
    colour = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    return sum(int(part) for part in re.findall(r"\d+", colour)[:3]) / 3


class TestLook:
    def test_dark_as_the_system_says_or_as_the_reader_chooses(self, dashboard, visit):
        page = visit(dashboard.address, color_scheme="dark").go()
        assert background(page) < 60
        page.get_by_role("button", name="Colours: as the system").click()
        page.get_by_role("button", name="Colours: dark").click()
        assert background(page) > 200
        page.reload()
        page.locator("main .view").wait_for()
        assert background(page) > 200, "the choice is forgotten"

    @pytest.mark.parametrize("width, height", [(360, 740), (768, 1024), (2560, 1440)])
    def test_fits_the_screen(self, dashboard, visit, width, height):
        here = visit(dashboard.address, viewport={"width": width, "height": height})
        for fragment in ("#business", "#business?period=all", "#pipeline", "#business?row=sales_order_history&key=42"):
            page = here.go(fragment)
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width, fragment
            cut = page.evaluate("""() => [...document.querySelectorAll('.figure, .panel, .health')]
                .filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.innerText.slice(0, 60))""")
            assert cut == [], fragment

    def test_phone_folds_the_filters_away(self, dashboard, visit):
        page = visit(dashboard.address, viewport={"width": 360, "height": 740}, has_touch=True).go()
        country = page.get_by_label("Country", exact=True)
        assert not country.is_visible()
        page.locator(".filters summary").tap()
        country.select_option("Japan")
        assert "country=Japan" in page.url
        assert page.locator(".filters .count").inner_text() == "(1)"

    def test_wall_screen_has_larger_type(self, dashboard, visit):
        sizes = [visit(dashboard.address, viewport={"width": width, "height": 1000}).go().evaluate(
            "() => parseFloat(getComputedStyle(document.querySelector('.chart text')).fontSize)") for width in (1440, 2560)]
        assert sizes[1] > sizes[0]

    def test_paper(self, dashboard, visit):
        page = visit(dashboard.address, color_scheme="dark").go("#business?period=2024&currency=EUR")
        paper = page.pdf(format="A4")
        pages = len(re.findall(rb"/Type\s*/Page\b", paper))
        assert 2 <= pages <= 12, pages
        page.emulate_media(media="print")
        assert background(page) > 250
        assert not page.locator(".filters").is_visible() and not page.locator(".panel-tools").first.is_visible()
        assert "1 Jan – 31 Dec 2024" in page.locator(".what").inner_text()
        assert page.locator("[data-report=sales_by_month] .bar").first.is_visible()

    def test_everything_is_small_and_comes_from_here(self, dashboard, visit):
        here = visit(dashboard.address)
        bodies = {}
        here.page.on("response", lambda answer: bodies.setdefault(answer.url, answer))
        here.go()
        files = {url: answer.body() for url, answer in bodies.items() if "/api/" not in url and answer.ok}
        assert len(files) >= 3
        total = sum(len(gzip.compress(body)) for body in files.values())
        assert total < 300_000, {url: len(body) for url, body in files.items()}

    def test_no_script_or_style_stands_in_the_page(self, dashboard):
        with urllib.request.urlopen(dashboard.address) as answer:
            policy = answer.headers["Content-Security-Policy"]
            text = answer.read().decode()
        assert "unsafe" not in policy and "default-src 'none'" in policy
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text)
