"""The pipeline view: healthy or not, and why, while it happens."""
import json
import re

from playwright.sync_api import expect

from lib.serving import Serving

BAD_DATE = "update payment set payment_date = '2024-02-30' where payment_id = 7"


class TestLive:
    def test_a_run_is_seen_as_it_happens(self, dashboard, visit):
        pipeline = visit(dashboard.address).go("#pipeline")
        business = visit(dashboard.address).go("#business?period=all&currency=EUR")
        pipeline.get_by_text("· live").wait_for()
        assert pipeline.locator(".step-batch").first.inner_text().startswith("Batch 1")
        orders = business.locator("[data-figure=orders] .figure-value").first
        before = int(orders.inner_text().replace(",", ""))
        dashboard.source.execute("""
            insert into sales_order (created_at, last_updated, design_id, staff_id, counterparty_id, units_sold, unit_price,
                currency_id, agreed_delivery_date, agreed_payment_date, agreed_delivery_location_id)
            select '2024-11-15 15:00:00', '2024-11-15 15:00:00', 9, 13, 18, 500, 2.50, currency_id, '2024-11-20', '2024-11-18', 4
            from currency where currency_code = 'EUR'""")
        dashboard.tote.ok("run")
        # nobody reloads
        pipeline.wait_for_function("() => [...document.querySelectorAll('.step-batch')].every(step => step.innerText.startsWith('Batch 2'))")
        assert pipeline.locator(".batch").first.get_attribute("data-batch") == "2"
        business.wait_for_function(f"() => document.querySelector('[data-figure=orders] .figure-value').innerText.replace(',', '') == '{before + 1}'")

    def test_batches_open_to_their_tables(self, dashboard, visit):
        page = visit(dashboard.address).go("#pipeline")
        first = page.locator(".batch").last
        first.locator("summary").focus()
        page.keyboard.press("Enter")
        rows = {row.locator("th").inner_text(): row.locator("td").first.inner_text() for row in first.locator("tbody tr").all()}
        first_record = {table["name"]: table for table in dashboard.tote.records()[0]["tables"]}
        assert rows["sales_order"] == f"{first_record['sales_order']['rows']:,}"

    def test_what_was_held_back_and_why(self, dashboard, visit):
        dashboard.source.execute(BAD_DATE)
        dashboard.tote.ok("run")
        page = visit(dashboard.address).go("#pipeline")
        page.locator(".health").get_by_text("Rows are held back", exact=True).wait_for()
        held = page.get_by_role("region", name="What was held back").inner_text()
        assert "payment_date" in held and "not exactly a DATE" in held and re.search(r"payment_id\D*7\b", held), held

    def test_a_changed_source_is_told(self, dashboard, visit):
        dashboard.source.execute("alter table staff add column phone text")
        dashboard.source.execute("update staff set phone = '1' where staff_id = 1")
        dashboard.tote.ok("run")
        page = visit(dashboard.address).go("#pipeline")
        drift = page.get_by_role("region", name="Did the source change")
        expect(drift).to_contain_text("column added")
        expect(drift).to_contain_text("phone")


