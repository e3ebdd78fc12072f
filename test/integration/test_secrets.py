"""Passwords show nowhere: not in output, logs, errors, the process list, files or the warehouse. If these fail, whoever
reads a log can read the company's database.

The password holds a marker in its middle, and characters that must be encoded in a URL, so that it is found in whatever
form it leaks.
"""
import itertools
import json
import os
import pathlib
import stat
import time
import urllib.parse

import pytest

import shop
from lib.tote import Tote
from test_runners import wait_until, waiting_for_lock

MARKER = "Mark3rOf"
PASSWORD = f"p@{MARKER}/%a b'\\"
ENCODED = urllib.parse.quote(PASSWORD, safe="")
numbers = itertools.count(1)


class Secret:
    """A source and a warehouse that ask for the password."""

    def __init__(self, server):
        self.server = server
        self.source = server.create()
        self.target = None  # each test has another
        shop.fill(self.source)
        self.role = f"secretive_{os.getpid()}_{next(numbers)}"
        server.create_role(self.role, PASSWORD.replace("'", "''"))
        self.source.execute(f'grant select on all tables in schema public to "{self.role}"')

    def begin(self):
        self.target = self.server.create()
        self.target.execute(f'grant create on database "{self.target.name}" to "{self.role}";'
                            f'grant usage, create on schema public to "{self.role}"')

    def set_password(self, password):
        self.server.execute("alter role \"%s\" password '%s'" % (self.role, password.replace("'", "''")))

    def url(self, database, password=ENCODED):
        return database.url_for(self.role, password)

    def conninfo(self, database, password=PASSWORD):
        quoted = password.replace("\\", "\\\\").replace("'", "\\'")
        return (f"host=127.0.0.1 port={self.server.port} dbname={database.name} user={self.role}"
                f" password='{quoted}'")


@pytest.fixture(scope="module")
def secret(server):
    return Secret(server)


@pytest.fixture
def place(secret, tote, tmp_path_factory):
    """An empty project whose every temporary file can be looked at."""
    tote.env["TMPDIR"] = str(tmp_path_factory.mktemp("temporary"))
    secret.begin()
    yield tote
    secret.target.drop()


def leaks(result):
    return [line for line in (result.stdout + result.stderr).splitlines() if MARKER.lower() in line.lower()]


def silent(result, *statuses):
    assert result.status in statuses, result
    assert not leaks(result), f"the password shows:\n{result}"
    return result


def check_files(tote, *put_by_user):
    """No file holds it but those where the user put it."""
    for folder in (tote.folder, pathlib.Path(tote.env["TMPDIR"])):
        for path in folder.rglob("*"):
            if path.is_file() and path.name not in put_by_user:
                assert MARKER.encode() not in path.read_bytes(), path


def check_tables(database):
    """Nor any table of the warehouse, tote's own included."""
    for schema, table in database.rows("select schemaname, tablename from pg_tables"
                                       " where schemaname not in ('pg_catalog', 'information_schema')"):
        rows = database.rows(f'select t::text from "{schema}"."{table}" t')
        assert MARKER not in str(rows), f"{schema}.{table}"


