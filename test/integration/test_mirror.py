"""`tote init` on any database, then `tote run`: a warehouse with one current table for each source table, keys included. If
these fail, the first thing a newcomer tries does not work."""
import pytest

from lib.tote import Tote
from scenarios import COLUMNS, NAMES, quoted
from test_history import FEWER, ROUNDS
from values import canonical_rows, differences, duckdb_rows, identifier, texts

TOTESYS = ["address", "counterparty", "currency", "department", "staff", "design", "payment_type", "purchase_order", "sales_order",
           "transaction", "payment"]

KEYS_SQL = """
select conrelid::regclass::text, contype::text,
       (select array_agg(attname::text order by k) from unnest(conkey) with ordinality u(n, k)
        join pg_attribute on attrelid = conrelid and attnum = n),
       confrelid::regclass::text,
       (select array_agg(attname::text order by k) from unnest(confkey) with ordinality u(n, k)
        join pg_attribute on attrelid = confrelid and attnum = n)
from pg_constraint where contype = any (%s) and connamespace = 'public'::regnamespace and conparentid = 0 order by 1, 2, 3"""


class Mirror:
    """A project made by `tote init`, and a look at its warehouse."""

    def __init__(self, server, source, folder, kind):
        self.source = source
        self.kind = kind
        self.tote = Tote(folder)
        self.database = server.create()
        url = self.database.url if kind == "postgres" else "duckdb:./warehouse.duckdb"
        self.made = self.tote.ok("init", "--source", source.url, "--dir", folder, "--warehouse", url)

    def compare(self, table, name=None):
        """What differs between a source table (as SQL writes it) and the warehouse's table of that name."""
        name = name or table
        names, oids, rows = texts(self.source, f"select * from {table}")
        if self.kind == "postgres":
            there, _, mirrored = texts(self.database, f"select * from {identifier(name)}")
        else:
            there = [row[0] for row in self.tote.warehouse(f"describe {identifier(name)}")]
            mirrored = duckdb_rows(self.tote, name)[1]
            rows = canonical_rows(oids, rows)
        if there[:1] == ["_key"] and "_key" not in names:
            there, mirrored = there[1:], [row[1:] for row in mirrored]
        assert len(there) == len(names), f"{name}: {there}"
        return differences(rows, mirrored)

    def wrong(self, tables):
        return {table: text for table in tables if (text := self.compare(table))}


@pytest.fixture(params=["duckdb", "postgres"])
def mirror(request, server, tmp_path):
    made = []

    def make(source):
        made.append(Mirror(server, source, tmp_path, request.param))
        return made[-1]

    yield make
    for each in made:
        each.database.drop()


def test_totesys_is_mirrored_and_followed(mirror, totesys):
    totesys.execute(FEWER)
    totesys.execute("comment on table staff is 'who works''s here'; comment on column staff.email_address is E'one\\nline \"more\"'")
    made = mirror(totesys)
    made.tote.ok("run")
    assert made.wrong(TOTESYS) == {}
    for change in ("inserts", "silent updates", "deletes", "rows come back", "keys change"):
        totesys.execute(ROUNDS[change])
        made.tote.ok("run")
        assert made.wrong(TOTESYS) == {}, f"after {change}"
    if made.kind == "postgres":
        wanted = [row for row in totesys.rows(KEYS_SQL, (["p", "f"],)) if not row[0].startswith("_prisma")]
        assert [row for row in made.database.rows(KEYS_SQL, (["p", "f"],)) if not row[0].startswith("_prisma")] == wanted
        assert made.database.value("select obj_description('staff'::regclass)") == "who works's here"
        assert made.database.value("select col_description('staff'::regclass, 5)") == 'one\nline "more"'
    else:
        keys = made.tote.warehouse("select table_name, constraint_column_names from duckdb_constraints()"
                                   " where constraint_type = 'PRIMARY KEY' and schema_name = 'main'")
        assert {table: columns for table, columns in keys}.items() >= {table: [f"{table}_id"] for table in TOTESYS}.items()
        comments = made.tote.warehouse("select comment from duckdb_tables() where table_name = 'staff' union all"
                                       " select comment from duckdb_columns() where column_name = 'email_address'")
        assert comments == [("who works's here",), ('one\nline "more"',)]


