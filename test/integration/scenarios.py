"""What happens to tables between batches, and how many versions and deletions each batch must then hold.

Each scenario lives in a schema of its own, named for it, so that one batch can serve them all. A step is SQL, statements one by
one in a list, or a function of (database, keep), with what it must bring: {table: (changed, deleted)}; what is not named
brings nothing.
"""
from dataclasses import dataclass, field

SCENARIOS = {}


@dataclass
class Scenario:
    name: str
    setup: str
    steps: list
    first: dict = None          # what the first batch brings, where a scenario says so
    more_schemas: list = field(default_factory=list)
    skip_content: list = field(default_factory=list)  # tables whose content is checked elsewhere


def scenario(name, setup, *steps, **options):
    SCENARIOS[name] = Scenario(name, setup, list(steps), **options)


TEN = "create table t (id integer primary key, v text, last_updated timestamp(3) default '2024-01-01');" \
      "insert into t (id, v) select i, 'v' || i from generate_series(1, 10) i;"

scenario("silent_update", TEN,
         ("update t set v = 'other' where id in (3, 4)", {"t": (2, 0)}),
         ("update t set v = null where id = 3; update t set v = '' where id = 4", {"t": (2, 0)}),
         ("update t set v = '' where id = 3", {"t": (1, 0)}),
         ("insert into t values (3, 'up'), (11, 'new') on conflict (id) do update set v = excluded.v", {"t": (2, 0)}))

scenario("no_change", TEN,
         ("update t set v = v", {}),
         ("update t set v = 'x'; update t set v = 'v' || id", {}),
         ("delete from t where id < 5; insert into t (id, v) select i, 'v' || i from generate_series(1, 4) i", {}),
         ("update t set id = id + 100; update t set id = id - 100", {}),
         ("insert into t values (50); delete from t where id = 50", {}))

scenario("reinserted_with_other_content", TEN,
         ("delete from t where id < 5; insert into t (id, v) select i, 'w' || i from generate_series(1, 4) i", {"t": (4, 0)}),
         ("delete from t where id = 7", {"t": (0, 1)}),
         ("insert into t (id, v) values (7, 'v7')", {"t": (1, 0)}))

scenario("rows_deleted", TEN + "create table all_gone (like t including all); insert into all_gone select * from t;",
         ("delete from t where id in (1, 5, 10)", {"t": (0, 3)}),
         ("delete from all_gone", {"all_gone": (0, 10)}),
         ("delete from t where id = 2; insert into t values (12), (13)", {"t": (2, 1)}),
         ("insert into all_gone select * from t", {"all_gone": (8, 0)}))

scenario("key_changed", TEN,
         ("update t set id = 100 where id = 1", {"t": (1, 1)}),
         ("update t set id = 0 where id = 2; update t set id = 2 where id = 3; update t set id = 3 where id = 0", {"t": (2, 0)}),
         ("update t set id = id + 1000", {"t": (10, 10)}))

scenario("truncated", TEN + "create table same (like t including all); insert into same select * from t;",
         ("create table copy as select * from same; truncate same; insert into same select * from copy; drop table copy;"
          "truncate t", {"t": (0, 10)}),
         ("insert into t (id, v) values (3, 'v3'), (20, 'w')", {"t": (2, 0)}),
         ("truncate t; insert into t (id, v) values (3, 'v3'), (21, 'w')", {"t": (1, 1)}))


def copy_freeze(database, keep):
    """Rows that are frozen from birth."""
    with database.connect() as connection:
        connection.execute("truncate copied_frozen.t")
        with connection.cursor().copy("copy copied_frozen.t (id, v) from stdin freeze") as copy:
            copy.write("1\tv1\n2\tother\n77\tnew\n")


scenario("copied_frozen", TEN, (copy_freeze, {"t": (2, 8)}))

scenario("vacuumed", TEN + "create index i on t (v);",
         (["vacuum full t"], {}), (["cluster t using i"], {}), (["vacuum freeze t"], {}),
         (["update t set v = 'z' where id = 2", "vacuum (full, freeze) t"], {"t": (1, 0)}),
         (["delete from t where id = 2", "vacuum t", "insert into t values (2)", "vacuum freeze t"], {"t": (1, 0)}))


