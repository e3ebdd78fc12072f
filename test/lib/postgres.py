"""A throw-away PostgreSQL server (tools/postgres.sh) and databases in it."""
import itertools
import os
import pathlib
import subprocess
import tempfile
import threading

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

    def kept(self, settings=None):
        """A connection for statements that need none of their own; `settings` are made when it is opened. Opening one for each
        statement would be a tenth of what all tests take."""
        return self.server.kept(self.name, settings)

    def execute(self, sql, parameters=None):
        """One or many statements without result (many: no parameters)."""
        self.kept().execute(sql, parameters)

    def rows(self, sql, parameters=None):
        """All rows, as tuples."""
        return self.kept().execute(sql, parameters).fetchall()

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
        self.connections = {}

    def __enter__(self):
        self.tool("start")
        self.host = os.readlink(self.link)
        self.read_port()
        return self

    def __exit__(self, *_):
        self.let_go()
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
        self.let_go()
        self.tool("kill")

    def restart(self):
        self.tool("restart")
        self.read_port()

    def kept(self, database, settings=None):
        """A connection that stays open until the database goes or is cloned; a thread has its own."""
        where = (database, threading.get_ident(), settings)
        connection = self.connections.get(where)
        if not connection or connection.closed:
            # statements are not prepared: tables change under them
            connection = psycopg.connect(f"{self.conninfo} dbname={database}", autocommit=True, prepare_threshold=None)
            connection.execute(settings or "")
            self.connections[where] = connection
        return connection

    def let_go(self, database=None):
        """Closes what is kept open, of one database or of all."""
        for where in [where for where in self.connections if database in (None, where[0])]:
            self.connections.pop(where).close()

    def execute(self, sql):
        Database(self, "postgres").execute(sql)

    def create(self, name=None, template="template0"):
        """A new database; cloning a template costs about 0.1 s."""
        self.let_go(template)
        name = name or f"test_{next(self.numbers)}"
        # through the log it takes twice as long, and servers before 15 have only this way
        strategy = "strategy file_copy" if self.kept("postgres").info.server_version >= 150000 else ""
        self.execute(f'create database "{name}" template "{template}" {strategy}')
        return Database(self, name)

    def drop(self, name):
        self.let_go(name)
        self.execute(f'drop database if exists "{name}" with (force)')

    def load_totesys(self, name="totesys_template"):
        """The real ToteSys data as a template to clone."""
        database = self.create(name)
        subprocess.run([ROOT / "demo/totesys/load.sh", database.conninfo], check=True, timeout=120)
        return database

    def create_role(self, name, password):
        """A role that must know its password when it comes over TCP."""
        self.execute(f"create role \"{name}\" login password '{password}' in role asks_password")
