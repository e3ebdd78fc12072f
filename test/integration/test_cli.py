"""The command line: what it says, to whom, and with which exit status. If these fail, people and schedulers are told the
wrong thing, or nothing."""
import json
import os
import pathlib
import re
import stat
import subprocess
import time

import pytest

from lib.postgres import ROOT
from lib.tote import Tote, program

USAGE, CONFIG, NOT_FOUND, DENIED, UNAVAILABLE, IO = 2, 3, 4, 6, 7, 14
SECRET = "mArKeR-pa55word"
COMMANDS = ["init", "doctor", "run", "ingest", "process", "load", "status", "history", "query", "report", "serve", "publish", "verify",
            "reconcile", "replay", "sweep", "config", "version", "help"]
SALES = 11187


def raw(*arguments, **options):
    """The program without -C."""
    return subprocess.run([program(), *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, check=False, **options)


# --- what is printed from the tables


@pytest.mark.parametrize("page", ["commands", "configuration", "exit-statuses", "metrics", "types"])
def test_reference_is_what_the_program_prints(page):
    printed = raw("help", "--markdown", page)
    assert printed.returncode == 0
    checked_in = (ROOT / "docs" / "reference" / f"{page}.md").read_text()
    assert printed.stdout == checked_in, f"run: tote help --markdown {page} > docs/reference/{page}.md"


def test_help_lists_every_command_and_explains_each():
    listed = re.findall(r"^  (\w+) ", raw("help").stdout, re.MULTILINE)
    assert listed[:len(COMMANDS)] == COMMANDS
    for command in COMMANDS:
        explained = raw("help", command)
        assert explained.returncode == 0 and explained.stdout.startswith(f"tote {command} - ")
        assert raw(command, "--help").stdout == explained.stdout
    assert raw("--help").stdout == raw("help").stdout
    assert "--source-url URL" in raw("help", "run").stdout


def test_lines_of_help_fit_a_terminal():
    for arguments in (["help"], *(["help", command] for command in COMMANDS)):
        assert max(map(len, raw(*arguments).stdout.splitlines())) <= 80, arguments


def test_manual_page_is_clean_roff():
    page = raw("help", "--man").stdout
    assert page.startswith(".TH TOTE 1")
    for word in (*COMMANDS, "source.url", "EXIT STATUS", "130"):
        assert word in page
    checked = subprocess.run(["man", "--warnings", "-l", "-"], input=page, capture_output=True, text=True, check=False)
    if checked.returncode != 127:
        assert not checked.stderr, checked.stderr


def complete(words):
    script = raw("help", "--completion", "bash").stdout + f"""
COMP_WORDS=({' '.join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}; _tote; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert not done.stderr
    return done.stdout.split()


def test_bash_completes_commands_and_options():
    assert complete(["tote", "in"]) == ["init", "ingest"]
    assert complete(["tote", "run", "--ev"]) == ["--every"]
    assert complete(["tote", "-C", "x", "history", "--l"])[0] == "--limit"
    assert complete(["tote", "ingest", "--source-u"]) == ["--source-url"]
    assert complete(["tote", "version", "--source-u"]) == []
    assert complete(["tote", "help", "--completion", ""]) == ["bash", "zsh", "fish"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_completion_too(shell):
    script = raw("help", "--completion", shell).stdout
    for word in (*COMMANDS, "every", "source-url"):
        assert word in script
    try:
        checked = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return  # no such shell here: the words are all that can be looked at
    assert checked.returncode == 0 and not checked.stderr


def test_unknown_shell_and_page_are_refused():
    assert raw("help", "--completion", "tcsh").returncode == USAGE
    assert raw("help", "--markdown", "index").returncode == USAGE
    unknown = raw("help", "rnu")
    assert unknown.returncode == USAGE and "did you mean 'run'?" in unknown.stderr


def test_version_is_the_builds():
    declared = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text()).group(1)
    assert raw("version").stdout.startswith(f"tote {declared} (")
    assert raw("--version").stdout == raw("version").stdout
    document = json.loads(raw("version", "--json").stdout)
    assert document["schema"] == 1 and document["tote"] == declared and document["duckdb"].startswith("v1.")


# --- mistakes


@pytest.mark.parametrize("arguments, status, said", [
    ([], USAGE, "no command"),
    (["rnu"], USAGE, "did you mean 'run'?"),
    (["run", "--evry"], USAGE, "did you mean '--every'?"),
    (["run", "--every", "soon"], USAGE, "'--every': 'soon' is not a duration"),
    (["history", "--limit", "0"], USAGE, "'--limit 0'"),
    (["history", "--batch", "x"], USAGE, "'--batch x'"),
    (["query"], USAGE, "'query' needs an argument"),
    (["--config", "nowhere.yaml", "run"], NOT_FOUND, "nowhere.yaml"),
])
def test_mistakes_are_said_on_stderr_only(tote, arguments, status, said):
    tote.configure("postgresql://postgres@127.0.0.1:1/none")
    result = tote.fails(status, *arguments)
    assert said in result.stderr and result.stdout == "", result


def test_folder_that_is_not_there_is_named():
    done = raw("-C", "nowhere", "run")
    assert done.returncode == NOT_FOUND and "'nowhere'" in done.stderr


def test_unknown_key_names_line_and_column(tote):
    tote.write("tote.yaml", "source:\n  url: x\nlake:\n  ingestion: a\n  procesed: b\n")
    result = tote.fails(CONFIG, "run")
    assert "error: tote.yaml:5:3: unknown key 'procesed'" in result.stderr
    assert "hint: did you mean 'processed'?" in result.stderr


def test_folder_without_project_is_told_how_to_begin(tote):
    result = tote.fails(NOT_FOUND, "run")
    assert "no tote.yaml in" in result.stderr and "tote init" in result.stderr


def test_undefined_variable_is_named(tote):
    tote.configure("${NOWHERE_DEFINED}")
    assert "'NOWHERE_DEFINED'" in tote.fails(CONFIG, "status").stderr


def test_errors_are_json_where_logs_are(tote):
    for arguments, env in ((["--log-format", "json"], {}), ([], {"TOTE_LOG_FORMAT": "json"})):
        result = tote.fails(NOT_FOUND, "run", *arguments, env=env)
        (line,) = result.stderr.splitlines()
        assert "no tote.yaml" in line and json.loads(line)


def test_unreachable_source_ends_with_its_status(tote):
    tote.configure("postgresql://postgres@127.0.0.1:1/none")
    result = tote.fails(UNAVAILABLE, "ingest")
    assert "hint: " in result.stderr


def test_full_disk_behind_stdout_is_an_error(tote):
    tote.configure("postgresql://postgres@127.0.0.1:1/none")
    with open("/dev/full", "w") as full:
        done = subprocess.run([program(), "-C", tote.folder, "config"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == IO and "standard output" in done.stderr


def test_closed_output_never_ends_up_in_a_file_of_the_lake(project, first_run):
    """A descriptor that is closed is the number of the next file that is opened."""
    project.source.execute("update design set design_name = 'Oak' where design_id = 1; drop table payment cascade")
    done = subprocess.run(["sh", "-c", '"$@" >&- 2>&- <&-', "sh", program(), "-C", project.folder, "run", "--verbose"],
                          env=project.environment(), check=False)
    assert done.returncode in (0, 3), done  # the models miss the table
    for path in project.lake("ingestion/**/*"):
        text = (project.folder / "lake" / path).read_bytes()
        assert b"warning" not in text and b"batch 2 " not in text, path
    assert len(project.records()) == 2


# --- configuration


def test_config_shows_values_and_origins(tote):
    tote.configure("postgresql://me:${PW}@h/d", more="log:\n  level: warn\n")
    tote.write(".env", f"PW={SECRET}\nTOTE_SCHEDULE_EVERY=1m\n")
    text = tote.ok("config", "--process-memory", "1GB", env={"TOTE_LOG_FORMAT": "json"}).stdout
    document = tote.ok("config", "--json", "--process-memory", "1GB", env={"TOTE_LOG_FORMAT": "json"}).json
    assert document["schema"] == 1
    origins = {option["name"]: (option["value"], option["origin"]) for option in document["options"]}
    assert origins["source.url"] == ("postgresql://me:***@h/d", "tote.yaml:2")
    assert origins["source.exclude"][0] == ["_prisma_migrations"]
    assert origins["schedule.every"] == ("1m", ".env")
    assert origins["log.format"] == ("json", "TOTE_LOG_FORMAT")
    assert origins["process.memory"] == ("1GB", "--process-memory")
    assert origins["process.threads"] == ("0", "default")
    assert origins["work_dir"] == (None, "not set")
    assert origins["lake.ingestion"][0] == str(tote.folder / "lake/ingestion")
    assert SECRET not in text and "postgresql://me:***@h/d" in text


def test_password_leaves_the_process_list(server, database, tote):
    """While the program waits for a lock, as long as somebody pleases, `ps` shows no password."""
    database.execute("create table t (id integer primary key)")
    server.create_role("cli_asked", SECRET)
    database.execute("grant select on t to cli_asked")
    tote.configure("${TOTE_SOURCE_URL}")
    with database.connect() as holder:
        holder.execute("lock table t")
        running = tote.start("ingest", "--source-url", database.url_for("cli_asked", SECRET), env={"TOTE_SOURCE_URL": "x"})
        deadline = time.monotonic() + 20
        while not database.rows("select from pg_locks where not granted and relation = 't'::regclass"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        shown = pathlib.Path(f"/proc/{running.process.pid}/cmdline").read_text()
    result = running.wait()
    assert SECRET not in shown and "--source-url" in shown
    assert result.status == 0 and "password" in result.stderr and SECRET not in result.stderr + result.stdout, result


# --- init


def files(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in pathlib.Path(folder).rglob("*") if path.is_file()}


def test_init_writes_a_project_for_totesys(totesys, tote, tmp_path):
    totesys.execute("create table if not exists _prisma_migrations (id text primary key)")
    result = tote.ok("init", "--source", totesys.url, "--dir", "made")
    made = files(tmp_path / "made")
    assert "url: ${TOTE_SOURCE_URL}" in made["tote.yaml"] and "_prisma_migrations" in made["tote.yaml"]
    assert totesys.url not in made["tote.yaml"] and totesys.url in made[".env"]
    assert stat.S_IMODE(os.stat(tmp_path / "made" / ".env").st_mode) == 0o600
    assert ".env" in made[".gitignore"].splitlines()
    assert len([name for name in made if name.startswith("models/")]) == 11
    model = made["models/sales_order.sql"]
    assert model.startswith("-- kind: mirror\n-- key: sales_order_id\n-- row-of: sales_order\n")
    assert "-- references: design_id -> design\n" in model
    assert model.endswith("from source.sales_order\n")
    assert "11 tables" in result.stdout and "tote -C" in result.stdout
    assert Tote(tmp_path / "made").ok("doctor", "--json").json["ok"] is True


def test_init_keeps_what_is_there(database, tote):
    database.execute("create table t (id integer primary key)")
    tote.write("models/t.sql", "-- mine\n")
    tote.write(".env", "OTHER='kept'\n")
    said = tote.ok("init", "--source", database.url, "--json").json
    done = {file["path"]: file["done"] for file in said["files"]}
    assert done == {"tote.yaml": "written", ".env": "written", ".gitignore": "written", "models/t.sql": "kept"}
    assert files(tote.folder)["models/t.sql"] == "-- mine\n"
    assert files(tote.folder)[".env"].startswith("OTHER='kept'\n")
    other = database.url + "?application_name=other"
    assert {file["done"] for file in tote.ok("init", "--source", other, "--json").json["files"]} == {"kept"}
    assert other not in files(tote.folder)[".env"]
    tote.ok("init", "--source", other, "--force")
    made = files(tote.folder)
    assert made["models/t.sql"].startswith("-- kind: mirror") and other in made[".env"]
    assert made[".env"].startswith("OTHER='kept'\n") and made[".env"].count("TOTE_SOURCE_URL") == 1


def test_init_keeps_the_warehouses_password_out_of_the_project_file(database, tote):
    database.execute("create table t (id integer primary key)")
    warehouse = f"host=127.0.0.1 user=x password='{SECRET}' dbname=y"
    result = tote.ok("init", "--source", database.url, "--warehouse", warehouse)
    made = files(tote.folder)
    assert "url: ${TOTE_WAREHOUSE_URL}" in made["tote.yaml"]
    assert [name for name, text in made.items() if SECRET in text] == [".env"]
    assert SECRET not in result.stdout + result.stderr
    options = {option["name"]: option["value"] for option in tote.ok("config", "--json").json["options"]}
    assert options["warehouse.url"] == "host=127.0.0.1 user=x password=*** dbname=y"


def test_init_leaves_out_what_the_role_cannot_read_and_says_so(server, database, tote):
    server.create_role("cli_reader", SECRET)
    database.execute("create table open (id integer primary key); create table closed (id integer primary key);"
                     "grant select on open to cli_reader")
    result = tote.ok("init", "--source", database.url_for("cli_reader", SECRET))
    assert "'closed'" in result.stderr and SECRET not in result.stderr
    assert "- closed" in files(tote.folder)["tote.yaml"]
    assert "models/closed.sql" not in files(tote.folder)
    tote.ok("ingest")


def test_init_needs_a_source(tote, database):
    result = tote.fails(USAGE, "init")
    assert "--source URL" in result.stderr
    result = tote.fails(NOT_FOUND, "init", "--source", database.url)
    assert "no table" in result.stderr and files(tote.folder) == {}
    database.execute("create table t (id integer primary key)")
    tote.ok("init", env={"TOTE_SOURCE_URL": database.url})


# --- doctor


def checks(result):
    return {(check["what"], check["level"]): check["message"] for check in result.json["checks"]}


def test_doctor_is_content_with_a_working_project(project):
    for _ in range(2):
        result = project.ok("doctor", "--json")
        assert {check["level"] for check in result.json["checks"]} == {"ok"}, result
        project.ok("run")
    assert "all is well" in project.ok("doctor").stdout
    assert not [path for path in project.lake() if "_doctor" in path]


def test_doctor_finds_a_missing_privilege_for_each_table(server, database, tote):
    server.create_role("cli_patient", SECRET)
    database.execute("create table a (id integer primary key); create table b (id integer primary key);"
                     "create table c (id integer primary key); grant select on c to cli_patient; create table d (x text);"
                     "grant select on d to cli_patient; create table e (id integer primary key)")
    tote.configure(database.url_for("cli_patient", SECRET), models="./models")
    tote.write("tote.yaml", (tote.folder / "tote.yaml").read_text().replace("[_prisma_migrations]", "[e]"))
    tote.write("models/c.sql", "-- kind: mirror\n-- key: id\n-- row-of: c\nselect id from source.c\n")
    result = tote.fails(DENIED, "doctor")
    assert "FAIL  source: table 'public.a'" in result.stdout and "FAIL  source: table 'public.b'" in result.stdout
    assert "public.c" not in result.stdout and "public.e" not in result.stdout
    assert "warn  source: table 'd' has no key" in result.stdout
    assert "2 failed" in result.stdout and "grant" in result.stdout
    assert SECRET not in result.stdout + result.stderr


def test_doctor_looks_at_everything_although_something_fails(tote):
    tote.configure("postgresql://postgres@127.0.0.1:1/none")
    result = tote.fails(UNAVAILABLE, "doctor", "--json")
    levels = {check["what"]: check["level"] for check in result.json["checks"]}
    assert levels["source"] == "fail" and levels["lake.ingestion"] == "ok" and levels["models"] == "ok", levels
    assert result.json["ok"] is False


def test_doctor_finds_models_that_read_what_is_not_there(database, tote):
    database.execute("create table t (id integer primary key)")
    tote.configure(database.url, models="./models")
    tote.write("models/t.sql", "-- kind: mirror\n-- key: id\n-- row-of: u\nselect id from source.u\n")
    result = tote.fails(CONFIG, "doctor", "--json")
    assert "source.u, which is not captured" in checks(result)[("models", "fail")]
    tote.write("models/t.sql", "select nonsense")
    assert "models/t.sql:1" in checks(tote.fails(CONFIG, "doctor", "--json"))[("models", "fail")]


def test_doctor_finds_a_lake_that_cannot_be_written(database, tote):
    database.execute("create table t (id integer primary key)")
    tote.configure(database.url)
    tote.write("lake", "a file where a folder should be")
    result = tote.run("doctor", "--json")
    assert result.status != 0 and ("lake.ingestion", "fail") in checks(result), result


def test_doctor_finds_a_forgotten_transaction_only_when_it_is_old(project):
    with project.source.connect() as forgotten:
        forgotten.execute("select 1")
        assert {check["level"] for check in project.ok("doctor", "--json").json["checks"]} == {"ok"}


def test_doctor_finds_rights_missing_in_the_warehouse(server, database, tote):
    database.execute("create table t (id integer primary key)")
    server.create_role("cli_loader", SECRET)
    target = server.create()
    tote.configure(database.url, warehouse=target.url_for("cli_loader", SECRET))
    result = tote.run("doctor", "--json")
    assert "cli_loader" in checks(result)[("warehouse", "fail")], result
    target.execute(f'grant create on database "{target.name}" to cli_loader; grant create on schema public to cli_loader')
    assert ("warehouse", "fail") not in checks(tote.run("doctor", "--json"))
    target.drop()


# --- status, history, query


def test_status_and_history_follow_the_batches(project):
    nothing = project.ok("status", "--json").json
    assert nothing["ingest"]["batch"] == 0 and nothing["sources"] == []
    assert project.ok("history").stdout == "no batch yet\n"
    project.ok("ingest")
    half = project.ok("status")
    assert "nothing yet" in half.stdout
    project.ok("run")
    project.source.execute("update sales_order set units_sold = units_sold + 1 where sales_order_id = 2;"
                           "delete from payment where payment_id = 3")
    project.ok("run")

    status = project.ok("status", "--json").json
    assert status["schema"] == 1
    assert [status[step]["batch"] for step in ("ingest", "process", "load")] == [2, 2, 2]
    assert 0 < status["ingest"]["age_seconds"] < 600
    sources = {source["table"]: source for source in status["sources"]}
    assert sources["sales_order"]["rows"] == SALES and sources["sales_order"]["quarantined"] == 0
    assert sources["payment"]["rows"] == project.source.value("select count(*) from payment")
    models = {model["model"]: model for model in status["models"]}
    assert models["fact_sales_order"]["warehouse_rows"] == SALES + 1
    assert models["fact_sales_order"]["lake_versions"] == SALES + 1
    assert models["dim_date"]["warehouse_rows"] == project.warehouse("select count(*) from dim_date")[0][0]
    text = project.ok("status").stdout
    assert re.search(r"^load +batch 2 ", text, re.MULTILINE) and "11,187" in text

    history = project.ok("history", "--json").json
    assert [batch["batch"] for batch in history["batches"]] == [2, 1] and history["head"] == 2
    assert history["batches"][0]["rows"] == 1 and history["batches"][0]["deleted"] == 1
    assert {table["table"] for table in history["batches"][0]["tables"]} == {"sales_order", "payment"}
    assert history["batches"][1]["captured_at"] < history["batches"][0]["captured_at"]
    assert [batch["batch"] for batch in project.ok("history", "--json", "--limit", "1").json["batches"]] == [2]
    assert "sales_order" in project.ok("history", "--batch", "2").stdout
    assert "the last one is 2" in project.fails(NOT_FOUND, "history", "--batch", "3").stderr


def test_status_shows_the_lake_although_the_warehouse_is_gone(project, first_run):
    result = project.run("status", "--warehouse-url", "postgresql://postgres@127.0.0.1:1/none")
    assert result.status == UNAVAILABLE and "ingest   batch 1" in result.stdout
    assert "load     not known" in result.stdout and "error: " in result.stderr


def test_query_prints_tables_csv_and_json(project, first_run):
    sql = "select currency_code, currency_name from dim_currency order by 1"
    assert project.ok("query", sql).stdout.splitlines()[0].split() == ["currency_code", "currency_name"]
    rows = project.warehouse(sql)
    assert project.ok("query", sql, "--csv").stdout == "currency_code,currency_name\n" + "".join(f"{a},{b}\n" for a, b in rows)
    document = project.ok("query", sql, "--json").json
    assert document["schema"] == 1 and document["columns"] == ["currency_code", "currency_name"]
    assert [tuple(row) for row in document["rows"]] == rows
    assert project.ok("query", "select null as a, '' as b, 'x,\"y\"' as c", "--csv").stdout == 'a,b,c\n,"","x,""y"""\n'
    assert "NULL" in project.ok("query", "select null as a, e'a\\nb' as b").stdout
    assert project.ok("query", "select 1 as a where false").stdout.endswith("(0 rows)\n")
    assert project.ok("query", "select 1 as a where false", "--json").json["rows"] == []
    many = project.ok("query", "select * from range(5000)", "--csv").stdout
    assert len(many.splitlines()) == 5001


def test_query_cannot_write_and_names_mistakes(project, first_run):
    for sql in ("delete from dim_currency", "create table x (a integer)", "drop table fact_payment"):
        result = project.run("query", sql)
        assert result.status not in (0, 70), result
    assert project.warehouse("select count(*) from dim_currency") == [(3,)]
    result = project.run("query", "select nonsense from dim_currency")
    assert result.status not in (0, 70) and "nonsense" in result.stderr, result


# --- run


def test_run_says_what_it_did(project):
    first = project.ok("run")
    assert re.search(r"^ingest   batch 1   48,066 rows in 11 tables   [\d.]+ m?s$", first.stdout, re.MULTILINE), first
    assert re.search(r"^process  batch 1 ", first.stdout, re.MULTILINE) and re.search(r"^load     batch 1 ", first.stdout, re.MULTILINE)
    assert first.stderr == ""
    second = project.ok("run")
    assert re.match(r"ingest   nothing changed since batch 1 \(48,066 rows in 11 tables compared in [\d.]+ m?s\)\n"
                    r"process  up to date at batch 1\nload     up to date at batch 1\n$", second.stdout), second
    project.source.execute("delete from payment where payment_id = 3")
    document = project.ok("run", "--json").json
    assert document["schema"] == 1
    ingest = document["steps"][0]
    assert ingest["step"] == "ingest" and ingest["batches"][0]["deleted"] == 1 and ingest["source_rows"] == 48065


def test_failed_ingest_does_not_keep_load_from_catching_up(project):
    project.ok("ingest")
    result = project.run("run", "--source-url", "postgresql://postgres@127.0.0.1:1/none")
    assert result.status == UNAVAILABLE, result
    assert "ingest   failed" in result.stdout and "load     batch 1" in result.stdout
    assert project.warehouse("select count(*) from fact_sales_order") == [(SALES,)]


def test_without_warehouse_the_lake_is_filled(project):
    text = (project.folder / "tote.yaml").read_text().replace("warehouse:\n  url: duckdb:./warehouse.duckdb\n", "")
    project.write("tote.yaml", text)
    assert "load     skipped: 'warehouse.url' is not set" in project.ok("run").stdout
    assert "'warehouse.url' is not set" in project.fails(CONFIG, "load").stderr


def test_relative_paths_are_those_of_the_file(project, tmp_path):
    """-C, --config and a relative folder mean the same project from anywhere."""
    done = raw("--config", project.folder / "tote.yaml", "ingest", cwd="/", env=project.environment())
    assert done.returncode == 0, done
    assert "nothing changed since batch 1" in project.ok("ingest").stdout


def test_no_output_or_file_of_a_project_shows_a_password(server, totesys, tote):
    """Only .env may know it."""
    server.create_role("cli_marked", SECRET)
    totesys.execute("grant select on all tables in schema public to cli_marked")
    url = totesys.url_for("cli_marked", SECRET)
    results = [tote.ok("init", env={"TOTE_SOURCE_URL": url})]
    for arguments in (["doctor"], ["run"], ["run", "--log-level", "debug", "--full"], ["config"], ["config", "--json"], ["status"],
                      ["history", "--json"], ["ingest", "--source-url", url.replace("/test_", "/none_")],
                      ["ingest", "--source-url", url.replace("cli_marked", "nobody_here")],
                      ["run", "--source-url", f"host=127.0.0.1 port=1 password={SECRET}", "--log-format", "json"]):
        results.append(tote.run(*arguments))
    for result in results:
        assert SECRET not in result.stdout + result.stderr, result
    holders = [path for path in pathlib.Path(tote.folder).rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert [path.name for path in holders] == [".env"]