def late_begin(database, keep):
    """Transactions that are open while a batch is taken, with lower xids than others that have committed."""
    for name in ("commit", "rollback"):
        keep[name] = database.connect()
        base = 1000 if name == "commit" else 2000
        keep[name].execute("set search_path to late_commit")
        keep[name].execute(f"insert into t values ({base}, 'late')")
        keep[name].execute(f"savepoint a; insert into t values ({base + 1}, 'late'); release a;"
                           f"savepoint b; insert into t values ({base + 2}, 'never'); rollback to b")
        first = 1 if name == "commit" else 6
        keep[name].execute(f"update t set v = 'late' where id = {first}; delete from t where id = {first + 1};"
                           f"select from t where id = {first + 2} for update")
    database.execute("insert into late_commit.t values (20, 'early')")


def late_end(database, keep):
    for name in ("commit", "rollback"):
        with keep.pop(name) as connection:
            connection.rollback() if name == "rollback" else connection.commit()


scenario("late_commit", TEN,
         (late_begin, {"t": (1, 0)}),
         ("insert into t values (21, 'meanwhile')", {"t": (1, 0)}),
         (late_end, {"t": (3, 1)}))


def later_snapshot(database, keep):
    """A transaction that had its xid before the last batch but wrote to this table only after it."""
    if "open" not in keep:
        keep["open"] = database.connect()
        keep["open"].execute("set search_path to late_write; insert into other values (1)")
        database.execute("insert into late_write.t values (30)")
    else:
        with keep.pop("open") as connection:
            connection.execute("insert into t values (31); update t set v = 'late' where id = 1")


scenario("late_write", TEN + "create table other (id integer primary key)",
         (later_snapshot, {"t": (1, 0)}),
         (later_snapshot, {"t": (2, 0), "other": (1, 0)}))

scenario("savepoints", TEN,
         ("begin; insert into t values (11); savepoint a; insert into t values (12); savepoint b; insert into t values (13);"
          "rollback to b; update t set v = 'sub' where id = 1; release a; savepoint c; delete from t where id = 2; rollback to c;"
          "savepoint d; delete from t where id = 3; release d; commit", {"t": (3, 1)}),
         ("do $$ begin for i in 100..200 loop begin insert into t values (i); if i % 2 = 0 then raise exception 'no'; end if;"
          "exception when others then null; end; end loop; end $$", {"t": (50, 0)}),
         ("begin; update t set v = 'never'; delete from t where id > 5; rollback", {}),
         ("begin; select from t for update; commit; begin; select from t for key share; commit", {}))

scenario("columns_come_and_go", TEN + "create table d (like t including all); insert into d select * from t;"
         "create table r (like t including all); insert into r select * from t;",
         ("alter table t add column empty integer; alter table d add column filled integer default 5;"
          "alter table r rename column v to w", {"d": (10, 0)}),
         ("update t set empty = 1 where id = 1; update d set filled = null where id = 1; update r set w = 'x' where id = 1",
          {"t": (1, 0), "d": (1, 0), "r": (1, 0)}),
         ("alter table t drop column empty; alter table d drop column v; alter table r add column v text;"
          "update r set v = 'again' where id = 2", {"t": (1, 0), "d": (10, 0), "r": (1, 0)}),
         ("alter table r drop column w; alter table r rename column v to w", {"r": (10, 0)}))

scenario("types_change", "create table wider (id integer primary key, v integer, n numeric(10,2));"
         "insert into wider select i, i, i from generate_series(1, 10) i;"
         "create table key_wider (id integer primary key, v text); insert into key_wider select i, 'x' from generate_series(-5, 5) i;"
         "create table rewritten (id integer primary key, v integer); insert into rewritten select i from generate_series(1, 9) i;",
         ("alter table wider alter column v type bigint", {}),
         ("alter table wider alter column n type numeric(12,4)", {"wider": (10, 0)}),
         ("alter table key_wider alter column id type bigint; alter table rewritten set unlogged", {}),
         ("alter table rewritten set logged; alter table rewritten add column at timestamptz default clock_timestamp()",
          {"rewritten": (9, 0)}))

