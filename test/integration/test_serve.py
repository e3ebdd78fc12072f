"""The dashboard's server: what it answers, and whom it does not. If these fail, a page shows nothing or old figures, or
somebody reads what is not theirs, or one reader keeps all others out."""
import concurrent.futures
import gzip
import json
import random
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import duckdb
import pytest

from lib.dashboard import Dashboard
from lib.postgres import ROOT

TOKEN = "a-token-of-32-characters-or-so-x"
CONFIG, USAGE = 3, 2
PROBLEM = "application/problem+json"


@pytest.fixture(scope="class")
def site(tmp_path_factory, server, totesys_template):
    """A filled project and its server."""
    from lib.tote import Tote

    tote = Tote(tmp_path_factory.mktemp("serve"))
    tote.source = server.create(template=totesys_template.name)
    tote.configure(tote.source.url)
    tote.ok("run")
    with Dashboard(tote) as dashboard:
        yield dashboard
    tote.source.drop()


def problem(answer, status, code):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == PROBLEM
    assert answer.json["code"] == code and answer.json["status"] == status
    return answer.json


class TestAnswers:
    """One server, asked many things."""

    def test_page_and_its_files(self, site):
        page = site.ask("/")
        assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")
        assert page.headers["Cache-Control"] == "no-cache"
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
        assert site.ask("/?anything=1").body == page.body
        files = re.findall(r'(?:src|href)="(assets/[^"]+)"', page.body.decode())
        assert files
        for name in files:
            file = site.ask(f"/{name}")
            assert file.status == 200 and "immutable" in file.headers["Cache-Control"]
            packed = site.ask(f"/{name}", Accept_Encoding="gzip")
            if packed.headers["Content-Encoding"]:
                assert gzip.decompress(packed.body) == file.body
        assert site.ask("/", If_None_Match=page.headers["ETag"]).status == 304

    def test_every_answer_is_guarded(self, site):
        for path in ("/", "/latest.json", "/api/reports", "/api/filters", "/metrics", "/nothing", "/api/reports/nothing"):
            headers = site.ask(path).headers
            assert headers["X-Content-Type-Options"] == "nosniff", path
            assert headers["Referrer-Policy"] == "no-referrer" and headers["X-Frame-Options"] == "DENY"
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
            assert headers["Access-Control-Allow-Origin"] is None and headers["Server"] is None

    def test_every_report_of_the_catalogue_is_answered(self, site):
        catalogue = site.ok("/api/reports")["reports"]
        assert len(catalogue) >= 20
        for entry in catalogue:
            filters = {"key": 42} if entry["required"] else {}
            document = site.ok(f"/api/reports/{entry['name']}", **filters)
            assert document["columns"] == entry["columns"]
            assert document["row_count"] == len(document["rows"]) and document["batch"] == 1
            assert document["stale"] is False and all(len(row) == len(entry["columns"]) for row in document["rows"])

    def test_values_are_written_by_their_kind(self, site):
        document = site.ok("/api/reports/sales_by_month", currency="EUR", limit=1)
        ((month, currency, orders, revenue),) = document["rows"]
        assert (month, currency) == ("2022-11-01", "EUR") and isinstance(orders, int)
        assert re.fullmatch(r"\d+\.\d\d", revenue) and document["truncated"] is True
        assert site.ok("/api/reports/payments", limit=1)["rows"][0][4] in (True, False)
        instant = site.ok("/api/reports/sales_order_history", key=42)["rows"][0][1]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", instant)

    def test_an_answer_is_known_again_by_its_tag(self, site):
        path = "/api/reports/sales_by_country?currency=EUR"
        first = site.ask(path)
        again = site.ask(path, If_None_Match=first.headers["ETag"])
        assert again.status == 304 and again.body == b"" and first.headers["Cache-Control"] == "no-cache"
        assert site.ask("/api/reports/sales_by_country?currency=USD").headers["ETag"] != first.headers["ETag"]
        packed = site.ask(path, Accept_Encoding="gzip, br")
        assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed.body) == first.body

    def test_csv_for_spreadsheets(self, site):
        answer = site.ask("/api/reports/sales_by_staff?format=csv")
        assert answer.headers["Content-Type"].startswith("text/csv")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="sales_by_staff.csv"'
        assert len(answer.body.splitlines()) == 1 + site.ok("/api/reports/sales_by_staff")["row_count"]

    def test_filters_choices(self, site):
        document = site.ok("/api/filters")
        assert document["choices"]["currency"] == ["EUR", "GBP", "USD"] and len(document["choices"]["country"]) > 20
        assert document["dates"] == {"from": "2022-11-03", "to": "2024-11-15"} and document["convert"] == []
        assert [period["name"] for period in document["periods"]][-1] == "2022"

    def test_what_is_wrong_is_said(self, site):
        assert "did you mean" in problem(site.ask("/api/reports/sales_by_mnth"), 404, "NOT_FOUND")["hint"]
        for query in ("currenci=EUR", "currency=E%27R", "from=2024-13-01", "currency=EUR&currency=USD", "limit=0", "limit=99999",
                      "limit=-1", "format=xml", "country=%00", "country=" + "x" * 401, "country=%FF", "weekday=9", "key=1;2"):
            problem(site.ask(f"/api/reports/sales_by_month?{query}"), 400, "USAGE")
        problem(site.ask("/api/reports/sales_order_history"), 400, "USAGE")
        problem(site.ask("/nothing"), 404, "NOT_FOUND")
        answer = site.ask("/api/reports", method="POST")
        assert problem(answer, 405, "USAGE") and answer.headers["Allow"] == "GET, HEAD"
        assert site.ask("/api/reports", method="HEAD").body == b""
        assert site.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello").startswith(b"HTTP/1.1 413")
        assert site.raw(b"GET /" + b"x" * 60000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n").split(b" ")[1] in (b"413", b"414", b"431")

    def test_nothing_but_the_page_is_read_from_paths(self, site):
        for path in ("/../tote.yaml", "/assets/../../tote.yaml", "/%2e%2e/tote.yaml", "/assets/%2e%2e%2f%2e%2e%2ftote.yaml", "//etc/passwd",
                     "/..%5c..%5ctote.yaml", "/index.html/", "/api/reports/..%2f..%2fmodels", "/api/reports/sets/sales", "/.env", "/tote.yaml"):
            answer = site.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            assert b" 404 " in answer.split(b"\r\n")[0], path
            assert b"postgresql" not in answer

    def test_only_known_names_are_answered(self, site):
        """Another site's page that points its own name at this machine (DNS rebinding) gets nothing."""
        for host in ("evil.example", "localhost.evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::1"):
            assert site.ask("/api/reports", Host=host).status in (400, 421), host
        for host in ("localhost", "LOCALHOST:1234", f"127.0.0.1:{site.port}", "[::1]:8080"):
            assert site.ask("/healthz", Host=host).status == 200, host

    def test_injection_through_every_parameter(self, site):
        names = site.ok("/api/reports")["reports"][0]["filters"] + ["key", "direction", "paid", "today", "limit", "format"]
        attacks = ["' or '1'='1", "1; drop table dim_date", "\"; --", "$1", ":from", "%' or 1=1 --", "\\'; select 1", "cast(1 as int)",
                   "2024-01-01' or 'a'='a", "{}", "../../etc/passwd", "<script>alert(1)</script>", "\u2019 or 1=1", "null", "NaN"]
        for name in names:
            for attack in attacks:
                answer = site.ask(f"/api/reports/sales_orders?{urllib.parse.urlencode({name: attack})}")
                assert answer.status == 400 or (answer.status == 200 and answer.json["rows"] == []) or name in (
                    "convert", "key", "direction", "paid", "today") and answer.status in (200, 400), (name, attack, answer)
        assert site.ok("/api/reports/sales_summary")["row_count"] == 3

    def test_fuzzed_requests_never_break_it(self, site):
        rng = random.Random(5)
        names = [entry["name"] for entry in site.ok("/api/reports")["reports"]]
        letters = "abc=&%;'\"\\$:/?#+ \t<>{}[]()0123456789-\u00e9\u2028"
        for _ in range(150):
            query = "".join(rng.choice(letters) for _ in range(rng.randrange(60)))
            path = urllib.parse.quote(f"/api/reports/{rng.choice(names)}?{query}", safe="/?=&%;'$:+<>{}[]()")
            answer = site.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode("latin-1", "replace"))
            assert answer.split(b" ")[1] in (b"200", b"400", b"404"), (path, answer[:200])
        for _ in range(50):
            noise = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 400)))
            site.raw(noise, timeout=2)
        assert site.ask("/healthz").status == 200

    def test_metrics_for_prometheus(self, site):
        text = site.ask("/metrics").body.decode()
        assert 'tote_batches_total{step="ingest"} 1' in text and "tote_warehouse_up 1" in text
        assert re.search(r'tote_serve_answers_total\{status="2xx"\} [1-9]', text)
        assert all(re.match(r"(#|[a-z_]+(\{[^}]*\})? [-+0-9.eE]+$)", line) for line in text.splitlines()), text

    def test_pipeline_says_how_it_is(self, site):
        document = site.ok("/api/pipeline")
        assert document["database"] == "totesys_template" or document["database"]
        assert [step["batch"] for step in document["steps"]] == [1, 1, 1] and document["health"]["state"] == "ok"
        assert {table["table"]: table["rows"] for table in document["tables"]}["sales_order"] == 11187
        assert document["batches"][0]["rows"] == 48066 and document["batches"][0]["loaded"] is True
        assert document["running"] is None and document["quarantine"] == [] and document["drift"] == []

    def test_thousand_connections(self, site):
        idle = []
        try:
            for _ in range(1000):
                idle.append(socket.create_connection(("127.0.0.1", site.port), timeout=30))
            begin = time.monotonic()
            assert site.ok("/api/reports/sales_summary")["row_count"] == 3
            assert time.monotonic() - begin < 10
        finally:
            for connection in idle:
                connection.close()

    def test_slow_clients_are_cut_off_and_keep_nobody_out(self, site):
        slow = [socket.create_connection(("127.0.0.1", site.port), timeout=90) for _ in range(50)]
        end = time.monotonic() + 60
        closed = 0
        for connection in slow:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        while time.monotonic() < end and closed < len(slow):
            time.sleep(1)
            assert site.ask("/healthz", timeout=10).status == 200
            closed = 0
            for connection in slow:
                try:
                    connection.send(b"x")  # never silent for long
                    connection.setblocking(False)
                    closed += connection.recv(1) == b""
                except BlockingIOError:
                    pass
                except OSError:
                    closed += 1
                finally:
                    connection.setblocking(True)
        for connection in slow:
            connection.close()
        assert closed == len(slow)


