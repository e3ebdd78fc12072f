"""The business view, as a manager uses it: what it shows is what the warehouse holds."""
import re
from decimal import Decimal

import pytest

EUR_2024 = "f.created_date between date '2024-01-01' and date '2024-12-31' and c.currency_code = 'EUR'"
SALES = ("fact_sales_order_current f join dim_currency c on c.currency_id = f.currency_id "
         "join dim_location l on l.location_id = f.agreed_delivery_location_id "
         "join dim_design d on d.design_id = f.design_id join dim_staff s on s.staff_id = f.sales_staff_id")


def asked_of(page):
    """Collects what the reports were asked from here on."""
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/api/reports/" in request.url else None)
    return asked


def panel(page, name):
    return page.locator(f"[data-report={name}]")


def figure(page, name):
    return page.locator(f"[data-figure={name}] .figure-value").first


def digits(text):
    return Decimal(re.sub(r"[^0-9.-]", "", text))


def focus_first_mark(page, name):
    """By keyboard: from the panel's last tool, Tab goes to the chart's first bar."""
    panel(page, name).locator(".panel-tools > *").last.focus()
    page.keyboard.press("Tab")
    return page.evaluate("() => document.activeElement.getAttribute('aria-label')")


class TestFigures:
    def test_headlines_are_the_sums_of_the_warehouse(self, dashboard, visit):
        page = visit(dashboard.address).go("#business?period=2024&currency=EUR")
        ((revenue, orders),) = dashboard.tote.warehouse(
            f"select sum(units_sold * unit_price), count(*) from {SALES} where {EUR_2024}")
        exact = figure(page, "revenue").get_attribute("title") or figure(page, "revenue").inner_text()
        assert digits(exact) == revenue
        assert digits(figure(page, "orders").inner_text()) == orders

    def test_no_sum_mixes_currencies(self, dashboard, visit):
        page = visit(dashboard.address).go("#business?period=all")
        found = dashboard.tote.warehouse(
            f"select c.currency_code, round(sum(units_sold * unit_price)) from {SALES} group by 1 order by 1")
        lines = page.locator("[data-figure=revenue] .figure-line")
        assert [(line.locator(".figure-currency").inner_text(), digits(line.locator(".figure-value").inner_text()))
                for line in lines.all()] == [(code, Decimal(int(value))) for code, value in found]
        assert "no sum mixes two" in page.locator(".what").inner_text()
        assert panel(page, "sales_by_month").locator(".legend li").all_inner_texts() == ["EUR", "GBP", "USD"]

    def test_the_period_before_is_compared_with(self, dashboard, visit):
        page = visit(dashboard.address).go("#business?from=2024-07-01&to=2024-09-30&currency=EUR")
        now, before = (dashboard.tote.warehouse(
            f"select sum(units_sold * unit_price) from {SALES} where c.currency_code = 'EUR' "
            f"and f.created_date between date '{first}' and date '{last}'")[0][0]
            for first, last in [("2024-07-01", "2024-09-30"), ("2024-03-31", "2024-06-30")])
        said = page.locator("[data-figure=revenue] .figure-change").inner_text()
        assert digits(said.split("%")[0]) == round((now - before) / before * 100, 1)

    def test_numbers_and_dates_are_the_readers(self, dashboard, visit):
        german = visit(dashboard.address, locale="de-DE").go("#business?period=2024&currency=EUR")
        assert re.fullmatch(r"\d{3}\.\d{3}\.\d{3}\s€", figure(german, "revenue").inner_text())
        assert "Okt" in panel(german, "sales_by_month").locator(".axis-x").text_content()
        said = german.locator("#freshness").inner_text()
        assert "vor" not in said and ("ago" in said or "now" in said), "words are in the language of the page"


