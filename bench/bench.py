#!/usr/bin/env python3
"""Measures tote against floors on the same machine, in one run, as ratios.

    make bench                      5,000,000 sales orders (about ten minutes, 8 GB of disk)
    make bench BENCH_ROWS=500000    quicker, less telling

Every pair is run alternately, `--rounds` times each; a ratio is minimum over minimum, since noise only
ever adds time.  A PostgreSQL server is started in a temporary folder by tools/with_postgres.sh.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import lambda_start
import page_paint

here = pathlib.Path(__file__).resolve().parent
root = here.parent


class Usage:
    """One run of a command: wall and CPU seconds, peak resident memory."""

    def __init__(self, argv, **options):
        begun = time.monotonic()
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
        out, errors = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.wall = time.monotonic() - begun
        self.cpu = usage.ru_utime + usage.ru_stime
        self.peak_mb = usage.ru_maxrss / 1024
        self.out = out
        if process.returncode != 0:
            sys.exit(f"bench: {' '.join(map(str, argv))} failed with {process.returncode}\n{errors}\n{out}")


def psql(database, *args):
    done = subprocess.run(["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", database, *args],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: psql {' '.join(map(str, args))} failed: {done.stderr.strip()}")
    return done.stdout.strip()


class Report:
    def __init__(self):
        self.rows, self.missed = [], 0

    def add(self, what, figure, limit, unit, detail):
        ok = figure <= limit
        self.missed += not ok
        verdict = "ok" if ok else f"missed by {(figure / limit - 1) * 100:.0f} %"
        line = f"{what:<58} {figure:8.2f} {unit:<6} (at most {limit:g})  {verdict:<16} {detail}"
        print(line, flush=True)
        self.rows.append({"what": what, "figure": round(figure, 3), "limit": limit, "unit": unit, "ok": ok, "detail": detail})


def best(runs):
    return min(runs, key=lambda run: run.wall)


def describe(run):
    return f"{run.wall:.2f} s, {run.cpu:.2f} s CPU, {run.peak_mb:.0f} MB"


class Bench:
    def __init__(self, options):
        self.options = options
        self.report = Report()
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="tote-bench-", dir=options.work))
        self.tote = root / "build" / "tote"
        self.host = os.environ["PGHOST"]
        self.conninfo = {name: f"host={self.host} port={os.environ.get('PGPORT', '5432')} dbname={name} user={os.environ.get('PGUSER', 'postgres')}"
                         for name in ("bench_source", "bench_warehouse")}

    # -- the source ---------------------------------------------------------------------------------

    def make_source(self):
        print(f"making {self.options.rows:,} sales orders …", flush=True)
        psql("postgres", "-c", "drop database if exists bench_source", "-c", "create database bench_source")
        subprocess.run([root / "demo/totesys/load.sh", self.conninfo["bench_source"]], check=True)
        psql("bench_source", "-v", f"rows={self.options.rows}", "-f", here / "sql/generate.sql")

    def fresh_warehouse(self):
        psql("postgres", "-c", "drop database if exists bench_warehouse", "-c", "create database bench_warehouse")
        psql("postgres", "-c", "checkpoint")

    def project(self, name, warehouse=None):
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        warehouse = warehouse or "duckdb:./warehouse.duckdb"
        (folder / "tote.yaml").write_text(
            f"source:\n  url: {json.dumps(self.conninfo['bench_source'])}\n  exclude: [_prisma_migrations]\n"
            f"lake:\n  ingestion: ./lake/ingestion\n  processed: ./lake/processed\n"
            f"warehouse:\n  url: {json.dumps(warehouse)}\nmodels: {json.dumps(str(root / 'models'))}\n")
        return folder

    def run_tote(self, folder, *command):
        return Usage([self.tote, "-C", folder, *command, "--quiet"])

    # -- the figures --------------------------------------------------------------------------------

    def ingest(self):
        columns = psql("bench_source", "-c", "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute "
                       "where attrelid = 'sales_order'::regclass and attnum > 0 and not attisdropped")
        sql = f"select {columns} from sales_order"
        Usage([self.options.copy_floor, self.conninfo["bench_source"], sql])  # warms the cache for both
        floor, ours = [], []
        for _ in range(self.options.rounds):
            floor.append(Usage([self.options.copy_floor, self.conninfo["bench_source"], sql]))
            ours.append(self.run_tote(self.project("ingest"), "ingest"))
        a, b = best(ours), best(floor)
        self.report.add("ingest / COPY thrown away", a.wall / b.wall, 1.0, "x", f"{describe(a)} against {describe(b)}")
        self.report.add("ingest, peak memory", max(run.peak_mb for run in ours), 128, "MB", "")

    def process(self):
        import duckdb  # noqa: F401  (only to fail early when the environment is not set up)
        folder = self.project("process")
        self.run_tote(folder, "ingest")
        objects = sorted(map(str, (folder / "lake/ingestion/sales_order").rglob("*.json*")))
        floor, ours = [], []
        for number in range(self.options.rounds):
            sql = (here / "sql/process_floor.sql").read_text().format(
                json=objects, clean=self.work / "floor_clean.parquet", fact=self.work / "floor_fact.parquet")
            floor.append(Usage([sys.executable, here / "duck_floor.py", "512MB"], stdin=self.as_input(sql)))
            shutil.rmtree(folder / "lake/processed", ignore_errors=True)
            ours.append(self.run_tote(folder, "process"))
        a, b = best(ours), best(floor)
        self.report.add("process / DuckDB alone, same SQL and checks", a.wall / b.wall, 1.25, "x", f"{describe(a)} against {describe(b)}")
        self.report.add("process, peak memory", max(run.peak_mb for run in ours), 512, "MB", "")

    def as_input(self, text):
        path = self.work / "input.sql"
        path.write_text(text)
        return path.open()

    def load(self):
        self.fresh_warehouse()
        folder = self.project("load", self.conninfo["bench_warehouse"])
        self.run_tote(folder, "ingest")
        self.run_tote(folder, "process")
        ours, floor = [], []
        binary = self.work / "fact.copy"
        for number in range(self.options.rounds):
            self.fresh_warehouse()
            ours.append(self.run_tote(folder, "load"))
            if number == 0:
                self.check_load()
                columns = psql("bench_warehouse", "-c", "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute "
                               "where attrelid = 'fact_sales_order'::regclass and attnum > 0 and not attisdropped and attname <> 'sales_record_id'")
                psql("bench_warehouse", "-c", f"\\copy (select {columns} from fact_sales_order order by sales_record_id) to '{binary}' with (format binary)")
                self.save_schema()
                dims = self.work / "dims.sql"
                dims.write_text(subprocess.run(["pg_dump", "--data-only", "-d", "bench_warehouse", "-t", "dim_*"], check=True, capture_output=True, text=True).stdout)
            psql("postgres", "-c", "drop database if exists bench_warehouse", "-c", "create database bench_warehouse")
            psql("bench_warehouse", "-c", "drop schema public")
            psql("bench_warehouse", "-f", self.work / "star.sql")
            psql("bench_warehouse", "-f", self.work / "dims.sql")
            psql("postgres", "-c", "checkpoint")
            script = self.work / "copy.sql"
            script.write_text(f"\\copy fact_sales_order ({columns}) from '{binary}' with (format binary)\n" + (here / "sql/foreign_keys.sql").read_text())
            floor.append(Usage(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "bench_warehouse", "-f", script], env={**os.environ, "PGOPTIONS": "-c search_path=public"}))
        binary.unlink()
        a, b = best(ours), best(floor)
        self.report.add("load / psql \\copy binary + set-wise check", a.wall / b.wall, 0.8, "x", f"{describe(a)} against {describe(b)}")
        self.report.add("load, peak memory", max(run.peak_mb for run in ours), 128, "MB", "")

    def check_load(self):
        loaded, enforced = (int(psql("bench_warehouse", "-c", sql)) for sql in (
            "select count(*) from fact_sales_order", "select count(*) from pg_constraint where contype = 'f' and conrelid = 'fact_sales_order'::regclass"))
        if loaded != self.options.rows or enforced != 9:
            sys.exit(f"bench: {loaded} rows with {enforced} foreign keys were loaded; the figures would mean nothing")

    def save_schema(self):
        """The star that tote made, empty and without foreign keys: what the floors write into."""
        dump = subprocess.run(["pg_dump", "--schema-only", "-d", "bench_warehouse", "-n", "public", "-T", "*_current", "-T", "*_history"],
                              check=True, capture_output=True, text=True).stdout
        (self.work / "star.sql").write_text("\n".join(self.without_foreign_keys(dump)))

    @staticmethod
    def without_foreign_keys(dump):
        """The schema without foreign keys: what the floor copies into."""
        statements, kept = dump.split(";\n"), []
        for statement in statements:
            if "FOREIGN KEY" in statement or "\\restrict" in statement or "\\unrestrict" in statement:
                statement = "\n".join(line for line in statement.splitlines() if line.startswith("SET "))
                if not statement:
                    continue
            kept.append(statement + ";")
        return kept

    def whole(self):
        ours, script = [], []
        for _ in range(self.options.rounds):
            self.fresh_warehouse()
            folder = self.project("whole", self.conninfo["bench_warehouse"])
            ours.append(self.run_tote(folder, "run"))
            self.check_load()
        self.save_schema()
        schema = self.work / "star.sql"
        for _ in range(self.options.rounds):
            psql("postgres", "-c", "drop database if exists bench_warehouse", "-c", "create database bench_warehouse")
            psql("bench_warehouse", "-c", "drop schema public")
            psql("bench_warehouse", "-f", schema)
            psql("postgres", "-c", "checkpoint")
            target = self.work / "script"
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            sql = (here / "sql/script_star.sql").read_text().format(
                source=self.conninfo["bench_source"], warehouse=self.conninfo["bench_warehouse"], dir=target)
            begun = time.monotonic()
            run = Usage([sys.executable, here / "duck_floor.py", "4GB", "postgres_scanner"], stdin=self.as_input(sql))
            psql("bench_warehouse", "-c", "set search_path = public", "-f", here / "sql/foreign_keys.sql")
            run.wall = time.monotonic() - begun
            script.append(run)
        a, b = best(ours), best(script)
        self.report.add("first run, source to warehouse / DuckDB script", a.wall / b.wall, 1.0, "x", f"{describe(a)} against {describe(b)}")

    def later_batches(self):
        """Follows whole(): its project holds the source as it is."""
        self.fresh_warehouse()
        folder = self.project("later", self.conninfo["bench_warehouse"])
        self.run_tote(folder, "run")
        self.run_tote(folder, "load")  # validates the foreign keys that were added NOT VALID
        quiet = best([self.run_tote(folder, "run") for _ in range(self.options.rounds)])
        self.report.add("batch without changes, per million rows", quiet.wall / (self.options.rows / 1e6), 0.15, "s", describe(quiet))
        changed = []
        for _ in range(self.options.rounds):
            psql("bench_source", "-f", here / "sql/scattered_changes.sql")
            changed.append(self.run_tote(folder, "run"))
        versions = int(psql("bench_warehouse", "-c", "select count(*) from fact_sales_order"))
        if versions != self.options.rows + 1000 * self.options.rounds:
            sys.exit(f"bench: {versions} versions in the warehouse after the changes; the figures would mean nothing")
        self.report.add("batch with 1,000 scattered changes, end to end", best(changed).wall, 2.0, "s", describe(best(changed)))

    def page(self):
        os.environ["TOTE_BIN"] = str(self.tote)
        for name, url in (("DuckDB", None), ("PostgreSQL", self.conninfo["bench_warehouse"])):
            self.fresh_warehouse()
            folder = self.project("page", url)
            self.run_tote(folder, "run")
            page_paint.measure_unprepared(self.report, folder, name)
            self.run_tote(folder, "load")  # what is put off until nothing is to be loaded
            page_paint.measure(self.report, folder, name, min(2, self.options.rounds))
            published = self.run_tote(folder, "publish", "--to", folder / "site")
            written = [path.stat().st_size for path in (folder / "site").rglob("*") if path.is_file()]
            self.report.add(f"publish, {name}", published.wall, 60, "s", f"{describe(published)}, {len(written)} files, {sum(written) / 1e6:.1f} MB")
            self.report.add(f"publish, {name}, peak memory", published.peak_mb, 768, "MB", "")

    def real_data(self):
        psql("postgres", "-c", "drop database if exists bench_source", "-c", "create database bench_source")
        subprocess.run([root / "demo/totesys/load.sh", self.conninfo["bench_source"]], check=True)
        for name, url in (("DuckDB", None), ("PostgreSQL, foreign keys on", self.conninfo["bench_warehouse"])):
            runs = []
            for _ in range(max(3, self.options.rounds)):
                self.fresh_warehouse()
                runs.append(self.run_tote(self.project("real", url), "run"))
            self.report.add(f"the real data, cold, into {name}", best(runs).wall, 0.6, "s", describe(best(runs)))
            self.report.add(f"the real data, into {name}, peak memory", max(run.peak_mb for run in runs), 150, "MB", "")

    def cold_starts(self):
        lambda_start.measure(self.report, pathlib.Path(self.work), self.options.rounds)

    def main(self):
        try:
            if self.options.only in ("", "lambda"):
                self.cold_starts()
            if self.options.only in ("", "real"):
                self.real_data()
            if self.options.only not in ("real", "lambda"):
                self.make_source()
                for part in ("ingest", "process", "load", "whole", "later_batches", "page"):
                    if self.options.only in ("", part):
                        getattr(self, part)()
        finally:
            shutil.rmtree(self.work, ignore_errors=True)
        pathlib.Path(root / "build/bench.json").write_text(json.dumps({"rows": self.options.rows, "figures": self.report.rows}, indent=1))
        print(f"{len(self.report.rows) - self.report.missed} figures reached, {self.report.missed} missed (build/bench.json)")


parser = argparse.ArgumentParser()
parser.add_argument("--rows", type=int, default=5_000_000)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--only", default="", choices=["", "ingest", "process", "load", "whole", "later_batches", "page", "real", "lambda"])
parser.add_argument("--work", default=None, help="folder with room for a few GB (default: $TMPDIR)")
parser.add_argument("--copy-floor", default=str(root / "build/release/copy_floor"))
Bench(parser.parse_args()).main()