class TestStates:
    """Empty, locked, broken, stale: each says what it is and what to do."""

    def test_nothing_loaded_yet_then_the_first_batch(self, project, visit):
        with Serving(project) as serving:
            here = visit(serving.address)
            page = here.page
            page.goto(serving.address)
            page.get_by_role("heading", name="Nothing has been loaded yet").wait_for()
            assert here.axe() == []
            project.ok("run")
            page.locator("[data-figure=revenue] .figure-value").first.wait_for()

    def test_one_report_that_fails_leaves_the_others(self, dashboard, visit):
        here = visit(dashboard.address)
        problem = {"status": 500, "code": "WAREHOUSE", "title": "x", "detail": "the warehouse is gone", "hint": "look for it"}
        broken = True

        def answer(route):
            if broken:
                route.fulfill(status=500, content_type="application/problem+json", body=json.dumps(problem))
            else:
                route.continue_()

        here.page.route("**/api/reports/sales_by_month*", answer)
        # else the news of the first batch, when they come late, ask again before the button is pressed
        here.page.route("**/api/events", lambda route: route.fulfill(content_type="text/event-stream", body=""))
        page = here.go("#business?period=2024")
        panel = page.locator("[data-report=sales_by_month]")
        assert "The warehouse is gone" in panel.inner_text() and "Look for it" in panel.inner_text()
        assert page.locator("[data-report=sales_by_country] .bar").count() > 0
        assert here.axe() == []
        broken = False
        panel.get_by_role("button", name="Try again").click()
        panel.locator(".bar").first.wait_for()

    def test_a_headline_that_fails_says_so_once_and_comes_back(self, dashboard, visit):
        here = visit(dashboard.address)
        problem = {"status": 500, "code": "WAREHOUSE", "title": "x", "detail": "the warehouse is gone", "hint": "start it by `tote run`"}
        broken = True
        here.page.route("**/api/reports/purchases_summary*", lambda route: route.fulfill(
            status=500, content_type="application/problem+json", body=json.dumps(problem)) if broken else route.continue_())
        here.page.route("**/api/events", lambda route: route.fulfill(content_type="text/event-stream", body=""))
        page = here.go("#business?period=2024")
        assert page.locator(".figures .problem").count() == 1 and page.locator(".figures .problem code").inner_text() == "tote run"
        assert page.locator("[data-figure=spent]").count() == 0 and page.locator("[data-figure=revenue] .figure-value").count() > 0
        assert here.axe() == []
        broken = False
        page.get_by_label("Period").select_option("2023")
        page.locator("[data-figure=spent] .figure-value").first.wait_for()
        assert page.locator(".figures .problem").count() == 0

    def test_a_page_opened_while_nobody_serves_comes_by_itself(self, dashboard, visit):
        here = visit(dashboard.address)
        here.page.route("**/latest.json", lambda route: route.abort())
        here.page.goto(dashboard.address)
        here.page.get_by_role("heading", name="The dashboard cannot be shown").wait_for()
        here.page.unroute("**/latest.json")
        here.page.locator("[data-figure=revenue] .figure-value").first.wait_for()

    def test_figures_of_an_older_batch_say_so(self, dashboard, visit):
        here = visit(dashboard.address)

        def age(route):
            answer = route.fetch()
            route.fulfill(response=answer, json={**answer.json(), "stale": True})

        here.page.route("**/api/reports/sales_by_month*", age)
        page = here.go()
        page.get_by_text("A newer batch is being loaded").wait_for()

    def test_a_late_pipeline_stands_above_the_figures(self, dashboard, visit):
        here = visit(dashboard.address)

        def late(route):
            answer = route.fetch()
            health = {"state": "late", "reasons": ["no batch for 3 hours"]}
            route.fulfill(response=answer, json={**answer.json(), "health": health})

        here.page.route("**/api/pipeline", late)
        page = here.go()
        page.get_by_text("no batch for 3 hours").wait_for()
        assert "Late" in page.locator("#freshness").inner_text()
        page.locator("#freshness a").click()
        assert "The pipeline is late" in page.locator(".health").inner_text()

    def test_a_token_is_asked_for(self, dashboard, visit, tmp_path_factory):
        with Serving(dashboard.tote, "--serve-token", "a-long-secret-word-of-the-house") as serving:
            here = visit(serving.address)
            here.page.goto(f"{serving.address}?token=a-long-secret-word-of-the-house#business?period=2024&currency=GBP")
            here.page.locator("[data-figure=revenue] .figure-value").wait_for()
            assert "token" not in here.page.url and "currency=GBP" in here.page.url

    def test_a_server_that_goes_and_comes_back(self, dashboard, visit):
        with Serving(dashboard.tote) as serving:
            page = visit(serving.address).go("#business?period=2024&currency=EUR")
            revenue = page.locator("[data-figure=revenue]").inner_text()
            serving.stop()
            page.get_by_text("The server does not answer").wait_for()
            assert page.locator("[data-figure=revenue]").inner_text() == revenue
        with Serving(dashboard.tote, port=serving.port):
            page.get_by_text("The server does not answer").wait_for(state="detached")
