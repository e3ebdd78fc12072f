"""Runs the program under test in a project folder."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# The exit status that the sanitizers are told to use (tools/run_tests.py); and what they print.
SANITIZER_EXIT = 99
SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:")


BUILD = ROOT / os.environ.get("BUILD", "build")


def program():
    return os.environ.get("TOTE_BIN") or str(BUILD / "check" / "tote")


def shipped_program():
    return str(BUILD / "tote")


class Result:
    """What a finished run said."""

    def __init__(self, arguments, status, stdout, stderr):
        self.arguments = arguments
        self.status = status
        self.stdout = stdout
        self.stderr = stderr

    @property
    def json(self):
        return json.loads(self.stdout)

    def __repr__(self):
        return f"tote {' '.join(self.arguments)}: {self.status}\nstdout:\n{self.stdout}\nstderr:\n{self.stderr}"


class Running:
    """A run that has not ended yet."""

    def __init__(self, tote, arguments, process):
        self.tote = tote
        self.arguments = arguments
        self.process = process

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def kill(self):
        self.process.kill()

    def wait(self, timeout=120):
        stdout, stderr = self.process.communicate(timeout=timeout)
        return self.tote.result(self.arguments, self.process.returncode, stdout, stderr)


class Tote:
    """A project folder, with tote.yaml in it, and the program to run there."""

    def __init__(self, folder, env=None):
        self.folder = pathlib.Path(folder)
        self.env = dict(env or {})

    def write(self, path, text):
        """A file of the project: tote.yaml, a model, .env."""
        path = self.folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def configure(self, source, warehouse="duckdb:./warehouse.duckdb", models=ROOT / "models", more=""):
        """A tote.yaml as the README shows it; `more` is appended."""
        return self.write("tote.yaml", f"""\
source:
  url: {source}
  exclude: [_prisma_migrations]
lake:
  ingestion: ./lake/ingestion
  processed: ./lake/processed
warehouse:
  url: {warehouse}
models: {models}
{more}""")

    def environment(self, env=None, doomed=False):
        variables = {name: value for name, value in os.environ.items()
                     if not name.startswith(("TOTE_", "PG"))}
        variables |= {"LC_ALL": "C.UTF-8"} | self.env | (env or {})
        if doomed:
            # Coverage that is cut off while it is written would spoil the counts of all others.
            variables["GCOV_PREFIX"] = tempfile.gettempdir() + "/tote-doomed-gcov"
        return variables

    def start(self, *arguments, env=None, doomed=False):
        """Starts a run and returns at once; `doomed` says that it will be killed."""
        arguments = [str(argument) for argument in arguments]
        process = subprocess.Popen(
            [program(), "-C", str(self.folder), *arguments], env=self.environment(env, doomed),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
        return Running(self, arguments, process)

    def run(self, *arguments, env=None, timeout=120):
        """Runs to the end, whatever the end is."""
        running = self.start(*arguments, env=env)
        try:
            return running.wait(timeout)
        except subprocess.TimeoutExpired:
            running.kill()
            raise

    def ok(self, *arguments, env=None, timeout=120):
        """Runs, and the test fails unless the run ends well."""
        result = self.run(*arguments, env=env, timeout=timeout)
        assert result.status == 0, result
        return result

    def fails(self, status, *arguments, env=None, timeout=120):
        """Runs, and the test fails unless it ends with just this exit status."""
        result = self.run(*arguments, env=env, timeout=timeout)
        assert result.status == status, result
        return result

    def result(self, arguments, status, stdout, stderr):
        result = Result(arguments, status, stdout, stderr)
        assert status != SANITIZER_EXIT and not any(mark in stderr for mark in SANITIZER_MARKS), result
        return result

    # What a run left behind.

    def lake(self, pattern="**/*"):
        """The objects of the lake, relative to lake/, sorted."""
        lake = self.folder / "lake"
        return sorted(str(path.relative_to(lake)) for path in lake.glob(pattern) if path.is_file())

    def records(self, zone="ingestion"):
        """The batch records of a zone, oldest first."""
        paths = sorted((self.folder / "lake" / zone / "_batches").glob("*.json"), reverse=True)
        return [json.loads(path.read_text()) for path in paths]

    def warehouse(self, sql):
        """Rows of a query on the DuckDB warehouse, opened read-only for just this query."""
        import duckdb

        with duckdb.connect(str(self.folder / "warehouse.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()
