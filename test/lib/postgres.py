"""A throw-away PostgreSQL server (tools/postgres.sh) and databases in it."""
import itertools
import os
import pathlib
import subprocess
import tempfile

import psycopg

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOL = ROOT / "tools" / "postgres.sh"


class Database:
    """One database, seen by the superuser. Every call is a transaction of its own unless said otherwise."""

    def __init__(self, server, name):
        self.server = server
        self.name = name

    @property
    def url(self):
        """How `tote` is told to reach it: over TCP, as a user would."""
        return self.url_for("postgres")

    def url_for(self, role, password=None):
        secret = f":{password}" if password else ""
        return f"postgresql://{role}{secret}@127.0.0.1:{self.server.port}/{self.name}"

    @property
    def conninfo(self):
        return f"{self.server.conninfo} dbname={self.name}"

    def connect(self, **options):
        """A connection to keep, for transactions that a test leaves open. The caller closes it."""
        return psycopg.connect(self.conninfo, **options)

    def execute(self, sql, parameters=None):
        """One or many statements without result (many: no parameters)."""
        with self.connect(autocommit=True) as connection:
            connection.execute(sql, parameters)

    def rows(self, sql, parameters=None):
        """All rows, as tuples."""
        with self.connect(autocommit=True) as connection:
            return connection.execute(sql, parameters).fetchall()

    def value(self, sql, parameters=None):
        """The one value of the one row."""
        ((value,),) = self.rows(sql, parameters)
        return value

    def drop(self):
        self.server.drop(self.name)


class PostgresServer:
    """Use as a context manager; the server and all its databases are gone afterwards."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tote-test-")
        self.link = pathlib.Path(self.folder.name) / "server"
        self.numbers = itertools.count(1)

    def __enter__(self):
        self.tool("start")
        self.host = os.readlink(self.link)
        self.read_port()
        return self

    def __exit__(self, *_):
        self.tool("stop")
        self.folder.cleanup()

    def tool(self, command):
        subprocess.run([TOOL, command, self.link], check=True, stdin=subprocess.DEVNULL, timeout=120)

    def read_port(self):
        self.port = int((self.link / "port").read_text())

    @property
    def conninfo(self):
        return f"host={self.host} port={self.port} user=postgres"

    def kill(self):
        """Ends the server as a crash would. `restart` brings it back with its data."""
        self.tool("kill")

    def restart(self):
        self.tool("restart")
        self.read_port()

    def execute(self, sql):
        Database(self, "postgres").execute(sql)

    def create(self, name=None, template="template0"):
        """A new database; cloning a template costs about 0.1 s."""
        name = name or f"test_{next(self.numbers)}"
        self.execute(f'create database "{name}" template "{template}"')
        return Database(self, name)

    def drop(self, name):
        self.execute(f'drop database if exists "{name}" with (force)')

    def load_totesys(self, name="totesys_template"):
        """The real ToteSys data as a template to clone."""
        database = self.create(name)
        subprocess.run([ROOT / "demo/totesys/load.sh", database.conninfo], check=True, timeout=120)
        return database

    def create_role(self, name, password):
        """A role that must know its password when it comes over TCP."""
        self.execute(f"create role \"{name}\" login password '{password}' in role asks_password")
