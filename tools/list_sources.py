#!/usr/bin/env python3
"""Lists files for meson, which has no globs of its own. A new file needs no entry anywhere.

Prints one line a group: `layer base: src/base/buf.c ...`, `tests base: ...`, `testlib: ...`, `sql: ...`,
`archives: ...` (DuckDB's). tools/build.sh sets a tree up anew when the answer changes.
"""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAIN = "src/cli/main.c"


def found(pattern):
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(pattern))


def groups():
    for layer in sorted(path.name for path in (ROOT / "src").iterdir() if path.is_dir()):
        yield f"layer {layer}", [path for path in found(f"src/{layer}/**/*.c") if path != MAIN]
        yield f"tests {layer}", found(f"test/{layer}/test_*.c")
    yield "testlib", found("test/lib/*.c")
    yield "fuzz", found("test/fuzz/*.c")
    yield "sql", found("src/**/*.sql")
    yield "archives", found(".cache/duckdb/*.a")


if __name__ == "__main__":
    for name, files in groups():
        print(f"{name}: {' '.join(files)}")