scenario("key_of_another_column", "create table t (a integer primary key, b integer not null, c text);"
         "insert into t select i, i + 100, 'c' from generate_series(1, 5) i;",
         ("alter table t drop constraint t_pkey, add primary key (b)", None),
         ("update t set c = 'd' where a = 1; delete from t where a = 2", {"t": (1, 1)}),
         ("alter table t drop constraint t_pkey", None),
         ("update t set c = 'e' where a = 1", {"t": (1, 1)}))

scenario("enum_renamed", "create type mood as enum ('sad', 'ok'); create type pair as (a integer, m mood);"
         "create type moods as range (subtype = mood); create domain mood_domain as mood; create domain pairs as pair[];"
         "create table t (id integer primary key, m mood, p pair, a mood[], r moods, d mood_domain, pa pairs);"
         "insert into t values (1, 'sad'), (2, 'ok'); insert into t values (3, null, row(1, 'sad'), null), (4, null, null, '{ok,sad}');"
         "insert into t (id, r) values (5, '[sad,ok]'); insert into t (id, d) values (6, 'sad'); insert into t (id, pa) values"
         " (7, array[row(1, 'sad')::pair]);",
         ("alter type mood rename value 'sad' to 'blue'", {"t": (6, 0)}),
         ("alter type mood add value 'fine'", {}),
         ("alter type pair add attribute b text", {"t": (2, 0)}))

scenario("text_of_the_catalogue", "create table old_name (); create type reference as (r regclass);"
         "create table plain (id integer primary key, r regclass); insert into plain values (1, 'old_name'), (2, null);"
         "create table inside (id integer primary key, r reference, a regclass[]);"
         "insert into inside values (1, row('old_name'), null), (2, null, '{old_name}'), (3, row('plain'), null);",
         ("alter table old_name rename to new_name", {"plain": (1, 0), "inside": (2, 0)}))

scenario("swapped_by_rename", "create table a (id integer primary key, v text); create table b (like a including all);"
         "insert into a select i, 'a' from generate_series(1, 5) i; insert into b select i, 'b' from generate_series(1, 6) i;",
         ("alter table a rename to c; alter table b rename to a; alter table c rename to b", {"a": (6, 0), "b": (5, 1)}),
         ("drop table a; create table a (id integer primary key, v text); insert into a select i, 'b' from generate_series(1, 6) i", {}),
         ("drop table a; create table a (id integer primary key, v text); insert into a values (1, 'b'), (9, 'z')",
          {"a": (1, 5)}))

scenario("comes_and_goes", TEN,
         ("create table new (id integer primary key); create table new_full (id integer primary key, v text);"
          "insert into new_full values (1), (2)", {"new_full": (2, 0)}),
         ("drop table t", None),
         ("insert into new values (1)", {"new": (1, 0)}),
         ("create table t (id integer primary key, v text); insert into t values (1, 'v1'), (50, 'x')", None))

scenario("without_key", "create table t (a integer, b text, c timestamp); insert into t values (1, 'x'), (1, 'x'), (2, null), (null, null);"
         "create table nothing (); insert into nothing default values; insert into nothing default values;"
         "create table maybe (id integer unique, v text); insert into maybe values (1), (null), (null);",
         ("delete from t where ctid = '(0,1)'", {"t": (0, 1)}),
         ("update t set b = 'y' where a = 1; insert into t values (null, null)", {"t": (2, 1)}),
         ("insert into nothing default values; update maybe set v = 'v' where id is null", {"nothing": (1, 0), "maybe": (2, 2)}),
         (["vacuum full t"], {}))

scenario("unique_index_for_key", "create table t (a text, b integer not null, c integer not null, v text);"
         "create unique index on t (a); create unique index two on t (c, b); create unique index part on t (b) where b > 0;"
         "create unique index expression on t (abs(b)); insert into t select 'a', 1, i from generate_series(1, 1) i;"
         "create table covering (id integer, v text); alter table covering alter id set not null;"
         "create unique index covering_i on covering (id) include (v); insert into covering values (1, 'a'), (2, 'b');"
         "create table deferred (id integer primary key deferrable initially deferred, v text);"
         "insert into deferred values (1, 'a'), (2, 'b');",
         ("update t set v = 'v'; update covering set v = 'c' where id = 1; update deferred set id = 3 - id",
          {"t": (1, 0), "covering": (1, 0), "deferred": (2, 0)}))

