"""Every type of PostgreSQL with values at its edges and random ones, as the text that PostgreSQL reads.

`held` are values that must arrive; `refused` are those that the type's column in the lake cannot hold, so that their rows are
quarantined unless the column is text.
"""
import os
import random
import string
import uuid
from dataclasses import dataclass, field

RANDOM_ROWS = 40

SCHEMA = """
create type mood as enum ('sad', 'ok', 'very happy', 'o''clock', 'comma,', 'ein "Wort"');
create type pair as (a integer, b text, c timestamp, d pair_inner);
create domain positive as integer check (value > 0);
create domain tiny_positive as positive check (value < 100);
create domain cents as numeric(12,2);
create domain label as varchar(20);
create domain mood_domain as mood;
create domain ints as integer[];
""".replace("create type pair", "create type pair_inner as (x numeric, y text[]);\ncreate type pair")


@dataclass
class Kind:
    """A type as it is declared, and where its values go."""
    declared: str
    held: list
    refused: list = field(default_factory=list)
    postgres: str = "text"    # format_type() in a PostgreSQL warehouse; varchar passes for text
    duckdb: str = "VARCHAR"


def number(rng, digits, scale):
    return f"{rng.choice(['', '-'])}{rng.randrange(10 ** rng.randint(0, digits - scale))}" + (
        f".{rng.randrange(10 ** scale):0{scale}d}" if scale else "")


def random_text(rng):
    alphabet = string.printable + "äßé€語😀𝔘‮ ﷽ẍ̧\u0301\u0085\u2028\ufeff\\\\''\"\""
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, 40)))


def day(rng):
    return f"{rng.randint(1, 9999):04d}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def clock(rng):
    fraction = rng.choice(["", f".{rng.randrange(10)}", f".{rng.randrange(1000):03d}", f".{rng.randrange(10 ** 6):06d}"])
    return f"{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}{fraction}"


def some(make, seed, count=RANDOM_ROWS):
    rng = random.Random(seed)
    return [make(rng) for _ in range(count)]


CONTROLS = [chr(i) for i in range(1, 32)] + ["\x7f", "\x80", "\x9f"]
TEXTS = ["", " ", "a", "\\N", "\\\\N", "\\", "\\\\", "\\.", "NULL", "null", '"', '""', "'", "''", "\\n", "\n", "\r\n", "\t", "a\tb\nc\rd",
         "{}", "[1]", "\\u0000", "\\x00", "%s%n", "${HOME}", "$$", "/* -- */", "a,b;c|d", "\ufeffbom", "\ufffd", "\uffff",
         "\u2028\u2029", "😀", "𝔘𝔫𝔦", "\U0010ffff", "é", "e\u0301", "İı", "ß", "‮rtl", "x" * 100000,
         "😀" * 3000, "true", "-0", "1e5", "NaN", "2024-01-01", "\ud7ff", "\ue000", *CONTROLS, "".join(CONTROLS)]
FLOATS = ["0", "-0", "1", "-1", "0.1", "-0.1", "NaN", "Infinity", "-Infinity", "1e15", "123456789012345678", "1e16", "1e17"]
STAMPS = ["0001-01-01 00:00:00", "0001-01-01 00:00:00.000001", "9999-12-31 23:59:59.999999", "1970-01-01 00:00:00",
          "1969-12-31 23:59:59.999999", "2024-02-29 12:00:00", "1582-10-10 00:00:00", "1900-01-01 00:00:00.1",
          "2024-11-15 14:40:00.123", "2262-04-12 00:00:00", "1677-09-20 00:00:00", "2000-01-01 24:00:00"]
NOT_STAMPS = ["infinity", "-infinity", "0001-12-31 23:59:59 BC", "4713-01-02 00:00:00.5 BC", "10000-01-01 00:00:00",
              "294276-12-31 23:59:59.999999"]
JSONS = ["{}", "[]", "null", "1", '"a"', '  { "a" :  1 , "a": 2 }  ', '{"b":1.10,"a":[1,{"c":null}]}', '"\\u00e4\\n\\\\"', '"ä😀"',
         "12345678901234567890123.4567890", "1e400", '["' + "x" * 5000 + '"]', "true", "[1,\n2]", '{"":""}']