class TestFilters:
    def test_filters_apply_to_all_panels_and_live_in_the_address(self, dashboard, visit):
        page = visit(dashboard.address).go("#business?period=2024&currency=EUR")
        whole = figure(page, "orders").inner_text()
        asked = asked_of(page)
        page.get_by_label("Country", exact=True).select_option("Japan")
        page.wait_for_function(f"() => document.querySelector('[data-figure=orders] .figure-value').innerText != '{whole}'")
        page.wait_for_function("() => !document.querySelector('[aria-busy=true]')")
        assert "country=Japan" in page.url and "currency=EUR" in page.url and "period=2024" in page.url
        ((orders,),) = dashboard.tote.warehouse(f"select count(*) from {SALES} where {EUR_2024} and l.country = 'Japan'")
        assert digits(figure(page, "orders").inner_text()) == orders
        # whoever takes the filter got it; whoever does not says so
        for name in {url.split("/api/reports/")[1].split("?")[0] for url in asked}:
            takes = any(f"reports/{name}?" in url and "country=Japan" in url for url in asked)
            says = panel(page, name).locator(".panel-sub")
            assert takes or "country" in says.inner_text(), name
        # the address alone shows the same to somebody else
        other = visit(dashboard.address).go(page.url.split("/", 3)[3])
        assert digits(figure(other, "orders").inner_text()) == orders
        assert other.get_by_label("Country", exact=True).input_value() == "Japan"

    def test_back_and_forward(self, dashboard, visit):
        page = visit(dashboard.address).go("#business?period=2024")
        page.get_by_role("radio", name="GBP").check(force=True)
        page.get_by_label("Department", exact=True).select_option("Finance")
        assert "currency=GBP&department=Finance" in page.url
        page.go_back()
        assert "department" not in page.url and page.get_by_label("Department", exact=True).input_value() == ""
        page.go_back()
        assert page.get_by_role("radio", name="Each").is_checked()
        page.go_forward()
        assert page.get_by_role("radio", name="GBP").is_checked()
        page.get_by_role("link", name="Reset").click()
        assert page.url.endswith("#business")

    def test_other_dates(self, dashboard, visit):
        page = visit(dashboard.address).go("#business?currency=USD")
        page.get_by_label("Period", exact=True).select_option("custom")
        page.get_by_label("From", exact=True).fill("2024-02-01")
        page.get_by_label("To", exact=True).fill("2024-02-29")
        page.wait_for_function("() => document.querySelector('.what').innerText.startsWith('1')")
        page.wait_for_function("() => !document.querySelector('[aria-busy=true]')")
        ((orders,),) = dashboard.tote.warehouse(
            f"select count(*) from {SALES} where c.currency_code = 'USD' "
            "and f.created_date between date '2024-02-01' and date '2024-02-29'")
        page.wait_for_function(f"() => document.querySelector('[data-figure=orders] .figure-value').innerText == '{orders}'")

    def test_nothing_matches(self, dashboard, visit):
        page = visit(dashboard.address).go("#business?from=2030-01-01&to=2030-01-31")
        assert panel(page, "sales_by_month").inner_text().endswith("Nothing matches these filters.")
        assert page.locator("[data-figure=revenue]").inner_text().endswith("none in this period")


