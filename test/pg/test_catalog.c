/* The catalog: what is not seen here is never copied, and what is seen wrongly is bent. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "lib/unit.h"
#include "pg/catalog.h"

struct fixture {
    struct arena *arena;
    struct pg *pg;
    char database[64];
    struct catalog catalog;
    struct err err;
};

#define ASSERT_OK(call)                                                  \
    do {                                                                 \
        if ((call) != ERR_OK)                                            \
            fail_msg("%s: %s (%s)", #call, f->err.message, f->err.hint); \
    } while (0)

static void connect_to(struct fixture *f, const char *add, struct pg **ret_pg)
{
    const struct pg_options options = {
        .url = arena_printf(f->arena, "%s %s", getenv("TOTE_TEST_PG"), add),
        .role = "source",
        .blame = ERR_SOURCE};
    ASSERT_OK(pg_open(&options, ret_pg, &f->err));
}

static void on_server(struct fixture *f, const char *before)
{
    CLEANUP(pg_close) struct pg *pg = NULL;
    connect_to(f, "dbname=postgres", &pg);
    ASSERT_OK(pg_exec(pg, arena_printf(f->arena, "%s%s", before, f->database), &f->err));
}

static int setup(void **state)
{
    static unsigned number;
    struct fixture *f = mem_zalloc(1, sizeof *f);

    f->arena = arena_new(0);
    (void)snprintf(f->database, sizeof f->database, "catalog_%d_%u", (int)getpid(), ++number);
    on_server(f, "create database ");
    connect_to(f, arena_printf(f->arena, "dbname=%s", f->database), &f->pg);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    pg_close(f->pg);
    on_server(f, "drop database ");
    arena_free(f->arena);
    free(f);
    return 0;
}

static void run(struct fixture *f, const char *sql)
{
    if (pg_exec(f->pg, sql, &f->err) != ERR_OK)
        fail_msg("%s: %s", sql, f->err.message);
}

static const struct catalog_table *find(struct fixture *f, const char *name)
{
    ASSERT_OK(catalog_read(f->pg, f->arena, &f->catalog, &f->err));
    for (size_t i = 0; i < f->catalog.count; i++) {
        if (text_equal(f->catalog.tables[i].name, name))
            return &f->catalog.tables[i];
    }
    return NULL;
}

static const struct catalog_column *column_of(const struct catalog_table *table, const char *name)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (text_equal(table->columns[i].name, name))
            return &table->columns[i];
    }
    fail_msg("no column '%s'", name);
    return NULL;
}

/* --- tests --- */

static void test_which_tables_are_seen(void **state)
{
    struct fixture *f = *state;
    CLEANUP_IN_PLACE(buf_release) struct buf seen = {0};

    ASSERT_OK(catalog_read(f->pg, f->arena, &f->catalog, &f->err));
    assert_int_equal(f->catalog.count, 0);
    run(f, "create schema \"Od.d\"; create table \"Od.d\".\"Ta\"\"ble\" (id int primary key);"
           "create table b (id int primary key); create view v as select * from b;"
           "create materialized view m as select 1 as one;"
           "create table p (id int primary key) partition by range (id);"
           "create table p1 partition of p for values from (0) to (10) partition by range (id);"
           "create table p11 partition of p1 for values from (0) to (5);"
           "create table parent (id int primary key); create table child () inherits (parent);"
           "create unlogged table u (n int); create temporary table hidden (n int);"
           "create sequence s; create type t as (n int)");
    ASSERT_OK(catalog_read(f->pg, f->arena, &f->catalog, &f->err));
    for (size_t i = 0; i < f->catalog.count; i++) {
        const struct catalog_table *table = &f->catalog.tables[i];
        buf_addf(&seen, "%s.%s %c%s\n", table->schema, table->name, table->kind,
                 table->has_children ? " only" : "");
    }
    assert_string_equal(buf_text(&seen),
                        "Od.d.Ta\"ble r\npublic.b r\npublic.child r\npublic.m m\npublic.p p\n"
                        "public.parent r only\npublic.u r\npublic.v v\n");
}