scenario("partitioned", "create table t (id integer, region text, v text, primary key (id, region)) partition by list (region);"
         "create table t_north partition of t for values in ('north'); create table t_south partition of t for values in ('south')"
         " partition by range (id); create table t_south_1 partition of t_south for values from (0) to (50);"
         "create table t_south_2 partition of t_south for values from (50) to (100);"
         "insert into t select i, case when i % 2 = 0 then 'north' else 'south' end, 'v' from generate_series(1, 99) i;"
         "create table by_value (id integer, v integer) partition by hash (v); create unique index on by_value (v);"
         "alter table by_value alter v set not null;"
         "create table by_value_0 partition of by_value for values with (modulus 2, remainder 0);"
         "create table by_value_1 partition of by_value for values with (modulus 2, remainder 1);"
         "insert into by_value select i, i from generate_series(1, 20) i;",
         ("update t set region = 'south' where id = 2; update t set v = 'w' where id = 3", {"t": (2, 1)}),
         ("update t set id = 60 where id = 1", {"t": (1, 1)}),
         ("alter table t detach partition t_north", {"t": (0, 48), "t_north": (48, 0)}),
         ("alter table t attach partition t_north for values in ('north')", None),
         ("create table t_west partition of t for values in ('west'); insert into t values (1, 'west'), (2, 'west')",
          {"t": (2, 0)}))

scenario("inherited", "create table parent (id integer primary key, v text); create table child (primary key (id), w text) inherits (parent);"
         "insert into parent values (1, 'p'), (2, 'p'); insert into child values (1, 'c', 'c'), (3, 'c', 'c');",
         ("insert into child values (4, 'c', 'c')", {"child": (1, 0)}),
         ("update parent set v = 'both' where id = 1", {"parent": (1, 0), "child": (1, 0)}),
         ("delete from only parent", {"parent": (0, 2)}))

scenario("generated_and_dropped_columns",
         "create table t (gone1 text, id integer, gone2 integer, v integer, twice integer generated always as (v * 2) stored,"
         " gone3 text, always integer generated always as identity, primary key (id));"
         "insert into t (gone1, id, gone2, v, gone3) select 'x', i, i, i, 'x' from generate_series(1, 5) i;"
         "alter table t drop column gone1, drop column gone2, drop column gone3;",
         ("update t set v = 100 where id = 1", {"t": (1, 0)}),
         ("alter table t add column late text generated always as ('l' || id) stored", {"t": (5, 0)}))

scenario("same_name_in_two_schemas", TEN + 'create schema "same_name.other"; create table "same_name.other".t (id integer primary key, v text);'
         'insert into "same_name.other".t values (1, \'o\');',
         ('update "same_name.other".t set v = \'p\'; update t set v = \'x\' where id = 1',
          {"t": (1, 0), ("same_name.other", "t"): (1, 0)}),
         more_schemas=["same_name.other"])

scenario("large_values", "create table t (id integer primary key, v text, b bytea);"
         "insert into t values (1, repeat(E'\\\\\\n\\x01', 1000000), null), (2, repeat('€', 700000), decode(repeat('00ff', 500000), 'hex'));"
         "create table wide (id integer primary key, " + ", ".join(f"column_{i} text default 'x'" for i in range(500)) + ");"
         "insert into wide (id) values (1), (2);"
         "create table wide_row (id integer primary key, " + ", ".join(f"column_{i} text" for i in range(100)) + ");"
         "insert into wide_row values (1, " + ", ".join(["repeat(md5('a'), 100)"] * 100) + ");",
         ("update t set v = v || 'x' where id = 1; update wide set column_499 = null where id = 1", {"t": (1, 0), "wide": (1, 0)}),
         ("update t set b = b || '\\x00' where id = 2", {"t": (1, 0)}))