class TestDrilling:
    def test_by_keyboard_from_a_bar_to_the_rows_to_the_history(self, dashboard, visit):
        page = visit(dashboard.address).go("#business?period=2024&currency=EUR")
        first = focus_first_mark(page, "sales_by_month")
        assert first.startswith("January 2024")
        page.keyboard.press("ArrowRight")
        said = page.evaluate("() => document.activeElement.getAttribute('aria-label')")
        assert said.startswith("February 2024")
        assert page.locator("#tooltip").is_visible()
        page.keyboard.press("Enter")
        sheet = page.get_by_role("dialog", name="Sales orders")
        sheet.locator("tbody tr").first.wait_for()
        ((orders,),) = dashboard.tote.warehouse(
            f"select count(*) from {SALES} where {EUR_2024} and f.created_date between date '2024-02-01' and date '2024-02-29'")
        assert f"{orders} " in said
        assert sheet.locator("tbody tr").count() == orders
        assert "show=sales_orders" in page.url and "at.month=2024-02-01" in page.url
        sheet.locator("tbody a").first.focus()
        key = sheet.locator("tbody a").first.inner_text()
        page.keyboard.press("Enter")
        page.locator(".timeline").wait_for()
        assert key in page.locator("#sheet-title").inner_text()
        assert "First seen" in page.locator(".timeline").inner_text()
        page.get_by_role("link", name="Back to the list").click()
        sheet.locator("tbody tr").first.wait_for()
        page.keyboard.press("Escape")
        sheet.wait_for(state="hidden")
        assert "show=" not in page.url
        # whoever closes it goes on where he was
        assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == said

    def test_the_focus_returns_to_a_bar_that_was_drawn_again(self, dashboard, visit):
        page = visit(dashboard.address).go("#business?period=2024&currency=EUR")
        said = focus_first_mark(page, "sales_by_month")
        old = page.evaluate_handle("() => document.activeElement")
        page.keyboard.press("Enter")
        page.get_by_role("dialog", name="Sales orders").locator("tbody tr").first.wait_for()
        page.set_viewport_size({"width": 900, "height": 700})
        page.wait_for_function("old => !old.isConnected", arg=old)
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="hidden")
        assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == said

    def test_from_a_bar_to_a_filter_of_the_whole_page(self, dashboard, visit):
        page = visit(dashboard.address).go("#business?period=2024&currency=EUR")
        bar = panel(page, "sales_by_country").locator(".mark").first
        country = bar.get_attribute("aria-label").split(", ")[0]
        bar.click()
        page.get_by_role("dialog").get_by_role("link", name=f"Country: {country}").click()
        page.get_by_role("dialog").wait_for(state="hidden")
        assert page.get_by_label("Country", exact=True).input_value() == country

    def test_every_chart_is_a_table_too(self, dashboard, visit):
        page = visit(dashboard.address).go("#business?period=2024&currency=EUR")
        found = dashboard.tote.warehouse(
            f"select d.design_name, sum(units_sold * unit_price) from {SALES} where {EUR_2024} group by 1 order by 2 desc")
        design = panel(page, "sales_by_design")
        design.get_by_role("button", name="As a table").click()
        design.get_by_role("button", name="Show all").click()
        titles = design.locator("thead th").all_inner_texts()
        money = titles.index("Revenue")
        rows = [(row.locator("th, td").first.inner_text(), digits(row.locator("th, td").nth(money).inner_text()))
                for row in design.locator("tbody tr").all()]
        assert sorted(rows) == sorted((name, value) for name, value in found)
        # sorted by a click on the title
        design.get_by_role("button", name="Revenue", exact=True).click()
        assert design.locator("tbody th").first.inner_text() == found[0][0]

    def test_a_spreadsheet_gets_the_same_rows(self, dashboard, visit):
        page = visit(dashboard.address).go("#business?period=2024&currency=EUR")
        with page.expect_download() as download:
            panel(page, "sales_by_month").get_by_role("link", name="For a spreadsheet").click()
        assert download.value.suggested_filename == "sales_by_month.csv"
        assert download.value.path().read_text().count("EUR") == 11


class TestWhatChanged:
    def test_a_changed_order_tells_what_and_when(self, dashboard, visit):
        dashboard.source.execute("update sales_order set units_sold = units_sold + 1000 where sales_order_id = 42")
        dashboard.tote.ok("run")
        page = visit(dashboard.address).go("#business?period=all")
        panel(page, "sales_order_changes").get_by_role("link", name="42").first.click()
        timeline = page.locator(".timeline")
        timeline.wait_for()
        changed = timeline.locator(".version-changed").inner_text()
        ((before, after),) = dashboard.tote.warehouse(
            "select min(units_sold), max(units_sold) from fact_sales_order_history where sales_order_id = 42")
        assert after == before + 1000
        assert f"{before:,} → {after:,}" in changed and "batch 2" in changed
        assert "held until" in timeline.locator(".version-first").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
class TestAccessibility:
    def test_axe_finds_nothing_serious(self, dashboard, visit, scheme):
        here = visit(dashboard.address, color_scheme=scheme)
        page = here.go("#business?period=2024")
        assert here.axe() == []
        panel(page, "sales_by_month").get_by_role("button", name="As a table").click()
        assert here.axe() == []
        here.go("#business?period=2024&show=sales_orders&at.month=2024-02-01")
        page.locator("#sheet tbody tr").first.wait_for()
        assert here.axe() == []
        here.go("#business?row=sales_order_history&key=42")
        page.locator(".timeline").wait_for()
        assert here.axe() == []
        here.go("#pipeline")
        assert here.axe() == []