def test_a_run_is_seen_live(project, first_run):
    """Another process runs the pipeline; the page is told of it, and the figures move."""
    with Dashboard(project) as dashboard:
        before = dashboard.ok("/api/reports/sales_summary")
        seen, listening = [], threading.Event()

        def listen():
            for name, data in dashboard.events(seconds=60):
                listening.set()
                seen.append((name, data))
                if name == "warehouse" and data["batch"] == 2:
                    return

        listener = threading.Thread(target=listen)
        listener.start()
        assert listening.wait(30)
        project.source.execute("update sales_order set units_sold = units_sold + 1 where sales_order_id = 42")
        project.ok("run")
        listener.join(90)
        names = [name for name, _ in seen]
        assert names[0] == "hello" and seen[0][1]["steps"]["ingest"] <= 1
        assert ("batch", {"step": "ingest", "batch": 2}) in seen and ("batch", {"step": "process", "batch": 2}) in seen
        assert names[-1] == "warehouse"
        after = dashboard.ok("/api/reports/sales_summary")
        assert after["batch"] == 2 and after["rows"] != before["rows"]
        assert dashboard.ok("/latest.json")["batch"] == 2
        assert [step["batch"] for step in dashboard.ok("/api/pipeline")["steps"]] == [2, 2, 2]


