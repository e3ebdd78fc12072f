#!/usr/bin/env python3
"""Packs a bootstrap for AWS Lambda: the program, stripped, and folders beside it. The same input gives the same bytes.

usage: lambda_zip.py BOOTSTRAP OUT.zip STRIP [FOLDER...]
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

WHEN = (2024, 1, 1, 0, 0, 0)
PROGRAM, TEXT = 0o100755, 0o100644


def stripped(program, strip):
    with tempfile.TemporaryDirectory() as folder:
        result = pathlib.Path(folder) / "bootstrap"
        subprocess.run([strip, "--strip-all", "--remove-section=.comment", "-o", str(result), program], check=True)
        return result.read_bytes()


def contents(program, strip, folders):
    yield "bootstrap", PROGRAM, stripped(program, strip)
    for folder in map(pathlib.Path, folders):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            yield path.as_posix(), TEXT, path.read_bytes()


def pack(program, out, strip, folders):
    new = out + ".new"
    with zipfile.ZipFile(new, "w") as archive:
        for name, mode, data in contents(program, strip, folders):
            entry = zipfile.ZipInfo(name, WHEN)
            entry.external_attr = mode << 16
            entry.create_system = 3  # Unix: the mode counts
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)
    os.replace(new, out)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    pack(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
