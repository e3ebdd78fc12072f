"""Reports: the same answer from both warehouses, and the right one, by plain SQL over the source. If these fail, a manager
decides by wrong figures."""
import csv
import decimal
import io

import pytest

from lib.postgres import ROOT
from reports import Both, catalogue

REVENUE = "units_sold * unit_price"
USAGE, CONFIG, NOT_FOUND = 2, 3, 4


@pytest.fixture(scope="class")
def both(tmp_path_factory, server, totesys_template):
    warehouse = server.create()
    made = Both(tmp_path_factory.mktemp("reports"), server, totesys_template, warehouse)
    yield made
    made.close()
    made.source.drop()
    warehouse.drop()


def money(rows):
    """Source rows with decimals as the reports write them."""
    return [tuple(str(cell) if isinstance(cell, decimal.Decimal) else cell.isoformat() if hasattr(cell, "isoformat") else cell
                  for cell in row) for row in rows]


class TestReports:
    """One lake in two warehouses."""

    @pytest.mark.parametrize("name", catalogue())
    def test_both_warehouses_say_the_same(self, both, name):
        key = {"key": 42} if name.endswith("_history") else {}
        whole = both.report(name, **key)
        assert whole["rows"], "a report without rows proves nothing"
        some = both.report(name, **key, currency="EUR", from_="2024-01-01", to="2024-12-31", weekday=3)
        if {"currency", "from"} <= set(some["applied"]):
            assert some["rows"] != whole["rows"]

    def test_sales_are_those_of_the_source(self, both):
        assert both.rows("sales_summary") == money(both.source.rows(f"""
            select currency_code, sum({REVENUE}), count(*), round(sum({REVENUE}) / count(*), 2), sum(units_sold)
            from sales_order join currency using (currency_id) group by 1 order by 1"""))
        assert both.rows("sales_by_month", currency="GBP", limit=10000) == money(both.source.rows(f"""
            select date_trunc('month', o.created_at)::date, currency_code, count(*), sum({REVENUE})
            from sales_order o join currency using (currency_id) where currency_code = 'GBP' group by 1, 2 order by 1"""))
        assert both.rows("sales_by_weekday") == money(both.source.rows(f"""
            select extract(isodow from o.created_at)::int, currency_code, count(*), sum({REVENUE})
            from sales_order o join currency using (currency_id) group by 1, 2 order by 1, 2"""))

    @pytest.mark.parametrize("report, column, tables", [
        ("sales_by_country", "country", "join address on address_id = agreed_delivery_location_id"),
        ("sales_by_design", "design_name", "join design using (design_id)"),
        ("sales_by_counterparty", "counterparty_legal_name", "join counterparty using (counterparty_id)"),
        ("sales_by_staff", "first_name || ' ' || last_name", "join staff using (staff_id)"),
        ("sales_by_department", "department_name", "join staff using (staff_id) join department using (department_id)"),
    ])
    def test_sales_by_anything_are_those_of_the_source(self, both, report, column, tables):
        source = money(both.source.rows(f"""
            select {column}, currency_code, count(*), sum({REVENUE})
            from sales_order join currency using (currency_id) {tables} group by 1, 2"""))
        document = both.report(report)
        names = [entry["name"] for entry in document["columns"]]
        places = [0, names.index("currency"), names.index("orders"), names.index("revenue")]
        assert sorted(tuple(row[place] for place in places) for row in document["rows"]) == sorted(source)

    def test_purchases_and_payments_are_those_of_the_source(self, both):
        assert both.rows("purchases_summary") == money(both.source.rows("""
            select currency_code, sum(item_quantity * item_unit_price), count(*),
                   round(sum(item_quantity * item_unit_price) / count(*), 2), sum(item_quantity)
            from purchase_order join currency using (currency_id) group by 1 order by 1"""))
        assert both.rows("payments_summary") == money(both.source.rows("""
            select currency_code, sum(payment_amount) filter (where transaction_type = 'SALE' and paid),
                   sum(payment_amount) filter (where transaction_type = 'SALE' and not paid),
                   sum(payment_amount) filter (where transaction_type = 'PURCHASE' and paid),
                   sum(payment_amount) filter (where transaction_type = 'PURCHASE' and not paid),
                   count(*), count(*) filter (where not paid)
            from payment join currency using (currency_id) join transaction using (transaction_id) group by 1 order by 1"""))

    def test_filters_narrow_every_figure_alike(self, both):
        where = """join currency using (currency_id) join address on address_id = agreed_delivery_location_id
            join staff using (staff_id) join department using (department_id)
            where currency_code = 'USD' and country = 'Japan' and department_name = 'Purchasing'
              and sales_order.created_at >= '2023-03-01' and sales_order.created_at < '2024-09-01'"""
        expected = both.source.value(f"select sum({REVENUE}) from sales_order {where}")
        filters = {"currency": "USD", "country": "Japan", "department": "Purchasing", "from_": "2023-03-01", "to": "2024-08-31"}
        assert both.column("sales_summary", "revenue", **filters) == [str(expected)]
        assert sum(map(decimal.Decimal, both.column("sales_by_month", "revenue", **filters))) == expected
        assert sum(map(decimal.Decimal, both.column("sales_orders", "amount", **filters))) == expected

    def test_drilling_down_leads_to_the_rows_behind_a_bar(self, both):
        catalogue_entries = {entry["name"]: entry for entry in both.tote.ok("report", "--json").json["reports"]}
        for name, entry in catalogue_entries.items():
            if "drill" not in entry or entry["drill"]["report"].endswith("_history"):
                continue
            document = both.report(name)
            names = [column["name"] for column in document["columns"]]
            row = document["rows"][0]
            filters = {name: row[names.index(column)] for name, column in entry["drill"]["with"].items()} | entry["drill"]["set"]
            behind = both.report(entry["drill"]["report"], **filters, limit=10000)
            counts = [row[names.index(count)] for count in ("orders", "payments") if count in names]
            if counts and name != "cash_flow":
                assert behind["row_count"] == counts[0], name
            assert behind["row_count"] > 0, name

    def test_history_says_what_changed_when_and_by_how_much(self, both):
        changes = {row[0]: row for row in both.rows("sales_order_changes")}
        assert set(changes) == {42, 43, 50, 51, 52}
        before = both.source.value("select (units_sold - 1000) * unit_price from sales_order where sales_order_id = 42")
        after = both.source.value("select units_sold * unit_price from sales_order where sales_order_id = 42")
        assert changes[42][3:] == ("units", "EUR", str(before), str(after), str(after - before), False)
        assert changes[43][3] == "deleted" and changes[43][6] == "0.00"
        assert changes[50][3] == "price, last_updated" and changes[50][8] is True
        assert changes[52][3] == "delivery date" and changes[52][7] == "0.00"
        versions = both.rows("sales_order_history", key=43)
        assert [(row[0], row[3]) for row in versions] == [(1, False), (2, True)]

    def test_quality_reports_find_what_is_wrong_and_nothing_else(self, both):
        assert both.rows("late_dates") == [
            ("delivery agreed before the order", "sales order", 52, "2022-12-02", "2022-11-01", both.rows("late_dates")[0][5])]
        assert [row[:2] for row in both.rows("orders_without_payment")] == [("sales order", 60)]
        assert {row[:2] for row in both.rows("totals_that_differ")} == {
            ("sales order", 42), ("sales order", 50), ("sales order", 51), ("purchase order", 7)}
        assert [(row[0], row[1], row[3], row[4]) for row in both.rows("silent_changes")] == [
            ("payment", 2, 1, 1), ("sales order", 2, 4, 2)]
        overdue = both.source.rows("""
            select sum(payment_amount), count(*) from payment where not paid and payment_date::date < '2024-06-01'""")[0]
        amounts = both.column("unpaid_past_due", "overdue", today="2024-06-01")
        assert sum(map(decimal.Decimal, amounts)) == overdue[0]
        assert sum(both.column("unpaid_past_due", "payments", today="2024-06-01")) == overdue[1]

    def test_printed_as_table_csv_and_json(self, both):
        document = both.report("sales_by_staff")
        rows = list(csv.reader(io.StringIO(both.tote.ok("report", "sales_by_staff", "--csv").stdout)))
        assert rows[0] == [column["name"] for column in document["columns"]]
        assert rows[1:] == [[str(cell) for cell in row] for row in document["rows"]]
        table = both.tote.ok("report", "sales_orders", "--limit", "3").stdout
        assert "(3 rows)" in table and "there are more" in table
        assert len(both.tote.ok("report").stdout.splitlines()) == len(catalogue()) + 1

    def test_filters_are_values_and_never_sql(self, both):
        for value in ("' or '1'='1", "x'; drop table fact_sales_order; --", "%", "$1", ":currency", "\\"):
            assert both.rows("sales_orders", country=value) == []
        assert both.rows("sales_orders", staff="O'Neill") == []
        for arguments in (["--from", "2024-02-30"], ["--from", "yesterday"], ["--currency", "E'R"], ["--weekday", "8"],
                          ["--limit", "0"], ["--limit", "10001"], ["--direction", "up"]):
            both.tote.fails(USAGE, "report", "sales_orders", *arguments)
        both.tote.fails(USAGE, "report", "sales_order_history")
        both.tote.fails(USAGE, "report", "sales_order_history", "--key", "1 or 1=1")
        assert "did you mean 'sales_by_month'" in both.tote.fails(NOT_FOUND, "report", "sales_by_mont").stderr
        assert "no table of rates" in both.tote.fails(USAGE, "report", "sales_summary", "--convert", "EUR").stderr