KINDS = {
    "int2": Kind("smallint", ["-32768", "32767", "0", "-1"] + some(lambda r: str(r.randint(-32768, 32767)), 1),
                 postgres="smallint", duckdb="SMALLINT"),
    "int4": Kind("integer", ["-2147483648", "2147483647", "0"] + some(lambda r: str(r.randint(-2 ** 31, 2 ** 31 - 1)), 2),
                 postgres="integer", duckdb="INTEGER"),
    "int8": Kind("bigint", [str(-2 ** 63), str(2 ** 63 - 1), "0", str(2 ** 53 + 1), str(-2 ** 53 - 1), "999999999999999999"]
                 + some(lambda r: str(r.randint(-2 ** 63, 2 ** 63 - 1)), 3), postgres="bigint", duckdb="BIGINT"),
    "numeric": Kind("numeric", ["0", "0.00", "-0.0", "NaN", "Infinity", "-Infinity", "1" * 200, "0." + "0" * 100 + "1",
                                "123456789012345678901234567890.123456789012345678901234567890", "1e300", "1.10", "1.1000",
                                "9" * 2000 + "." + "9" * 1000] + some(lambda r: number(r, 60, r.randint(0, 30)), 4)),
    "numeric_10_2": Kind("numeric(10,2)", ["0", "0.01", "-0.01", "99999999.99", "-99999999.99", "1.239", "1", "552548.62"]
                         + some(lambda r: number(r, 10, 2), 5), ["NaN"], "numeric(10,2)", "DECIMAL(10,2)"),
    "numeric_18_4": Kind("numeric(18,4)", ["99999999999999.9999", "-99999999999999.9999", "0.0001"]
                         + some(lambda r: number(r, 18, 4), 6), ["NaN"], "numeric(18,4)", "DECIMAL(18,4)"),
    "numeric_38_0": Kind("numeric(38,0)", ["9" * 38, "-" + "9" * 38, "0", "1"] + some(lambda r: number(r, 38, 0), 7),
                         ["NaN"], "numeric(38,0)", "DECIMAL(38,0)"),
    "numeric_38_10": Kind("numeric(38,10)", ["9" * 28 + "." + "9" * 10, "0.0000000001", "-0.0000000001"]
                          + some(lambda r: number(r, 38, 10), 8), ["NaN"], "numeric(38,10)", "DECIMAL(38,10)"),
    "numeric_18_18": Kind("numeric(18,18)", ["0." + "9" * 18, "-0." + "9" * 18, "0"]
                          + some(lambda r: number(r, 18, 18), 9), ["NaN"], "numeric(18,18)", "DECIMAL(18,18)"),
    "numeric_40_2": Kind("numeric(40,2)", ["9" * 38 + ".99", "0.10", "NaN"] + some(lambda r: number(r, 40, 2), 10)),
    "numeric_5_m2": Kind("numeric(3,-2)", ["99900", "-99900", "0", "100", "12345"], ["NaN"], "numeric(5,0)", "DECIMAL(5,0)"),
    "numeric_3_5": Kind("numeric(3,5)", ["0.00999", "-0.00001", "0"], ["NaN"], "numeric(5,5)", "DECIMAL(5,5)"),
    "float4": Kind("real", FLOATS + ["3.4028235e38", "-3.4028235e38", "1.17549435e-38", "1e-45", "16777217"]
                   + some(lambda r: repr(r.uniform(-1, 1) * 10 ** r.randint(-37, 37)), 11), postgres="real", duckdb="FLOAT"),
    "float8": Kind("double precision", FLOATS + ["1.7976931348623157e308", "-1.7976931348623157e308", "2.2250738585072014e-308",
                                                 "5e-324", "9007199254740993", "0.30000000000000004"]
                   + some(lambda r: repr(r.uniform(-1, 1) * 10 ** r.randint(-300, 300)), 12),
                   postgres="double precision", duckdb="DOUBLE"),
    "bool": Kind("boolean", ["t", "f"], postgres="boolean", duckdb="BOOLEAN"),
    "text": Kind("text", TEXTS + some(random_text, 13, 300)),
    "varchar": Kind("varchar(40)", [text for text in TEXTS if len(text) <= 40] + some(random_text, 14)),
    "bpchar": Kind("char(5)", ["", " ", "a", " a", "a b c", "\t", "ä€😀", "\\N"]),
    "internal_char": Kind('"char"', ["", "a", "\\", '"', "\n", "\t"]),
    "name": Kind("name", ["", "a", "x" * 63, "Größe \"x\"", "\\N"]),
    "bytea": Kind("bytea", ["\\x", "\\x00", "\\x" + bytes(range(256)).hex(), "\\x5c4e", "\\x" + "ff" * 20000]
                  + some(lambda r: "\\x" + r.randbytes(r.randint(0, 50)).hex(), 15), postgres="bytea", duckdb="BLOB"),
    "date": Kind("date", ["0001-01-01", "9999-12-31", "1970-01-01", "1582-10-04", "1582-10-10", "2000-02-29", "1900-03-01"]
                 + some(day, 16), ["0001-12-31 BC", "4713-01-01 BC", "10000-01-01", "5874897-12-31", "infinity", "-infinity"],
                 "date", "DATE"),
    "time": Kind("time", ["00:00:00", "24:00:00", "23:59:59.999999", "00:00:00.000001", "12:34:56.7"] + some(clock, 17),
                 postgres="time without time zone", duckdb="TIME"),
    "time_0": Kind("time(0)", ["00:00:00", "23:59:59", "24:00:00"], postgres="time without time zone", duckdb="TIME"),
    "timetz": Kind("timetz", ["00:00:00+00", "24:00:00-15:59", "12:00:00.5+05:30", "12:00:00+15:59:59"]
                   + some(lambda r: clock(r) + f"{r.randint(-12, 12):+03d}", 18)),
    "timestamp": Kind("timestamp", STAMPS + some(lambda r: f"{day(r)} {clock(r)}", 19), NOT_STAMPS,
                      "timestamp without time zone", "TIMESTAMP"),
    "timestamp_0": Kind("timestamp(0)", ["2024-01-01 00:00:00", "1999-12-31 23:59:59.4"], ["infinity"],
                        "timestamp without time zone", "TIMESTAMP"),
    "timestamp_3": Kind("timestamp(3)", ["2022-11-03 14:20:49.962", "2022-11-03 14:20:49", "1969-12-31 23:59:59.999"],
                        ["-infinity"], "timestamp without time zone", "TIMESTAMP"),
    "timestamptz": Kind("timestamptz", [stamp + "+00" for stamp in STAMPS] + ["2024-07-01 12:00:00+05:45", "2024-03-31 01:30:00+00"]
                        + some(lambda r: f"{day(r)} {clock(r)}+00", 20),
                        [stamp.replace(" BC", "+00 BC") if " BC" in stamp else stamp for stamp in NOT_STAMPS],
                        "timestamp with time zone", "TIMESTAMP WITH TIME ZONE"),
    "interval": Kind("interval", ["0", "1 year 2 mons -3 days 04:05:06.789", "-178000000 years", "178000000 years", "1 mon -1 day",
                                  "00:00:00.000001", "-00:00:01", "400 days", "1000000:00:00", "P1Y2M3DT4H5M6S"]),
    "interval_ds": Kind("interval day to second(2)", ["1 day 02:03:04.56", "-1 day"]),
    "uuid": Kind("uuid", ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]
                 + some(lambda r: str(uuid.UUID(int=r.getrandbits(128))), 21), postgres="uuid", duckdb="UUID"),
    "inet": Kind("inet", ["0.0.0.0", "255.255.255.255", "10.1.2.3/8", "::", "::1", "fe80::1/64", "::ffff:1.2.3.4"]),
    "cidr": Kind("cidr", ["10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0"]),
    "macaddr": Kind("macaddr", ["08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff"]),
    "macaddr8": Kind("macaddr8", ["08:00:2b:01:02:03:04:05"]),
    "json": Kind("json", JSONS, postgres="json", duckdb="JSON"),
    "jsonb": Kind("jsonb", [text for text in JSONS if "u0000" not in text], postgres="jsonb", duckdb="JSON"),
    "jsonpath": Kind("jsonpath", ['$.a[*] ? (@ > 1)', '$."a b"']),
    "xml": Kind("xml", ["<a/>", "<a b='c'>&lt;ä</a>", "text only", "<a>\n  <b/>\n</a>", ""]),
    "mood": Kind("mood", ["sad", "ok", "very happy", "o'clock", "comma,", 'ein "Wort"']),
    "int_array": Kind("integer[]", ["{}", "{1}", "{1,NULL,3}", "{{1,2},{3,4}}", "[0:1]={5,6}", "{-2147483648}"]),
    "text_array": Kind("text[]", ["{}", "{NULL}", '{"NULL"}', '{""}', '{"a\\"b","c\\\\d","e,f","{g}"," h "}', "{😀}", '{"\t\n"}']),
    "numeric_array": Kind("numeric(10,2)[]", ["{1.10,NaN}", "{}"]),
    "timestamptz_array": Kind("timestamptz[]", ['{"2024-01-01 00:00:00+02",infinity}']),
    "bytea_array": Kind("bytea[]", ['{"\\\\x00ff"}']),
    "bool_array": Kind("boolean[]", ["{t,f,NULL}"]),
    "mood_array": Kind("mood[]", ['{sad,"very happy"}']),
    "pair": Kind("pair", ['(1,a,"2024-01-01 00:00:00","(1.50,""{x,y}"")")', "(,,,)", '(2,"","infinity",)', '(3,"q""\\\\,()",,)']),
    "pair_array": Kind("pair[]", ['{"(1,a,,)","(2,\\"b c\\",,)"}']),
    "int4range": Kind("int4range", ["empty", "[1,5)", "(,)", "[1,1]", "(,3]"]),
    "numrange": Kind("numrange", ["[1.10,2.200]", "(0,)", "empty"]),
    "daterange": Kind("daterange", ["[2024-01-01,infinity)", "[0044-03-15 BC,2024-01-01)"]),
    "tstzrange": Kind("tstzrange", ['["2024-01-01 00:00:00+02","2024-06-01 00:00:00+02")']),
    "int4multirange": Kind("int4multirange", ["{}", "{[1,3),[5,8)}"]),
    "bit": Kind("bit(5)", ["00000", "10101"]),
    "varbit": Kind("varbit", ["", "1", "0" * 300]),
    "money": Kind("money", ["0", "-1.50", "92233720368547758.07", "-92233720368547758.08"]),
    "tsvector": Kind("tsvector", ["a:1A fat:2 cat:3", "'O''Neil':1", ""]),
    "tsquery": Kind("tsquery", ["fat & (rat | cat)", "!a <-> b"]),
    "point": Kind("point", ["(0,0)", "(-0,1e300)", "(NaN,Infinity)"]),
    "box": Kind("box", ["(1,1),(0,0)"]),
    "path": Kind("path", ["[(0,0),(1,1)]", "((0,0),(1,1))"]),
    "polygon": Kind("polygon", ["((0,0),(1,1),(2,0))"]),
    "circle": Kind("circle", ["<(0,0),1.5>"]),
    "line": Kind("line", ["{1,-1,0}"]),
    "pg_lsn": Kind("pg_lsn", ["0/0", "FFFFFFFF/FFFFFFFF", "16/B374D848"]),
    "oid": Kind("oid", ["0", "4294967295"]),
    "xid8": Kind("xid8", ["0", "18446744073709551615"]),
    "tid": Kind("tid", ["(0,1)", "(4294967295,65535)"]),
    "regtype": Kind("regtype", ["integer", "character varying", "integer[]"]),
    "pg_snapshot": Kind("pg_snapshot", ["10:20:10,14"]),
    "positive": Kind("positive", ["1", "2147483647"], postgres="integer", duckdb="INTEGER"),
    "tiny_positive": Kind("tiny_positive", ["1", "99"], postgres="integer", duckdb="INTEGER"),
    "cents": Kind("cents", ["0.01", "-9999999999.99"], ["NaN"], "numeric(12,2)", "DECIMAL(12,2)"),
    "label": Kind("label", ["", "a b"]),
    "mood_domain": Kind("mood_domain", ["sad", "comma,"]),
    "ints": Kind("ints", ["{1,2}", "{}"]),
}
# tools/other_postgres.sh says which server it is.
MAJOR = int(os.environ.get("TOTE_POSTGRES_MAJOR", "15"))
SINCE = {"numeric_5_m2": 15, "numeric_3_5": 15, "int4multirange": 14}
KINDS = {name: kind for name, kind in KINDS.items() if SINCE.get(name, 0) <= MAJOR}
if MAJOR < 14:
    KINDS["numeric"].held = [value for value in KINDS["numeric"].held if "Infinity" not in value]


def create(database):
    """A table `t_<kind>` for each, with id and v: first a NULL, then what is held, then what is refused."""
    database.execute(SCHEMA)
    with database.connect(autocommit=True) as connection:
        for name, kind in KINDS.items():
            connection.execute(f"create table t_{name} (id integer primary key, v {kind.declared})")
            connection.execute(
                f"insert into t_{name} select n, v::{kind.declared} from unnest(%s::text[]) with ordinality as u(v, n)",
                ([None] + kind.held + kind.refused,))
        columns = ", ".join(f"c_{name} {kind.declared}" for name, kind in KINDS.items())
        connection.execute(f"create table wide (id integer primary key, {columns})")
        for row in range(2):
            # 0 and -0 alone in a column would be one to DuckDB, whose files keep a constant then: not the neighbour of the first
            values = [kind.held[2 * row % len(kind.held)] for kind in KINDS.values()]
            marks = ", ".join(f"%s::text::{kind.declared}" for kind in KINDS.values())
            connection.execute(f"insert into wide values ({row}, {marks})", values)
