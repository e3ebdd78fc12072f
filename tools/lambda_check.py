#!/usr/bin/env python3
"""Checks what is shipped to AWS Lambda: every file of every zip in $BUILD/lambda.

usage: lambda_check.py [--arch=x86_64] [--arch=arm64]      (default: both)

Amazon Linux 2023 has glibc 2.34 and little else, and Lambda takes 50 MB: no program may want a newer symbol, another
library or more room, and the one for ingest must be free of DuckDB.
"""
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

FOLDER = pathlib.Path(os.environ.get("BUILD") or "build") / "lambda"
GLIBC = (2, 34)
LIMIT_BYTES = 50 * 10**6
INGEST_LIMIT_BYTES = 10 * 10**6
LIBRARIES = re.compile(r"(libc|libm|libdl|libpthread|ld-linux-x86-64|ld-linux-aarch64)\.so\.\d")
MACHINES = {"x86_64": "X86-64", "arm64": "AArch64"}
HERE = str(pathlib.Path(__file__).resolve().parent.parent).encode()


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def problems_of_program(path, arch):
    if MACHINES[arch] not in run("readelf", "-h", path):
        yield f"is not for {arch}"
    for library in re.findall(r"NEEDED\).*\[(.*)\]", run("readelf", "-d", path)):
        if not LIBRARIES.fullmatch(library):
            yield f"needs {library}, which is not in the package"
    objdump = {"x86_64": "x86_64-linux-gnu-objdump", "arm64": "aarch64-linux-gnu-objdump"}[arch]
    for major, minor in set(re.findall(r"GLIBC_(\d+)\.(\d+)", run(objdump, "-T", path))):
        if (int(major), int(minor)) > GLIBC:
            yield f"needs glibc {major}.{minor}, Amazon Linux 2023 has 2.34"
    if HERE in pathlib.Path(path).read_bytes():
        yield f"holds the path where it was built, {HERE.decode()}"


def problems_of_zip(package, arch):
    ingest = package.name.startswith("ingest")
    size = package.stat().st_size
    limit = INGEST_LIMIT_BYTES if ingest else LIMIT_BYTES
    if size >= limit:
        yield f"{size} bytes, at most {limit}"
    with zipfile.ZipFile(package) as archive, tempfile.TemporaryDirectory() as folder:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if "bootstrap" not in entries or entries["bootstrap"].external_attr >> 16 & 0o111 != 0o111:
            yield "has no bootstrap that can be run"
        if not ingest and "models/fact_sales_order.sql" not in entries:
            yield "has no models"
        for name in entries:
            path = archive.extract(name, folder)
            data = pathlib.Path(path).read_bytes()
            if data.startswith(b"\x7fELF"):
                yield from (f"{name}: {problem}" for problem in problems_of_program(path, arch))
            if ingest and b"N6duckdb" in data:  # a mangled name of its classes
                yield f"{name}: DuckDB is in it"


def main(arguments):
    archs = [argument.removeprefix("--arch=") for argument in arguments] or list(MACHINES)
    failed = 0
    for arch in archs:
        for name in ("ingest", "tote"):
            package = FOLDER / f"{name}-{arch}.zip"
            problems = list(problems_of_zip(package, arch))
            for problem in problems:
                print(f"{package}: {problem}")
            failed += len(problems)
            digest = hashlib.sha256(package.read_bytes()).hexdigest()
            print(f"{package}  {package.stat().st_size / 1e6:.1f} MB  {digest[:16]}{'' if problems else '  ok'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