def test_reference_is_what_the_headers_say(project):
    assert (ROOT / "docs/reference/reports.md").read_text() == project.ok("report", "--markdown").stdout


def test_dated_rates_convert_money(project):
    """A table of rates as docs/reference/reports.md shows it: each order by the rate of its day."""
    models = project.folder / "models"
    import shutil
    shutil.copytree(ROOT / "models", models)
    project.configure(project.source.url, models=models)
    project.write("models/seeds/exchange_rate.csv", "from_currency,to_currency,valid_from,valid_to,rate\n"
                  "GBP,EUR,2000-01-01,2024-01-01,1.10000000\nGBP,EUR,2024-01-01,2100-01-01,1.20000000\n"
                  "USD,EUR,2000-01-01,2024-11-01,0.90000000\n")
    project.write("models/dim_exchange_rate.sql", """\
-- kind: calendar
-- key: from_currency, to_currency, valid_from
select from_currency, to_currency, cast(valid_from as date) as valid_from, cast(valid_to as date) as valid_to,
       cast(rate as decimal(18, 8)) as rate
from seed.exchange_rate
""")
    project.ok("run")
    expected = project.source.rows("""
        select sum(round(units_sold * unit_price * case currency_code when 'EUR' then 1 when 'GBP' then
                   case when o.created_at < '2024-01-01' then 1.1 else 1.2 end else 0.9 end, 2))
                   filter (where currency_code <> 'USD' or o.created_at < '2024-11-01'),
               count(*) filter (where currency_code = 'USD' and o.created_at >= '2024-11-01')
        from sales_order o join currency using (currency_id)""")[0]
    document = project.ok("report", "sales_summary", "--convert", "EUR", "--json").json
    assert document["money"] == {"mode": "converted", "to": "EUR", "unconverted": expected[1]}
    assert [row[:2] for row in document["rows"]] == [["EUR", str(expected[0])]]
    assert project.ok("report", "sales_summary", "--json").json["money"] == {"mode": "by-currency"}