def test_quarantine_and_drift_are_told(project, first_run):
    project.source.execute("alter table staff add column phone text; "
                           "update sales_order set agreed_payment_date = '2024-02-30' where sales_order_id = 42")
    project.ok("run")
    with Dashboard(project) as dashboard:
        document = dashboard.ok("/api/pipeline")
    assert document["drift"] == [{"batch": 2, "table": "staff", "change": "column added", "column": "phone", "detail": "text"}]
    ((entry,),) = [document["quarantine"]]
    assert entry["table"] == "sales_order" and entry["rows"] == 1 and "agreed_payment_date" in entry["reason"]
    assert len(entry["keys"]) == 1 and document["health"]["state"] == "quarantine"


def test_before_the_first_run(project):
    """A page can show that there is nothing yet."""
    with Dashboard(project) as dashboard:
        latest = dashboard.ok("/latest.json")
        assert latest["batch"] == 0 and latest["captured_at"] is None and latest["mode"] == "live"
        assert dashboard.ok("/api/filters")["dates"] is None
        assert dashboard.ok("/api/pipeline")["health"]["state"] == "empty"
        assert "tote run" in problem(dashboard.ask("/api/reports/sales_summary"), 503, "UNAVAILABLE")["hint"]


def test_a_load_gets_its_turn_while_pages_ask(project, first_run):
    """A DuckDB file has one writer or many readers: neither may starve."""
    with Dashboard(project) as dashboard:
        stop = threading.Event()

        def ask():
            rng = random.Random(7)
            while not stop.is_set():
                dashboard.ok("/api/reports/sales_by_month", limit=rng.randrange(1, 9000))

        askers = [threading.Thread(target=ask) for _ in range(3)]
        for asker in askers:
            asker.start()
        project.source.execute("update sales_order set units_sold = units_sold + 1 where sales_order_id = 42")
        project.ok("run")
        stop.set()
        for asker in askers:
            asker.join(60)
        assert project.ok("status", "--json").json["load"]["batch"] == 2


