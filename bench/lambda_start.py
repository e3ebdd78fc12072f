"""Cold starts of the functions: from the start of the process to its first request for work, over a runtime API that does
nothing but listen. What is shipped where `make lambda` has been run, else the programs of the release tree."""
import os
import pathlib
import socket
import subprocess
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / os.environ.get("BUILD", "build")
MACHINE = {"aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
LIMITS_MS = {"ingest": 60, "process": 200}
PATIENCE_SECONDS = 20


def program(handler, folder):
    """The path and what it is."""
    package = BUILD / "lambda" / f"{'ingest' if handler == 'ingest' else 'tote'}-{MACHINE}.zip"
    if not package.exists():
        return BUILD / "release" / ("bootstrap_ingest" if handler == "ingest" else "bootstrap"), "release tree"
    target = folder / handler
    with zipfile.ZipFile(package) as archive:
        archive.extractall(target)
    (target / "bootstrap").chmod(0o755)
    return target / "bootstrap", package.name


def start_ms(bootstrap, handler, folder):
    with socket.socket() as api:
        api.bind(("127.0.0.1", 0))
        api.listen()
        api.settimeout(PATIENCE_SECONDS)
        environment = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.getsockname()[1]}", "_HANDLER": handler,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "TOTE_WORK_DIR": str(folder),
            "TOTE_SOURCE_URL": "postgresql://reader@127.0.0.1/shop", "TOTE_MODELS": str(ROOT / "models"),
            "TOTE_LAKE_INGESTION": str(folder / "ingestion"), "TOTE_LAKE_PROCESSED": str(folder / "processed")}
        begun = time.monotonic()
        process = subprocess.Popen([bootstrap], env=environment, cwd=folder)
        try:
            connection, _ = api.accept()
            connection.settimeout(PATIENCE_SECONDS)
            asked = connection.recv(4096)
            took = time.monotonic() - begun
        finally:
            process.kill()
            process.wait()
        connection.close()  # not before: the program would have something to say about it
    assert asked.startswith(b"GET /2018-06-01/runtime/invocation/next "), asked
    return took * 1000


def measure(report, folder, rounds):
    for handler, limit in LIMITS_MS.items():
        bootstrap, what = program(handler, folder)
        times = sorted(start_ms(bootstrap, handler, folder) for _ in range(max(11, rounds)))
        report.add(f"lambda {handler}, cold start to the first request", times[len(times) // 2], limit, "ms",
                   f"median of {len(times)}, {times[0]:.1f} to {times[-1]:.1f} ms, {what}")