static void test_columns(void **state)
{
    struct fixture *f = *state;

    run(f, "create type mood as enum ('sad', 'it''s'); create domain d1 as numeric(10,2) not null;"
           "create domain d2 as d1; create type pair as (a int, b mood); create type \"date\" as "
           "enum ('x');"
           "create table t (gone int, \"Up\" varchar(20) not null, d d2, m mood, ms mood[], p "
           "pair, r int4range,"
           " g int generated always as (1) stored, own public.\"date\", primary key (\"Up\"));"
           "alter table t drop column gone; comment on table t is 'it''s'; comment on column t.m "
           "is 'mood'");
    const struct catalog_table *t = find(f, "t");
    assert_int_equal(t->column_count, 8);
    assert_string_equal(t->comment, "it's");
    const struct catalog_column *c = column_of(t, "Up");
    assert_int_equal(c->number, 2);
    assert_string_equal(c->declared_type, "character varying(20)");
    assert_string_equal(c->type, "varchar");
    assert_int_equal(c->typmod, 24);
    assert_true(c->not_null);
    c = column_of(t, "d");
    assert_string_equal(c->declared_type, "d2");
    assert_string_equal(c->type, "numeric");
    assert_int_equal(c->typmod, (10 << 16 | 2) + 4);
    assert_true(c->not_null);
    assert_int_equal(c->type_class, 'b');
    c = column_of(t, "m");
    assert_int_equal(c->type_class, 'e');
    assert_string_equal(c->comment, "mood");
    assert_string_equal(column_of(t, "ms")->type, "_mood");
    assert_int_equal(column_of(t, "p")->type_class, 'c');
    assert_int_equal(column_of(t, "r")->type_class, 'r');
    assert_true(column_of(t, "g")->generated);
    assert_string_equal(column_of(t, "own")->type, "public.date");
}

static void test_keys_and_references(void **state)
{
    struct fixture *f = *state;

    run(f, "create table a (x int, y int not null, z int not null unique, primary key (y, x));"
           "create table b (i int unique, j int not null, k int not null, l int not null,"
           " unique (k, j), unique (l) deferrable); create unique index on b (j) where j > 0;"
           "create unique index on b ((j + 1));"
           "create table c (n int); create unique index c_n on c (n);"
           "create table r (p int, q int, constraint two foreign key (q, p) references a (x, y), s "
           "int references a (z))");
    const struct catalog_table *t = find(f, "a");
    assert_int_equal(t->key_count, 2);
    assert_string_equal(t->key[0], "y");
    assert_string_equal(t->key[1], "x");
    t = find(f, "b");
    assert_int_equal(t->key_count, 2);
    assert_string_equal(t->key[0], "k");
    assert_string_equal(t->key[1], "j");
    assert_int_equal(find(f, "c")->key_count, 0);
    t = find(f, "r");
    assert_int_equal(t->reference_count, 2);
    assert_string_equal(t->references[0].name, "r_s_fkey");
    assert_string_equal(t->references[1].name, "two");
    assert_int_equal(t->references[1].count, 2);
    assert_string_equal(t->references[1].columns[0], "q");
    assert_string_equal(t->references[1].target_relation, "a");
    assert_string_equal(t->references[1].target_columns[0], "x");
}