def forms(secret):
    """How a user may hand over both URLs: name, tote.yaml's two values, .env, environment, flags."""
    url, warehouse = secret.url(secret.source), secret.url(secret.target)
    plain = [secret.source.url_for(secret.role), secret.target.url_for(secret.role)]
    return {
        "tote.yaml": ([url, warehouse], {}, {}, []),
        "conninfo in tote.yaml": ([json.dumps(secret.conninfo(secret.source)), json.dumps(secret.conninfo(secret.target))],
                                  {}, {}, []),
        "parameter of the URL": ([f"{plain[0]}?password={ENCODED}", f"{plain[1]}?password={ENCODED}"], {}, {}, []),
        "reference to .env": (["${SHOP_URL}", "${WAREHOUSE}"], {"SHOP_URL": url, "WAREHOUSE": warehouse}, {}, []),
        "password alone in .env": ([url.replace(ENCODED, "${SHOP_PASSWORD}"), warehouse.replace(ENCODED, "${SHOP_PASSWORD}")],
                                   {"SHOP_PASSWORD": ENCODED}, {}, []),
        "TOTE_ in .env": (None, {"TOTE_SOURCE_URL": url, "TOTE_WAREHOUSE_URL": warehouse}, {}, []),
        "TOTE_ in the environment": (None, {}, {"TOTE_SOURCE_URL": url, "TOTE_WAREHOUSE_URL": warehouse}, []),
        "PGPASSWORD": (plain, {}, {"PGPASSWORD": PASSWORD}, []),
        "flags": (None, {}, {}, ["--source-url", url, f"--warehouse-url={warehouse}"]),
        "conninfo in flags": (None, {}, {}, [f"--source-url={secret.conninfo(secret.source)}",
                                             "--warehouse-url", secret.conninfo(secret.target)]),
    }


FORMS = ["tote.yaml", "conninfo in tote.yaml", "parameter of the URL", "reference to .env", "password alone in .env",
         "TOTE_ in .env", "TOTE_ in the environment", "PGPASSWORD", "flags", "conninfo in flags"]


def hand_over(secret, place, form):
    """The project with the password given in that form; the flags to call it with."""
    urls, dotenv, env, flags = forms(secret)[form]
    shop.set_up(place, *(urls or ["postgresql://nobody@127.0.0.1:1/x"]), **({} if urls else {"warehouse": "duckdb:./x"}))
    if not urls:
        text = (place.folder / "tote.yaml").read_text()
        place.write("tote.yaml", "\n".join(line for line in text.splitlines() if " url:" not in line).replace(
            "warehouse:\n", ""))
    if dotenv:
        place.write(".env", "".join(f"{name}='{value}'\n" if "'" not in value else f'{name}="{value}"\n'
                                    for name, value in dotenv.items()))
    place.env |= env
    return flags


@pytest.mark.parametrize("form", FORMS)
def test_every_command_keeps_the_password(secret, place, form):
    flags = hand_over(secret, place, form)
    for arguments in (["run", "--verbose"], ["--log-format", "json", "--log-level", "debug", "run", "--json", "--full"],
                      ["config"], ["config", "--json"], ["status"], ["history"], ["doctor"], ["doctor", "--json"],
                      ["query", "select count(*) from fact_order"]):
        silent(place.run(*arguments, *flags), 0)
    check_files(place, "tote.yaml", ".env")
    check_tables(secret.target)
    assert secret.target.value("select count(*) from fact_order_current") == 6


@pytest.mark.parametrize("form", FORMS)
def test_every_failure_keeps_the_password(secret, place, form):
    """Here the password is wrong, so that libpq has every reason to talk about the connection."""
    flags = hand_over(secret, place, form)
    secret.set_password("other")
    try:
        for arguments in (["run", "--verbose"], ["run", "--log-format", "json", "--log-level", "debug", "--json"],
                          ["doctor", "--json"], ["query", "select 1"]):
            result = silent(place.run(*arguments, *flags), 6)
            assert "authentication failed" in result.stdout + result.stderr, result
        silent(place.run("status", *flags), 0, 6)
    finally:
        secret.set_password(PASSWORD)
    check_files(place, "tote.yaml", ".env")


