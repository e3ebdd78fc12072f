"""The same page without a server: the files of `tote publish` behind a plain file server."""
import re

import pytest

from lib.serving import Files


@pytest.fixture(scope="class")
def published(dashboard, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    dashboard.tote.ok("publish", "--to", folder)
    with Files(folder) as files:
        yield dashboard, files.address


class TestPublished:
    def test_the_figures_are_those_of_the_server(self, published, visit):
        dashboard, address = published
        for fragment in ("#business?period=2024&currency=EUR", "#business?period=all", "#business"):
            here, there = (visit(base).go(fragment) for base in (address, dashboard.address))
            for selector in (".figure-value", "[data-report=sales_by_country] .value", "[data-report=purchases_by_month] .mark"):
                said = [page.locator(selector).evaluate_all("all => all.map(one => one.textContent + one.ariaLabel)") for page in (here, there)]
                assert said[0] == said[1] and said[0], (fragment, selector)

    def test_only_what_is_published_is_offered(self, published, visit):
        here = visit(published[1])
        page = here.go("#business?period=2024")
        assert page.get_by_label("Period", exact=True).locator("option[value=custom]").count() == 0
        page.get_by_role("radio", name="EUR").check(force=True)
        page.wait_for_function("() => document.querySelector('[data-figure=revenue] .figure-alone')")
        assert "period=2024" in page.url and "currency=EUR" in page.url
        # a country is published over all time only: it takes the place of the others
        page.get_by_label("Country", exact=True).select_option("Japan")
        page.wait_for_function("() => document.querySelector('.what').innerText.includes('Japan')")
        here.settled()
        assert "country=Japan" in page.url and "currency" not in page.url and "period=all" in page.url
        assert page.locator(".problem").count() == 0
        assert here.axe() == []

    def test_drilling_shows_the_newest_rows(self, published, visit):
        page = visit(published[1]).go("#business?period=2024&currency=EUR")
        bar = page.locator("[data-report=sales_by_month] .mark").last
        assert bar.get_attribute("aria-label").startswith("November 2024")
        bar.press("Enter")
        rows = page.locator("#sheet tbody tr")
        rows.first.wait_for()
        assert all(re.search("Nov 2024", row) and "EUR" in row for row in rows.all_inner_texts())

    def test_drilling_into_what_is_due_or_paid_shows_only_that(self, published, visit):
        for report, said in (("payments_due", "no"), ("payments_by_month", None), ("cash_flow", "yes")):
            page = visit(published[1]).go("#business?period=2024&currency=EUR")
            page.locator(f"[data-report={report}] .mark").last.press("Enter")
            page.locator("#sheet thead th").first.wait_for()
            at = page.locator("#sheet thead th").all_inner_texts().index("Paid")
            cells = {row.locator("td, th").nth(at).inner_text().lower() for row in page.locator("#sheet tbody tr").all()}
            assert cells == {said} if said else cells <= {"yes", "no"}, (report, cells)

    def test_the_pipeline_says_when_it_was_published(self, published, visit):
        page = visit(published[1]).go("#pipeline")
        page.get_by_text("published").first.wait_for()
        assert page.locator(".batch").count() == 1