TANGLED = """
create table person (id integer primary key, boss integer references person, name text not null unique);
insert into person values (3, null, 'top'), (1, 3, 'a'), (2, 1, 'b');
create table hen (id integer primary key, egg integer);
create table egg (id integer primary key, hen integer not null references hen deferrable initially deferred);
alter table hen add foreign key (egg) references egg deferrable initially deferred;
begin; insert into hen values (1, 10), (2, 20), (3, null); insert into egg values (10, 1), (20, 2), (30, 1); commit;
create table place (country text, town text, primary key (country, town));
insert into place values ('UK', 'Leeds'), ('UK', 'Hull'), ('', 'x');
create table visit (id uuid primary key, country text, town text, who text references person (name), back text,
    foreign key (country, town) references place);
insert into visit values (md5('1')::uuid, 'UK', 'Leeds', 'a', null), (md5('2')::uuid, null, 'Leeds', null, ''),
    (md5('3')::uuid, 'UK', 'Hull', 'top', null);
create table no_key (a integer, b text); insert into no_key values (1, 'x'), (1, 'x'), (null, null);
create table parted (id integer primary key, v text) partition by range (id);
create table parted_1 partition of parted for values from (0) to (10);
create table parted_2 partition of parted for values from (10) to (20);
insert into parted select i, 'v' from generate_series(1, 19) i;
create table part_of (id integer primary key references parted); insert into part_of values (1), (11);
create table "Mixed Case" ("Id" integer primary key, "Order" text, "order" text, boss integer references person);
insert into "Mixed Case" values (1, 'A', 'b', 3);
create table empty (id integer primary key, v text);
"""
TANGLED_TABLES = ["person", "hen", "egg", "place", "visit", "no_key", "parted", "part_of", "empty"]


def test_references_of_every_form_are_mirrored(mirror, database):
    """To itself, in a circle, of two columns, to a unique column."""
    database.execute(TANGLED)
    made = mirror(database)
    changes = ["", """
        update person set boss = 2 where id = 3; insert into person values (4, 4, 'own boss');
        begin; insert into egg values (40, 4); insert into hen values (4, 40); update hen set egg = 30 where id = 1;
        delete from egg where id = 10; commit;
        update place set town = 'Kingston' where town = '';
        insert into place values ('FR', 'Lyon'); update visit set country = 'FR', town = 'Lyon' where back = '';
        delete from no_key where a = 1; update parted set id = id + 5 where id = 12 and false; insert into empty values (1, '')""", """
        update person set boss = null; delete from person where id in (2, 4);
        begin; delete from hen where id in (2, 4); delete from egg where id in (20, 40); commit;
        delete from visit where town = 'Hull'; delete from place where town = 'Hull';
        delete from part_of where id = 1; delete from parted where id = 1; insert into no_key values (9, 'y')""", """
        update person set name = 'renamed' where id = 1 and not exists (select from visit where who = 'a');
        delete from part_of; delete from parted; delete from visit; delete from place;
        begin; delete from hen; delete from egg; commit; update person set boss = null;
        delete from "Mixed Case"; delete from person""", TANGLED[TANGLED.index("insert into person"):].split(";")[0]]
    for change in changes:
        if change:
            database.execute(change)
        made.tote.ok("run")
        assert made.wrong(TANGLED_TABLES) == {}, change
    if made.kind == "postgres":
        wanted = [row for row in database.rows(KEYS_SQL, (["f"],)) if "parted_" not in row[0]]
        there = [row for row in made.database.rows(KEYS_SQL, (["f"],))]
        assert [row[:2] + row[3:] for row in there if "ixed" not in row[0]] == [
            row[:2] + row[3:] for row in wanted if "ixed" not in row[0]]
        assert len(there) == len(wanted)


def test_hostile_names_are_mirrored(mirror, database):
    """Each table under the name that its record has, which is its own where that is plain."""
    columns = ", ".join(f"{quoted(name)} text" for name in COLUMNS)
    values = ", ".join("'" + name.replace("'", "''") + "'" for name in COLUMNS)
    database.execute("".join(f"create table {quoted(name)} (id integer primary key, v text);"
                             f"insert into {quoted(name)} values (1, {len(name)}), (2, 'b');" for name in NAMES)
                     + f"create table columns ({columns}, primary key (\"A\", \"_key\")); insert into columns values ({values});"
                     'create schema other; create schema "Other.Schema"; create table other."order" (id integer primary key);'
                     'insert into other."order" values (7); create table "Other.Schema".t (id integer primary key);'
                     'insert into "Other.Schema".t values (8)')
    made = mirror(database)
    for change in ("", "".join(f"update {quoted(name)} set v = 'c' where id = 1; delete from {quoted(name)} where id = 2;"
                               for name in NAMES)):
        if change:
            database.execute(change)
        made.tote.ok("run")
        wrong = {}
        for table in made.tote.records()[-1]["tables"]:
            source = f"{quoted(table['schema'])}.{quoted(table['relation'])}"
            if text := made.compare(source, table["name"]):
                wrong[source] = text
        assert wrong == {}
    assert len(made.tote.records()[-1]["tables"]) == len(NAMES) + 3