static void test_what_one_may_read(void **state)
{
    struct fixture *f = *state;
    CLEANUP(pg_close) struct pg *admin = NULL;
    int pid = (int)getpid();

    run(f,
        arena_printf(
            f->arena,
            "create role reader_%d login; create table yes (n int); create table no (n int);"
            "create table half (n int, m int); create table whole (n int, m int);"
            "create schema shut; create table shut.t (n int); create table rls (n int);"
            "alter table rls enable row level security;"
            "grant select on yes, rls, shut.t to reader_%d; grant select (n) on half to reader_%d;"
            "grant select (n, m) on whole to reader_%d",
            pid, pid, pid, pid));
    admin = f->pg;
    connect_to(f, arena_printf(f->arena, "dbname=%s user=reader_%d", f->database, pid), &f->pg);
    bool yes = find(f, "yes")->can_select, no = find(f, "no")->can_select,
         half = find(f, "half")->can_select;
    bool both = find(f, "whole")->can_select, shut = find(f, "t")->can_select;
    bool hides = find(f, "rls")->row_security;
    pg_close(f->pg);
    f->pg = STEAL(admin);
    run(f, arena_printf(f->arena, "drop owned by reader_%d; drop role reader_%d", pid, pid));
    assert_true(yes);
    assert_false(no);
    assert_false(half);
    assert_true(both);
    assert_false(shut);
    assert_true(hides);
    assert_false(find(f, "rls")->row_security);
}

/* A change of content without a change of xmin must show in the shape, and nothing else should. */
static void test_shapes(void **state)
{
    static const struct {
        const char *sql;
        bool changes;
    } cases[] = {
        {"insert into t values (1)", false},
        {"vacuum full t", false},
        {"analyze t", false},
        {"comment on table t is 'x'", false},
        {"alter table t add column with_default int default 7", true},
        {"alter table t add column m mood[]", true},
        {"alter type mood rename value 'a' to 'aa'", true},
        {"alter table t add column p outer_pair", true},
        {"alter type inner_pair add attribute more int", true},
        {"alter table t add column d of_mood", true},
        {"alter type mood add value 'z'", true},
        {"alter table t drop column with_default", true},
        {"alter table t rename column m to mm", true},
        {"alter table p attach partition p2 for values from (10) to (20)", true},
        {"alter table t rename to t2; alter table t2 rename to t", false},
        {"drop table t; create table t (n int primary key)", true},
    };
    struct fixture *f = *state;

    run(f, "create type mood as enum ('a'); create domain of_mood as mood;"
           "create type inner_pair as (n int); create type outer_pair as (i inner_pair);"
           "create table t (n int primary key); create table p (n int primary key) partition by "
           "range (n);"
           "create table p1 partition of p for values from (0) to (10); create table p2 (n int not "
           "null)");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *name = strstr(cases[i].sql, "table p ") ? "p" : "t";
        const char *before = find(f, name)->shape;
        run(f, cases[i].sql);
        if (text_equal(before, find(f, name)->shape) == cases[i].changes)
            fail_msg("%s: the shape %s", cases[i].sql, cases[i].changes ? "stays" : "changes");
    }
}

static void test_sizes(void **state)
{
    struct fixture *f = *state;

    run(f,
        "create table t as select n from generate_series(1, 10000) n; create table never (n int)");
    assert_true(find(f, "t")->pages > 40);
    assert_int_equal(find(f, "never")->estimated_rows, -1);
    run(f, "analyze t");
    assert_int_equal(find(f, "t")->estimated_rows, 10000);
    /* a table that somebody changes must not make the listing wait */
    CLEANUP(pg_close) struct pg *other = NULL;
    connect_to(f, arena_printf(f->arena, "dbname=%s", f->database), &other);
    ASSERT_OK(pg_exec(other, "begin; lock table t", &f->err));
    run(f, "set statement_timeout = '2s'");
    assert_true(find(f, "t")->pages > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
        TEST(test_which_tables_are_seen), TEST(test_columns), TEST(test_keys_and_references),
        TEST(test_what_one_may_read),     TEST(test_shapes),  TEST(test_sizes),
#undef TEST
    };

    if (!getenv("TOTE_TEST_PG")) {
        (void)fprintf(stderr, "TOTE_TEST_PG is not set: run me by tools/with_postgres.sh\n");
        return 1;
    }
    return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}