def test_a_report_that_is_wrong_says_where(project):
    """The maker of a report sees the file and the line, not a stack of SQL."""
    import shutil
    shutil.copytree(ROOT / "models", project.folder / "models")
    project.configure(project.source.url, models=project.folder / "models")
    good = "-- title: T\n-- question: Q?\n-- group: sales\n-- chart: table\n-- column: n count\nselect 1 as n"
    for text, expected in [
            (good.replace("-- group: sales", "-- group: nonsense"), "models/report/mine.sql:3: 'nonsense' is not what"),
            (good.replace("-- column: n count\n", ""), "names no column"),
            (good.replace("chart: table", "chart: bar x=m y=n"), "names a column 'm' that is not declared"),
            (good + " where :nonsense = 1", "there is no filter ':nonsense'"),
            (good + " where 1 = $99", "stands for no filter"),
            (good.replace("-- chart", "-- uses: nothing\n-- chart"), "there is no set 'nothing'"),
            (good.replace("select 1", "select 'x"), "has no end"),
            (good.replace("n count", "n money"), "is not what this directive takes"),
            (good.replace("select 1 as n", "delete from x"), "a report is one select"),
            (good.replace("-- title", "-- colour: red\n-- title"), "unknown directive 'colour'")]:
        project.write("models/report/mine.sql", text)
        assert expected in project.fails(CONFIG, "report").stderr, text
    project.write("models/report/mine.sql", good)
    assert "mine" in project.ok("report").stdout