@pytest.mark.parametrize("warehouse", ["duckdb", "postgres"])
def test_a_query_that_takes_too_long_is_stopped(project, database, warehouse):
    shutil.copytree(ROOT / "models", project.folder / "models")
    project.write("models/report/endless.sql", """\
-- title: T
-- question: Q?
-- group: quality
-- chart: table
-- column: n count
-- bundle: no
select count(*) as n from dim_date a cross join dim_date b cross join dim_date c where a.year + b.year + c.year < 0
""")
    url = database.url if warehouse == "postgres" else "duckdb:./warehouse.duckdb"
    project.configure(project.source.url, warehouse=url, models=project.folder / "models")
    project.ok("run")
    with Dashboard(project, "--serve-timeout", "1s") as dashboard:
        begin = time.monotonic()
        problem(dashboard.ask("/api/reports/endless"), 504, "TIMEOUT")
        assert time.monotonic() - begin < 20
        assert dashboard.ok("/api/reports/sales_summary")["row_count"] == 3


def test_ends_at_once_whatever_goes_on(project, first_run):
    """SIGTERM while somebody listens, somebody dawdles and somebody waits for an answer."""
    dashboard = Dashboard(project)
    dashboard.__enter__()
    listener = socket.create_connection(("127.0.0.1", dashboard.port))
    listener.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    dawdler = socket.create_connection(("127.0.0.1", dashboard.port))
    dawdler.sendall(b"GET / HT")
    asker = socket.create_connection(("127.0.0.1", dashboard.port))
    asker.sendall(b"GET /api/reports/totals_that_differ HTTP/1.1\r\nHost: localhost\r\n\r\n")
    listener.recv(100)
    begin = time.monotonic()
    dashboard.end()
    assert dashboard.status == 0 and time.monotonic() - begin < 20
    for connection in (listener, dawdler, asker):
        connection.close()


def hold(path, patience=60):
    """Opens a DuckDB file for writing as a load does, as soon as no reader has it open."""
    limit = time.monotonic() + patience
    while True:
        try:
            return duckdb.connect(str(path))
        except duckdb.IOException:
            assert time.monotonic() < limit, "the server never lets go of the file"
            time.sleep(0.05)


def test_a_load_that_holds_the_file_keeps_no_known_answer_back(project, first_run):
    """A DuckDB file has one writer and no readers beside it: what is known is given at once, what is not waits for the load."""
    with Dashboard(project) as dashboard, concurrent.futures.ThreadPoolExecutor() as pool:
        before = dashboard.ok("/api/reports/sales_summary")
        load = hold(project.folder / "warehouse.duckdb")
        begin = time.monotonic()
        assert dashboard.ok("/api/reports/sales_summary") == before and time.monotonic() - begin < 5
        waiting = pool.submit(dashboard.ok, "/api/reports/sales_by_city?country=Austria&weekday=3")
        time.sleep(1)
        assert not waiting.done()
        load.close()
        assert waiting.result(timeout=60)["batch"] == 1
        project.source.execute("update sales_order set units_sold = units_sold + 1 where sales_order_id = 42")
        project.ok("run")
        limit = time.monotonic() + 60
        while True:
            newest = dashboard.ok("/latest.json")["batch"]
            answer = dashboard.ok("/api/reports/sales_summary")
            assert answer["batch"] == 2 or answer["stale"] or newest == 1, "an old answer that does not say so"
            if answer["batch"] == 2:
                break
            assert time.monotonic() < limit, "the new batch is never shown"
        assert not answer["stale"] and answer["rows"] != before["rows"]