# Keys of every kind, made from a number i.
KEYS = {
    "int2": ("smallint", "i::smallint"),
    "negative": ("integer", "(i - 300)"),
    "int8_edges": ("bigint", "(case when i % 2 = 0 then 9223372036854775807 - i else -9223372036854775808 + i end)"),
    "snowflake": ("bigint", "(1700000000000 * 4194304 + (i::bigint * i * 7919) % 100003 * 4194304 + i % 4096)"),
    "text": ("text", "(array['', ' ', 'a', E'\\n', E'\\\\', 'ä', '😀', '\"', 'A', '%', '.'])[1 + i % 11] || case when i < 12 then '' else i::text end"),
    "collated": ('text collate "de-x-icu"', "chr(97 + i % 26) || chr(65 + i / 26)"),
    "nondeterministic": ("text collate loose", "'é' || i"),
    "bpchar": ("char(8)", "(i || case when i % 2 = 0 then ' ' else 'x' end)"),
    "varchar": ("varchar(12)", "'k' || i"),
    "name": ("name", "('n' || i)::name"),
    "uuid": ("uuid", "md5(i::text)::uuid"),
    "date": ("date", "date '1999-12-31' + i"),
    "stamp": ("timestamp(3)", "timestamp '2024-01-01' + i * interval '0.001 s'"),
    "stamptz": ("timestamptz", "timestamptz '2024-01-01 00:00+00' + i * interval '1 h'"),
    "numeric": ("numeric(10,2)", "i::numeric / 4"),
    "float8": ("float8", "i / 7.0::float8"),
    "bytea": ("bytea", "decode(lpad(to_hex(i), 8, '0'), 'hex')"),
    "inet": ("inet", "inet '10.0.0.0' + i"),
    "oid": ("oid", "(4294967295 - i)::oid"),
    "array": ("integer[]", "array[i, null]"),
    "domain": ("number_domain", "i"),
    "money": ("money", "i::money"),
    "interval": ("interval", "i * interval '1 day 1 s'"),
    "jsonb": ("jsonb", "jsonb_build_object('b', i, 'a', null)"),
    "time": ("time", "time '00:00' + i * interval '0.5 s'"),
    "bit": ("bit(16)", "i::bit(16)"),
}

scenario("key_kinds",
         "create collation loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false);"
         "create domain number_domain as integer;" + "".join(
             f"create table k_{name} (v text, k {declared} primary key, i integer);"
             f"insert into k_{name} select 'v', {value}, i from generate_series(1, 400) i;"
             for name, (declared, value) in KEYS.items()),
         ("".join(f"update k_{name} set v = 'w' where i in (7, 77, 399); delete from k_{name} where i in (1, 78, 400);"
                  f"insert into k_{name} select 'v', {value}, i from generate_series(401, 405) i;"
                  for name, (_, value) in KEYS.items()),
          {f"k_{name}": (8, 3) for name in KEYS}),
         ("".join(f"update k_{name} set v = v;" for name in KEYS), {}),
         ("".join(f"delete from k_{name} where i < 200; update k_{name} set i = -1 where i = 300;" for name in KEYS),
          {f"k_{name}": (1, 197) for name in KEYS}))

scenario("composite_keys",
         "create table t (b text, v text, a integer, primary key (a, b)); insert into t select 'b' || j, 'v', i from generate_series(-20, 20) i,"
         " generate_series(1, 10) j; create table joined (a text, b text, v text, primary key (a, b));"
         "insert into joined values ('a', 'bc'), ('ab', 'c'), ('', 'abc'), ('abc', ''), ('a,b', 'c'), ('a', ',bc'), (E'a\\x01', 'b'), ('a', E'\\x01b');"
         "create table three (a date, b uuid, c bigint, v text, primary key (c, a, b));"
         "insert into three select date '2024-01-01' + i, md5(i::text)::uuid, i % 3 from generate_series(1, 100) i;",
         ("update t set v = 'w' where a = 0; delete from t where a = 1 and b = 'b10'; update joined set v = 'x' where a = 'ab';"
          "update joined set a = 'x' where a = ''; update three set v = 'v' where c = 2 and a < '2024-02-01'; delete from three where c = 0",
          {"t": (10, 1), "joined": (2, 1), "three": (10, 33)}))

