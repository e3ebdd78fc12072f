"""Values of any type, made comparable without trusting the program: as the text that PostgreSQL prints.

What is fetched from PostgreSQL comes as its own text, under the settings below. What is fetched from DuckDB is brought to
the same text by its type there.
"""
import re
import struct
from collections import Counter

import duckdb

SETTINGS = """
set client_encoding to 'UTF8'; set datestyle to 'ISO'; set intervalstyle to 'postgres'; set timezone to 'UTC'; set bytea_output to 'hex';
set extra_float_digits to 1; set row_security to off"""

BOOL, BYTEA, INT8, INT2, INT4, FLOAT4, FLOAT8, DATE, TIME, TIMESTAMP, TIMESTAMPTZ = (
    16, 17, 20, 21, 23, 700, 701, 1082, 1083, 1114, 1184)
INTEGERS = (INT2, INT4, INT8)
FLOATS = (FLOAT4, FLOAT8)
TIMESTAMPS = (TIMESTAMP, TIMESTAMPTZ)


def identifier(name):
    return '"' + name.replace('"', '""') + '"'


def texts(database, query):
    """Column names, type oids (of a domain's base) and rows of a query, every value as PostgreSQL's text or None."""
    result = database.kept(SETTINGS).pgconn.exec_(query.encode())
    assert result.status == 2, f"{query}: {result.error_message.decode()}"  # PGRES_TUPLES_OK
    width = range(result.nfields)
    names = [result.fname(i).decode() for i in width]
    oids = [result.ftype(i) for i in width]
    rows = [tuple(None if (cell := result.get_value(row, i)) is None else cell.decode() for i in width)
            for row in range(result.ntuples)]
    return names, oids, rows


def padded(text):
    """A timestamp's text with its fraction filled up to six digits, and without its zone, which is always UTC."""
    found = re.fullmatch(r"(\d+-\d\d-\d\d \d\d:\d\d:\d\d)(\.\d+)?(\+00)?( BC)?", text)
    if not found:
        return text  # infinity
    second, fraction, _, era = found.groups()
    return second + (fraction or ".").ljust(7, "0") + (era or "")


def float_bits(oid, text):
    """Two floats are the same when their bits are, save that there is one NaN."""
    value = float(text)
    return "NaN" if value != value else struct.pack("<f" if oid == FLOAT4 else "<d", value)


def canonical(oid, text):
    """PostgreSQL's text of a value in the form in which `duckdb_rows` gives it."""
    if text is None:
        return None
    if oid in FLOATS:
        return float_bits(oid, text)
    if oid in TIMESTAMPS:
        return padded(text)
    if oid == TIME:
        return text if "." not in text else text.ljust(15, "0")
    return text


def canonical_rows(oids, rows):
    return [tuple(canonical(oid, cell) for oid, cell in zip(oids, row)) for row in rows]


DUCKDB_FORMS = {
    "BOOLEAN": "case when {0} then 't' when not {0} then 'f' end",
    "BLOB": r"'\x' || lower(hex({0}))",
    "TIMESTAMP": "strftime({0}, '%Y-%m-%d %H:%M:%S.%f')",
    "TIMESTAMP WITH TIME ZONE": "strftime({0} at time zone 'UTC', '%Y-%m-%d %H:%M:%S.%f')",
    "DECIMAL": "regexp_replace(cast({0} as varchar), '^(-?)[.]', '\\10.')",  # DuckDB writes .5 where nothing may stand before
    "FLOAT": "cast({0} as double)",
    "DOUBLE": "{0}",
}


def duckdb_rows(tote, table, columns=None):
    """Types and rows of a table of the DuckDB warehouse in the canonical form."""
    with duckdb.connect(str(tote.folder / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        described = {name: kind for name, kind, *_ in connection.execute(f"describe {identifier(table)}").fetchall()}
        columns = columns or list(described)
        forms = [DUCKDB_FORMS.get(described[name].partition("(")[0], "cast({0} as varchar)").format(identifier(name))
                 for name in columns]
        rows = connection.execute(f"select {', '.join(forms)} from {identifier(table)}").fetchall()
    oids = [{"FLOAT": FLOAT4, "DOUBLE": FLOAT8, "TIME": TIME}.get(described[name]) for name in columns]
    return ([described[name] for name in columns],
            [tuple(canonical(oid, cell if cell is None or oid not in FLOATS else repr(cell))
                   for oid, cell in zip(oids, row)) for row in rows])


def differences(expected, actual, limit=5):
    """None when both hold the same rows, however often each; else a short account of what differs."""
    expected, actual = Counter(expected), Counter(actual)
    if expected == actual:
        return None
    missing, surplus = expected - actual, actual - expected
    return "\n".join([f"{missing.total()} rows missing, {surplus.total()} rows too many"]
                     + [f"  missing: {row!r}" for row in list(missing)[:limit]]
                     + [f"  surplus: {row!r}" for row in list(surplus)[:limit]])