def test_requests_are_logged_as_fields_and_the_page_has_a_title(project):
    with Dashboard(project, env={"TOTE_LOG_FORMAT": "json", "TOTE_PAGE_TITLE": 'Tote "Bags"'}) as dashboard:
        assert dashboard.ok("/latest.json")["title"] == 'Tote "Bags"'
        dashboard.ask("/nowhere")
    lines = [json.loads(line) for line in "".join(dashboard.talk).splitlines() if line.startswith("{")]
    asked = {line["path"]: line for line in lines if "path" in line}
    assert asked["/latest.json"]["method"] == "GET" and asked["/latest.json"]["status"] == 200
    assert asked["/nowhere"]["status"] == 404 and asked["/nowhere"]["duration_ms"] >= 0 and asked["/nowhere"]["bytes"] > 0


# --- who may read


def test_nobody_is_let_in_by_accident(project):
    for listen in ("0.0.0.0:0", "[::]:0", ":0"):
        said = project.fails(CONFIG, "serve", "--listen", listen).stderr
        assert "can be reached by others" in said and "serve.token" in said
    assert "shorter than 16" in project.fails(CONFIG, "serve", "--serve-token", "tiny-one").stderr
    assert "is no address" in project.fails(CONFIG, "serve", "--listen", "nonsense").stderr
    assert "needs 'serve.key'" in project.fails(CONFIG, "serve", "--serve-certificate", "x.pem").stderr


def test_a_token_opens_and_is_not_kept_in_the_address(project, first_run):
    with Dashboard(project, listen="0.0.0.0:0", env={"TOTE_SERVE_TOKEN": TOKEN}) as dashboard:
        assert dashboard.ask("/healthz").status == 200 and dashboard.ask("/").status == 200
        for path in ("/latest.json", "/api/reports", "/api/reports/sales_summary", "/api/pipeline", "/api/events", "/metrics", "/api/filters"):
            answer = dashboard.ask(path)
            assert problem(answer, 401, "DENIED") and answer.headers["WWW-Authenticate"].startswith("Bearer")
        for wrong in (TOKEN[:-1], TOKEN + "x", "", "x" * 5000):
            assert dashboard.ask("/api/reports", Authorization=f"Bearer {wrong}").status == 401
        assert dashboard.ask("/api/reports", Authorization=f"Bearer {TOKEN}").status == 200
        assert dashboard.ask("/?token=wrong").status == 200
        opened = dashboard.ask(f"/?token={TOKEN}")
        assert opened.status == 303 and opened.headers["Location"] == "/"
        cookie = opened.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and TOKEN not in cookie
        assert dashboard.ask("/latest.json", Cookie=cookie.split(";")[0]).status == 200
        assert dashboard.ask("/latest.json", Cookie="tote_token=" + "0" * 64).status == 401
    assert TOKEN not in "".join(dashboard.talk)


def test_a_proxy_vouches_by_its_header(project):
    with Dashboard(project, "--serve-trusted-header", "X-Forwarded-User", listen="0.0.0.0:0") as dashboard:
        assert dashboard.ask("/api/reports").status == 401
        assert dashboard.ask("/api/reports", X_Forwarded_User="").status == 401
        assert dashboard.ask("/api/reports", X_Forwarded_User="ada").status == 200


def test_tls_by_certificate(project):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem",
                    "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   cwd=project.folder, check=True, capture_output=True)
    with Dashboard(project, "--serve-certificate", "cert.pem", "--serve-key", "key.pem",
                   env={"TOTE_SERVE_TOKEN": TOKEN}) as dashboard:
        trusted = ssl.create_default_context(cafile=project.folder / "cert.pem")
        with urllib.request.urlopen(f"https://localhost:{dashboard.port}/healthz", context=trusted, timeout=30) as answer:
            assert answer.read() == b"ok\n"
        with pytest.raises(Exception):
            urllib.request.urlopen(f"http://localhost:{dashboard.port}/healthz", timeout=10)


def test_a_role_that_may_only_read_is_enough(project, database, server):
    project.configure(project.source.url, warehouse=database.url)
    project.ok("run")
    server.execute("do $$ begin create role dashboard_reader login; exception when duplicate_object then null; end $$")
    database.execute("grant usage on schema public, tote to dashboard_reader; "
                     "grant select on all tables in schema public, tote to dashboard_reader")
    project.configure(project.source.url, warehouse=database.url_for("dashboard_reader"))
    with Dashboard(project) as dashboard:
        assert dashboard.ok("/api/reports/sales_summary")["row_count"] == 3
        assert dashboard.ok("/api/filters")["choices"]["currency"]
