#!/usr/bin/env python3
"""Runs the SQL on standard input in an in-memory DuckDB: duck_floor.py MEMORY [EXTENSION]."""
import importlib.util
import pathlib
import sys

import duckdb

db = duckdb.connect(config={"memory_limit": sys.argv[1], "threads": 2, "allow_unsigned_extensions": "false"})
if len(sys.argv) > 2:
    package = importlib.util.find_spec(f"duckdb_extension_{sys.argv[2]}")
    [path] = pathlib.Path(package.origin).parent.rglob(f"{sys.argv[2]}.duckdb_extension")
    db.execute(f"load '{path}'")
db.execute(sys.stdin.read())