HOPELESS = {
    "no server": f"postgresql://me:{ENCODED}@127.0.0.1:1/shop",
    "no server, conninfo": f"host=127.0.0.1 port=1 user=me password={MARKER}",
    "no such socket": f"postgresql://me:{ENCODED}@%2Fnowhere/shop",
    "two hosts": f"postgresql://me:{ENCODED}@127.0.0.1:1,127.0.0.1:2/shop",
    "no such host": f"postgresql://me:{ENCODED}@shop.invalid/shop",
    "port is no number": f"postgresql://me:{ENCODED}@127.0.0.1:port/shop",
    "port left out": f"postgresql://me:{ENCODED}@127.0.0.1:/shop?connect_timeout=x",
    "password not encoded": f"postgresql://me:{PASSWORD}@127.0.0.1:1/shop",
    "password with a blank": f"postgresql://me:a {MARKER} b@127.0.0.1:1/shop",
    "unknown parameter": f"postgresql://me:{ENCODED}@127.0.0.1:1/shop?colour=blue",
    "another scheme": f"mysql://me:{ENCODED}@127.0.0.1/shop",
    "misspelt scheme": f"postgresq://me:{ENCODED}@127.0.0.1/shop",
    "no scheme": f"me:{ENCODED}@127.0.0.1/shop",
    "half a scheme": f"postgresql:/me:{ENCODED}@127.0.0.1/shop",
    "conninfo without an end": f"host=127.0.0.1 password='{MARKER}",
    "conninfo with an unknown word": f"host=127.0.0.1 colour=blue password={MARKER}",
    "conninfo with blanks": f"host = 127.0.0.1 port = 1 password = {MARKER} more",
    "certificate's password": f"postgresql://me@127.0.0.1:1/shop?sslmode=require&sslpassword={MARKER}",
}


@pytest.mark.parametrize("form", HOPELESS)
def test_bad_urls_keep_the_password(place, form):
    """Whatever is wrong with it, the URL is not printed as it is: not as source, not as warehouse, from nowhere."""
    url = HOPELESS[form]
    shop.set_up(place, "postgresql://127.0.0.1:1/x")
    for option in ("source", "warehouse"):
        for result in (place.run("run" if option == "source" else "load", "--log-format=json",
                                 env={f"TOTE_{option.upper()}_URL": url}),
                       place.run("config" if option == "source" else "doctor", f"--{option}-url", url)):
            assert result.status not in (70, -6, -11) and not leaks(result), f"the password shows:\n{result}"
    silent(place.run("init", "--source", url, "--dir", place.folder / "new"), 2, 3, 4, 6, 7)
    place.write("tote.yaml", f"source:\n  url: {json.dumps(url)}\nlake:\n  ingestion: ./i\n  processed: ./p\n")
    silent(place.run("run"), 3, 6, 7)
    check_files(place, "tote.yaml")


@pytest.mark.parametrize("arguments", [
    ["run", "--sourceurl", "URL"], ["run", "--sourceurl=URL"], ["run", "URL"], ["URL"], ["--source-url", "URL"],
    ["-URL"], ["--URL"], ["help", "URL"], ["run", "--every", "URL"], ["run", "--every=URL"], ["-C", "URL", "run"],
    ["--config", "URL", "run"], ["run", "--log-level", "URL"], ["run", "--lake-ingestion", "URL"], ["history", "--limit", "URL"],
    ["init", "--source", "URL", "--warehouse", "URL", "more"], ["init", "--surce", "URL"]], ids=" ".join)
def test_slips_of_the_keyboard_keep_the_password(place, arguments):
    """A URL in the wrong place is a URL all the same."""
    url = f"postgresql://me:{ENCODED}@127.0.0.1:1/shop"
    shop.set_up(place, "postgresql://127.0.0.1:1/x")
    silent(place.run(*(word.replace("URL", url) for word in arguments)), 2, 3, 4, 7)


BAD_FILES = {
    "unknown key": "source:\n  ulr: URL\n",
    "key beside it": "source:\n  url: URL\n  uurl: 1\n",
    "a list": "source:\n  url: [URL]\n",
    "no YAML": "source:\n  url: 'URL\n",
    "a key itself": "source:\n  URL: 1\n",
    "a wrong option": "source:\n  url: URL\n  connections: URL\n",
    "as a folder": "lake:\n  ingestion: URL\n",
    "not a mapping": "URL\n",
    "tabs": "source:\n\turl: URL\n",
    "undefined variable": "source:\n  url: URL${NOT_THERE}\n",
    "half a variable": "source:\n  url: URL${NOT_THERE\n",
    "as a list of tables": "source:\n  exclude: URL\n",
    "in a list of tables": "source:\n  exclude: [URL]\n  url: postgresql://127.0.0.1:1/x\n",
}


