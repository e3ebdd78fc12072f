#!/usr/bin/env python3
"""Runs what must hold, and ends with one line: N passed, N failed.

usage: run_tests.py [lint | clang | unit [LAYER] | integration [-- PYTEST ARGUMENTS] | cloud]      (default: everything)

BUILD names the folder of the build trees, COVERAGE_MIN the lines that tests must reach, in per cent; coverage is
only measured when everything runs. A step without a single test is a failure.
"""
import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD") or "build")
CHECK = BUILD / "check"
VENV_PYTHON = ROOT / ".cache/venv/bin/python"
COVERAGE_MIN = os.environ.get("COVERAGE_MIN") or "90"

# More than cores, since many a test waits for something.
WORKERS = min(2 * (os.cpu_count() or 1), 8)

# Where tests have their folders and servers when this has room for them: nothing of that is to outlive a power cut, and
# waiting for a disk is a third of the time that they would take.
MEMORY = pathlib.Path("/dev/shm")
MEMORY_ROOM = 6 << 30

SANITIZERS = {
    # a tenth less work than with the 256 MB that are its default
    "ASAN_OPTIONS": "exitcode=99:detect_leaks=1:strict_string_checks=1:quarantine_size_mb=32",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    # What libgcov has to say about a program that was killed while it wrote is for nobody's stderr.
    "GCOV_ERROR_FILE": str(ROOT / CHECK / "gcov-errors.log"),
}


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def add(self, passed, failed):
        self.passed += passed
        self.failed += failed


def run(*command, env=None, quiet=False):
    """True when the command ends well; a quiet one is only heard when it does not."""
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        check=False,
    )
    if quiet and done.returncode:
        sys.stdout.buffer.write(done.stdout)
    return done.returncode == 0


def junit(path):
    """Passed and failed tests in a report as JUnit writes it; a step that reports nothing has failed."""
    if not path.exists():
        return 0, 1
    cases = list(ElementTree.parse(path).getroot().iter("testcase"))
    failed = sum(1 for case in cases if case.find("failure") is not None or case.find("error") is not None)
    skipped = sum(1 for case in cases if case.find("skipped") is not None)
    return len(cases) - failed - skipped, failed


def step_of_one(name, *command):
    def step(tally):
        ok = run(*command, quiet=True)
        tally.add(ok, not ok)
        return ok

    step.title = name
    return step


def unit(layer=None):
    def step(tally):
        targets = [f"unit-{layer}"] if layer else []
        if not run("tools/build.sh", "check", *targets):
            tally.add(0, 1)
            return False
        report = CHECK / "meson-logs" / "testlog.junit.xml"
        report.unlink(missing_ok=True)
        suite = ["--suite", layer] if layer else []
        # Only the layers that know of S3 need its servers, which take two seconds to start.
        servers = [VENV_PYTHON, "test/lib/servers.py"] if layer in (None, "net", "store", "app") else []
        ok = run(*servers, "tools/with_postgres.sh", "meson", "test", "-C", CHECK, "--no-rebuild", "--quiet", "--num-processes", WORKERS,
                 "--print-errorlogs", *suite, env=SANITIZERS)
        passed, failed = junit(report)
        # a program that dies reports fewer tests than it has; it still counts as one that failed
        tally.add(passed, failed or (0 if ok and passed else 1))
        return ok and passed > 0

    step.title = f"unit tests{' of ' + layer if layer else ''}"
    return step


def integration(arguments=()):
    def step(tally):
        if not (run("tools/build.sh", "release") and run("tools/build.sh", "check", "tote", "bootstrap", "bootstrap_ingest")):
            tally.add(0, 1)
            return False
        report = BUILD / "integration.xml"
        report.unlink(missing_ok=True)
        ok = run(VENV_PYTHON, "-m", "pytest", "-c", "test/pytest.ini", "--rootdir", "test",
                 f"--junitxml={report}", "-n", WORKERS, *(arguments or ["test/integration", "test/browser"]),
                 env=SANITIZERS)
        passed, failed = junit(report)
        tally.add(passed, failed or (0 if ok else 1))
        return ok

    step.title = "integration and browser tests"
    return step


