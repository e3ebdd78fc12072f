#!/usr/bin/env python3
"""Lists files for meson, which has no globs of its own. A new file needs no entry anywhere.

Prints one line a group: `layer base: src/base/buf.c ...`, `tests base: ...`, `testlib: ...`, `sql: ...`,
`page: ...`
(what is packed of the dashboard, or what stands in for it), `archives: ...` (DuckDB's). tools/build.sh sets a tree up anew when the answer changes.
"""
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAINS = ["src/cli/main.c", "src/lambda/bootstrap.c", "src/lambda/bootstrap_ingest.c"]


def found(pattern):
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(pattern))


def page():
    packed = pathlib.Path(os.environ.get("BUILD", "build"), "page")
    packed = packed if packed.is_absolute() else ROOT / packed
    return sorted(map(str, packed.glob("*.*"))) if (packed / "index.html").exists() else found("src/web/fallback/*")


def groups():
    for layer in sorted(path.name for path in (ROOT / "src").iterdir() if path.is_dir()):
        yield f"layer {layer}", [path for path in found(f"src/{layer}/**/*.c") if path not in MAINS]
        yield f"tests {layer}", found(f"test/{layer}/test_*.c")
    yield "testlib", found("test/lib/*.c")
    yield "fuzz", found("test/fuzz/*.c")
    yield "sql", found("src/**/*.sql")
    yield "page", page()
    yield "archives", [pathlib.Path(path).name for path in found(".cache/duckdb/*.a")]


if __name__ == "__main__":
    for name, files in groups():
        print(f"{name}: {' '.join(files)}")