def test_new_column_arrives_once_the_models_know_it(mirror, database):
    """The source may grow at any time: until somebody makes the models anew, all else goes on."""
    database.execute("create table t (id integer primary key, v text); insert into t select i, 'v' || i from generate_series(1, 9) i")
    made = mirror(database)
    made.tote.ok("run")
    database.execute("alter table t add column late integer default 5; update t set v = 'w', late = 7 where id = 1;"
                     "create table unknown (id integer primary key); insert into unknown values (1)")
    made.tote.ok("run")
    names = "id, v"
    known = texts(database, f"select {names} from t")[2]
    if made.kind == "postgres":
        there = texts(made.database, f"select {names} from t")[2]
    else:
        there = duckdb_rows(made.tote, "t", ["id", "v"])[1]
    assert differences(known, there) is None
    made.tote.ok("init", "--source", database.url, "--dir", made.tote.folder, "--force",
                 "--warehouse", made.database.url if made.kind == "postgres" else "duckdb:./warehouse.duckdb")
    database.execute("update t set late = null where id = 2; insert into t values (10, 'x', 10); delete from t where id = 3;"
                     "insert into unknown values (2)")
    made.tote.ok("run")
    assert made.wrong(["t", "unknown"]) == {}


def test_table_dropped_and_made_again(mirror, database):
    """Rows of the old table must not linger among those of the new one."""
    make = "create table t (id integer primary key, v text); insert into t select i, '{0}' from generate_series({1}, {2}) i"
    database.execute(make.format("old", 1, 9) + "; create table other (id integer primary key)")
    made = mirror(database)
    made.tote.ok("run")
    database.execute("drop table t; insert into other values (1)")
    made.tote.ok("run")
    assert made.wrong(["other"]) == {}
    database.execute(make.format("new", 5, 20))
    made.tote.ok("run")
    assert made.wrong(["t", "other"]) == {}
    database.execute("drop table t; " + make.format("newer", 1, 3))
    made.tote.ok("run")
    assert made.wrong(["t"]) == {}


def test_key_moves_to_another_column(mirror, database):
    """The warehouse's table is made anew, with what refers to it; one that is not tote's own is left alone and the loader told."""
    database.execute("create table t (a integer primary key, b integer not null, c text);"
                     "create table child (id integer primary key, a integer references t (a), b integer);"
                     "insert into t select i, i + 100, 'c' from generate_series(1, 9) i; insert into child values (1, 3, 103)")
    made = mirror(database)
    made.tote.ok("run")
    assert made.wrong(["t", "child"]) == {}
    database.execute("alter table child drop constraint child_a_fkey; alter table t drop constraint t_pkey, add primary key (b);"
                     "update t set a = 1; delete from t where b = 102; alter table child add foreign key (b) references t (b)")
    made.tote.ok("init", "--source", database.url, "--dir", made.tote.folder, "--force",
                 "--warehouse", made.database.url if made.kind == "postgres" else "duckdb:./warehouse.duckdb")
    foreign = made.kind == "postgres"
    if foreign:
        made.database.execute('update tote."table" set made_here = false where name = \'t\'')
        told = made.tote.fails(13, "run").stderr
        assert "loading 't'" in told and "hint: " in told
        assert made.database.value("select count(*) from t") == 9
        made.database.execute('update tote."table" set made_here = true where name = \'t\'')
    made.tote.ok("run")
    assert made.wrong(["t", "child"]) == {}
    database.execute("update t set c = 'd' where b = 103; delete from t where b = 104; insert into t values (1, 110, 'new')")
    made.tote.ok("run")
    assert made.wrong(["t", "child"]) == {}


def test_models_know_more_than_the_first_batch(mirror, database):
    """Batches wait while the source grows and the models with it: they must still get through, each as it was."""
    database.execute("create table t (id integer primary key, v text); insert into t select i, 'v' from generate_series(1, 9) i")
    made = mirror(database)
    made.tote.ok("ingest")
    database.execute("alter table t add column late integer default 5; update t set late = 7 where id = 1;"
                     "create table new (id integer primary key references t); insert into new values (1)")
    made.tote.ok("init", "--source", database.url, "--dir", made.tote.folder, "--force",
                 "--warehouse", made.database.url if made.kind == "postgres" else "duckdb:./warehouse.duckdb")
    made.tote.ok("run")
    assert made.wrong(["t", "new"]) == {}