def cloud(tally):
    report = BUILD / "cloud.xml"
    report.unlink(missing_ok=True)
    ok = run(ROOT / ".cache/venv/bin/python", "-m", "pytest", "-c", "test/pytest.ini", "--rootdir", "test",
             f"--junitxml={report}", "test/cloud")
    passed, failed = junit(report)
    tally.add(passed, failed or (0 if ok and passed else 1))
    return ok and passed > 0


cloud.title = "the deployment on a local AWS"


def forget_coverage():
    for data in CHECK.rglob("*.gcda"):
        data.unlink()


def coverage(tally):
    report = BUILD / "coverage.txt"
    ok = run("gcovr", "--root", ".", "--object-directory", CHECK, "--filter", "src/", "--exclude-unreachable-branches",
             "--gcov-ignore-parse-errors", "-j", os.cpu_count() or 1, "--txt", report,
             "--fail-under-line", COVERAGE_MIN, "--print-summary", CHECK, quiet=True)
    print(f"    every file: {report}")
    if report.exists():
        print("    " + next((line for line in report.read_text().splitlines() if line.startswith("TOTAL")), ""))
    tally.add(ok, not ok)
    return ok


coverage.title = f"coverage of at least {COVERAGE_MIN} % of lines"


def room_in_memory():
    """Bytes that may be put there: a file system in memory may be larger than the memory that is free."""
    with contextlib.suppress(OSError, ValueError):
        free = next(line for line in pathlib.Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable:"))
        return min(shutil.disk_usage(MEMORY).free, int(free.split()[1]) * 1024 // 2)
    return 0


@contextlib.contextmanager
def scratch(tally):
    """A folder in memory for all that tests write. What a failed test left stays there until the next run begins."""
    for left in MEMORY.glob("tote-tests-*"):
        with contextlib.suppress(OSError), open_folder(left) as folder:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)  # whoever holds it is at work
            shutil.rmtree(left, ignore_errors=True)
    if os.environ.get("TMPDIR") or room_in_memory() < MEMORY_ROOM:
        yield
        return
    path = tempfile.mkdtemp(prefix="tote-tests-", dir=MEMORY)
    os.chmod(path, 0o755)  # PostgreSQL runs as a user of its own
    with open_folder(path) as folder:
        fcntl.flock(folder, fcntl.LOCK_EX)
        os.mkdir(f"{path}/servers")
        os.chmod(f"{path}/servers", 0o1777)
        os.environ.update(TMPDIR=path, TOTE_POSTGRES_DIR=f"{path}/servers")
        yield
    if tally.failed:
        print(f"    what the tests left: {path}")
    else:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def open_folder(path):
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield folder
    finally:
        os.close(folder)


LINT = [
    step_of_one("layers, libraries, banned functions", "tools/check_layers.py"),
    step_of_one("format", "tools/format.sh", "--check"),
]
CLANG = [step_of_one("clang compiles everything without a warning", "tools/build.sh", "clang", "-k", "0")]
RELEASE = [step_of_one("gcc builds the program without a warning", "tools/build.sh", "release", "-k", "0")]


def steps(what=None, *arguments):
    if what is None:
        return LINT + CLANG + RELEASE + [unit(), integration(), coverage]
    if what == "lint":
        return LINT
    if what == "clang":
        return CLANG
    if what == "unit":
        return [unit(*arguments)]
    if what == "integration":
        return [integration([word for word in arguments if word != "--"])]
    if what == "cloud":
        return [cloud]
    sys.exit(__doc__)


def main(arguments):
    os.chdir(ROOT)
    tally = Tally()
    if not arguments:
        forget_coverage()
    with scratch(tally):
        for step in steps(*arguments):
            print(f"==> {step.title}", flush=True)
            started = time.monotonic()
            ok = step(tally)
            print(f"    {'ok' if ok else 'FAILED'} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