NAMES = ["sp ace", "do.t", "quo\"te", "sla/sh", "per%cent", "per%25cent", "new\nline", "ünïcödé", "x" * 63, "é" * 31, "Order", "order", "ORDER",
         "a'b", "back\\slash", ".", "..", "-", "$1", "select", "*", "tab\t", "😀", "_batches", "_index", "con", "a;b", "{x}", "%s",
         "[1]", "?", "#", "~", "a:b", "t|u"]
COLUMNS = ["a", "A", "_batch_id", "_captured_at", "_deleted", "batch_id", "captured_at", "deleted", "_key", "sp ace", "quo\"te", "new\nline",
           "x" * 63, "X" * 63, "ünï", "select", "%s", "do.t", "back\\slash", "a_1", "A_1", "ß", "_", "", "ẞ", "rowid", "filename"]
COLUMNS.remove("")


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def hostile(schema):
    columns = ", ".join(f"{quoted(name)} text" for name in COLUMNS)
    values = ", ".join("'" + name.replace("'", "''") + "'" for name in COLUMNS)
    return "".join(f"create table {quoted(schema)}.{quoted(name)} (id integer primary key, v text);"
                   f"insert into {quoted(schema)}.{quoted(name)} values (1, 'a'), (2, 'b');" for name in NAMES) + (
        f"create table {quoted(schema)}.columns ({columns}, primary key (\"A\", \"_key\"));"
        f"insert into {quoted(schema)}.columns values ({values});")


HOSTILE_SCHEMAS = ["hostile.names", "hostile names", "Hostile_Names", "Public"]
scenario("hostile_names", "".join(f"create schema if not exists {quoted(schema)};" for schema in HOSTILE_SCHEMAS)
         + hostile("hostile_names")
         + "".join(f"create table {quoted(schema)}.t (id integer primary key, v text); insert into {quoted(schema)}.t values (1);"
                   for schema in HOSTILE_SCHEMAS),
         ("".join(f"update {quoted(name)} set v = 'c' where id = 1; delete from {quoted(name)} where id = 2;" for name in NAMES)
          + 'update columns set a = \'x\', "_deleted" = null',
          {name: (1, 1) for name in NAMES} | {"columns": (1, 0)}),
         ("".join(f"update {quoted(schema)}.t set v = 'd';" for schema in HOSTILE_SCHEMAS),
          {(schema, "t"): (1, 0) for schema in HOSTILE_SCHEMAS}),
         more_schemas=HOSTILE_SCHEMAS)

scenario("outgrown", "create table ranges (id bigint primary key, v text); insert into ranges select i, 'v' from generate_series(1, 2000) i;"
         "create table grown (id integer primary key, v text); create table named (id text primary key, v integer);",
         ("insert into ranges values (9223372036854775807, 'max'), (-9223372036854775808, 'min'), (5000000000, 'far');"
          "insert into grown select i, 'v' from generate_series(1, 3000) i; insert into named select md5(i::text), i from generate_series(1, 3000) i",
          {"ranges": (3, 0), "grown": (3000, 0), "named": (3000, 0)}),
         ("delete from ranges where id between 2 and 1990; update grown set v = 'w' where id % 1000 = 0; delete from grown where id = 1",
          {"ranges": (0, 1989), "grown": (3, 1)}),
         ("update ranges set v = 'w' where id in (1, -9223372036854775808, 9223372036854775807); delete from named where id < '8'; update"
          " named set v = -1 where id like 'f0%'", None),
         ("delete from ranges; delete from grown; truncate named", None),
         ("insert into ranges values (0, 'again'); insert into grown values (-1, 'again'); insert into named values ('', 1)",
          {"ranges": (1, 0), "grown": (1, 0), "named": (1, 0)}))

scenario("keys_shifted", "create table t (id integer primary key deferrable, v text); insert into t select i, 'v' || i from generate_series(1, 500) i;",
         ("update t set id = id + 1", {"t": (500, 1)}),
         ("update t set id = 503 - id", {"t": (500, 0)}),
         ("update t set v = 'v'", {"t": (500, 0)}),
         ("update t set id = id + 1", {"t": (1, 1)}))