@pytest.mark.parametrize("form", BAD_FILES)
def test_mistakes_in_the_file_keep_the_password(place, form):
    """The file is quoted in messages, the password in it is not."""
    url = f"postgresql://me:{ENCODED}@127.0.0.1:1/shop"
    place.write("tote.yaml", BAD_FILES[form].replace("URL", url) + ("" if "lake:" in BAD_FILES[form] else
                "lake:\n  ingestion: ./i\n  processed: ./p\n"))
    silent(place.run("run"), 3, 7)
    silent(place.run("config", "--json"), 0, 3)
    place.write("tote.yaml", "lake: {ingestion: ./i, processed: ./p}\n")
    place.write(".env", f"TOTE_SOURCE_URL = {url}\n")
    silent(place.run("run"), 3)
    place.write(".env", f"TOTE_SOURCE_URL='{url}\n")
    silent(place.run("run"), 3)
    place.write(".env", f"{url}\n")
    silent(place.run("run"), 3)


def command_line(process):
    return pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes()


@pytest.mark.parametrize("joined", [True, False])
def test_process_list_does_not_show_it(secret, place, joined):
    """The flag is wiped at once, and its user is told that it was seen for a moment."""
    flags = hand_over(secret, place, "flags")
    if joined:
        flags = [f"--source-url={flags[1]}", flags[2]]
    with secret.source.connect() as blocker:
        blocker.execute("lock table orders in access exclusive mode")
        begin = time.monotonic()
        running = place.start("run", *flags)
        wait_until(lambda: MARKER.encode() not in command_line(running.process), seconds=2)
        wiped = time.monotonic() - begin
        wait_until(lambda: waiting_for_lock(secret.source))
        assert b"--source-url" in command_line(running.process)
        assert MARKER.encode() not in command_line(running.process), "it came back"
        status = pathlib.Path(f"/proc/{running.process.pid}/status").read_text()
        assert MARKER not in status
        activity = secret.source.rows("select query, application_name from pg_stat_activity")
        assert MARKER not in str(activity), "the server's list of sessions shows it"
    result = silent(running.wait(), 0)
    assert "warning" in result.stderr and ".env" in result.stderr, result
    assert wiped < 2


def test_init_puts_it_where_only_the_user_reads(secret, place):
    folder = place.folder / "new"
    silent(place.run("init", "--source", secret.url(secret.source), "--dir", folder,
                     "--warehouse", secret.url(secret.target)), 0)
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert MARKER in (folder / ".env").read_text()
    assert ".env" in (folder / ".gitignore").read_text().split()
    check_files(place, ".env")
    made = Tote(folder, place.env)
    silent(made.run("run", "--verbose"), 0)
    silent(made.run("config"), 0)
    check_files(place, ".env")
    check_tables(secret.target)


def test_init_keeps_an_env_that_others_could_read_shut(secret, place):
    """An .env that was there with other modes does not give the URL away."""
    folder = place.folder / "new"
    folder.mkdir()
    (folder / ".env").write_text("OTHER=1\n")
    (folder / ".env").chmod(0o644)
    silent(place.run("init", "--source", secret.url(secret.source), "--dir", folder, "--force"), 0, 2, 3, 5)
    if MARKER in (folder / ".env").read_text():
        assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600


def test_config_shows_what_holds_without_it(secret, place):
    flags = hand_over(secret, place, "tote.yaml")
    assert not flags
    shown = silent(place.run("config"), 0).stdout
    assert secret.role in shown and "***" in shown and str(secret.server.port) in shown
