/* What only the PostgreSQL warehouse must prove: that a warehouse of somebody else's is used as it
 * is, that references are checked whether row by row or set-wise, that two loaders do not load one
 * batch twice. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "duck/duck.h"
#include "lib/unit.h"
#include "pg/pg.h"
#include "warehouse/warehouse.h"

struct fixture {
    struct work_dir *dir;
    struct arena *arena;
    struct duck *writer; /* makes Parquet files */
    struct pg *admin;    /* another connection to the same database */
    struct warehouse *warehouse;
    char database[64];
    struct err err;
};

#define ASSERT_OK(call)                                                  \
    do {                                                                 \
        if ((call) != ERR_OK)                                            \
            fail_msg("%s: %s (%s)", #call, f->err.message, f->err.hint); \
    } while (0)

/* --- fixture --- */

static void connect_to(struct fixture *f, const char *database, struct pg **ret_pg)
{
    const char *url = arena_printf(f->arena, "%s dbname=%s", getenv("TOTE_TEST_PG"), database);
    const struct pg_options options = {.url = url, .role = "test", .blame = ERR_SOURCE};
    ASSERT_OK(pg_open(&options, ret_pg, &f->err));
}

static struct warehouse *open_as(struct fixture *f, const char *user)
{
    const char *dirs[] = {work_dir_path(f->dir), NULL};
    struct warehouse *warehouse = NULL;
    const struct warehouse_config config = {
        .url = arena_printf(f->arena, "%s dbname=%s%s%s", getenv("TOTE_TEST_PG"), f->database,
                            user ? " user=" : "", user ? user : ""),
        .memory_bytes = UINT64_C(128) << 20,
        .threads = 2,
        .work_dir = work_dir_path(f->dir),
        .read_dirs = dirs,
    };
    ASSERT_OK(warehouse_open(&config, &warehouse, &f->err));
    return warehouse;
}

static void on_server(struct fixture *f, const char *before)
{
    CLEANUP(pg_close) struct pg *pg = NULL;
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};

    connect_to(f, "postgres", &pg);
    buf_add_text(&sql, before);
    pg_ident(&sql, f->database);
    ASSERT_OK(pg_exec(pg, sql.data, &f->err));
}

static int setup(void **state)
{
    static unsigned number;
    struct fixture *f = mem_zalloc(1, sizeof *f);

    f->arena = arena_new(0);
    ASSERT_OK(work_dir_open(NULL, &f->dir, &f->err));
    (void)snprintf(f->database, sizeof f->database, "warehouse_%d_%u", (int)getpid(), ++number);
    on_server(f, "create database ");
    connect_to(f, f->database, &f->admin);
    f->warehouse = open_as(f, NULL);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    warehouse_close(f->warehouse);
    pg_close(f->admin);
    on_server(f, "drop database ");
    duck_close(f->writer);
    work_dir_close(f->dir);
    arena_free(f->arena);
    free(f);
    return 0;
}

static const char *parquet(struct fixture *f, const char *select)
{
    static unsigned number;
    const char *dirs[] = {work_dir_path(f->dir), NULL};
    const struct duck_options options = {.allowed_dirs = dirs, .threads = 1};
    const char *path = arena_printf(f->arena, "%s/%u.parquet", work_dir_path(f->dir), ++number);

    if (!f->writer)
        ASSERT_OK(duck_open(&options, &f->writer, &f->err));
    const char *sql = arena_printf(f->arena, "copy (%s) to '%s' (format parquet)", select, path);
    ASSERT_OK(duck_exec(f->writer, sql, NULL, &f->err));
    return path;
}

static void admin(struct fixture *f, const char *sql)
{
    if (pg_exec(f->admin, sql, &f->err) != ERR_OK)
        fail_msg("%s: %s", sql, f->err.message);
}

/* Asked over the other connection: what everybody sees. */
static void assert_rows(struct fixture *f, const char *sql, const char *expected)
{
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};

    if (pg_query(f->admin, sql, NULL, 0, &rows, &f->err) != ERR_OK)
        fail_msg("%s: %s", sql, f->err.message);
    for (size_t row = 0; row < pg_rows_count(rows); row++) {
        for (size_t column = 0; column < pg_rows_columns(rows); column++) {
            const char *text = pg_rows_text(rows, row, column);
            buf_addf(&out, "%s%s", column ? "|" : "", text ? text : "NULL");
        }
        buf_add_char(&out, '\n');
    }
    assert_string_equal(buf_text(&out), expected);
}

/* --- the tables of the tests --- */

static const struct warehouse_column staff_columns[] = {
    {.name = "staff_id", .type = "INTEGER", .not_null = true},
    {.name = "name", .type = "VARCHAR", .not_null = true},
};
static const char *staff_key[] = {"staff_id"};
static const struct warehouse_column sale_columns[] = {
    {.name = "sale_id", .type = "INTEGER", .not_null = true},
    {.name = "staff_id", .type = "INTEGER"},
};
static const char *sale_key[] = {"sale_id"};
static const struct warehouse_reference sale_references[] = {
    {.columns = staff_key, .table = "dim_staff", .target_columns = staff_key, .count = 1}};

enum {
    STAFF,
    SALE,
    TABLE_COUNT
};
static const struct warehouse_table tables[TABLE_COUNT] = {
    [STAFF] = {.name = "dim_staff",
               .kind = WAREHOUSE_DIMENSION,
               .columns = staff_columns,
               .column_count = COUNT_OF(staff_columns),
               .key = staff_key,
               .key_count = 1},
    [SALE] = {.name = "fact_sale",
              .kind = WAREHOUSE_FACT,
              .columns = sale_columns,
              .column_count = COUNT_OF(sale_columns),
              .key = sale_key,
              .key_count = 1,
              .references = sale_references,
              .reference_count = 1},
};
/* The same two as somebody else's DDL makes them. */
static const char canonical[] =
    "create table dim_staff (staff_id integer primary key, name text not null);"
    "create table fact_sale (sale_record serial primary key, \"Sale_Id\" integer not null,"
    " staff_id integer constraint by_staff references dim_staff, note text default 'x');";

static enum err_code try_begin(struct fixture *f, struct warehouse *warehouse, uint64_t number,
                               bool rebuild)
{
    const struct warehouse_batch batch = {.lake = "lake",
                                          .generation = rebuild ? "g2" : "g1",
                                          .batch = number,
                                          .captured_us = (int64_t)number * 86400000000,
                                          .rebuild = rebuild};
    return warehouse_begin(warehouse, &batch, &f->err);
}

static void begin(struct fixture *f, uint64_t number)
{
    ASSERT_OK(try_begin(f, f->warehouse, number, false));
    ASSERT_OK(warehouse_define(f->warehouse, tables, TABLE_COUNT, &f->err));
}

static enum err_code try_load(struct fixture *f, const struct warehouse_table *table, uint64_t rows,
                              const char *select)
{
    const char *paths[] = {parquet(f, select)};
    struct warehouse_load_result result;
    return warehouse_load(f->warehouse, table, paths, 1, rows, &result, &f->err);
}

static void load_staff(struct fixture *f)
{
    ASSERT_OK(try_load(f, &tables[STAFF], 2,
                       "select n::integer staff_id, 'n' || n as name from range(1, 3) r(n)"));
}

/* Sales from `first` on, by staff 1 and 2. */
static const char *sales(struct fixture *f, uint64_t batch, unsigned first, unsigned count)
{
    return arena_printf(
        f->arena,
        "select n::integer sale_id, (n %% 2 + 1)::integer staff_id, %llu::bigint batch_id, "
        "timestamp '1970-01-01' + interval %llu day captured_at, false deleted "
        "from range(%u, %u) r(n)",
        (unsigned long long)batch, (unsigned long long)batch, first, first + count);
}

static void load_sales(struct fixture *f, uint64_t batch, unsigned first, unsigned count)
{
    ASSERT_OK(try_load(f, &tables[SALE], count, sales(f, batch, first, count)));
}

static const char keys_of_sale[] = "select conname, contype, convalidated from pg_constraint where "
                                   "conrelid = 'fact_sale'::regclass "
                                   "and contype in ('p', 'f') order by 1";

/* --- tests --- */

/* Else readers would see half a batch. */
static void test_nothing_shows_before_commit(void **state)
{
    struct fixture *f = *state;

    begin(f, 1);
    load_staff(f);
    load_sales(f, 1, 1, 3);
    assert_rows(f, "select to_regclass('fact_sale'), to_regclass('tote.batch')", "NULL|NULL\n");
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_rows(f, "select record_id, sale_id, batch_id from fact_sale order by 1",
                "1|1|1\n2|2|1\n3|3|1\n");
    assert_rows(f, keys_of_sale, "fact_sale_pkey|p|t\nfact_sale_staff_id_fkey|f|t\n");
    begin(f, 2);
    load_sales(f, 2, 4, 1);
    assert_rows(f, "select count(*) from fact_sale", "3\n");
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_rows(f, "select max(record_id), count(*) from fact_sale", "4|4\n");
    assert_rows(f, "select batch, rows_inserted from tote.batch order by 1", "1|5\n2|1\n");
}

/* Else the warehouse that the company has could not be filled. */
static void test_a_canonical_warehouse_is_used(void **state)
{
    struct fixture *f = *state;

    admin(f, canonical);
    admin(f, "insert into dim_staff values (9, 'old'); insert into fact_sale (\"Sale_Id\", "
             "staff_id) values (90, 9)");
    begin(f, 1);
    load_staff(f);
    load_sales(f, 1, 1, 2);
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_rows(f,
                "select sale_record, \"Sale_Id\", staff_id, note, batch_id, deleted from fact_sale "
                "order by 1",
                "1|90|9|x|NULL|NULL\n2|1|2|x|1|f\n3|2|1|x|1|f\n");
    assert_rows(f, keys_of_sale, "by_staff|f|t\nfact_sale_pkey|p|t\n");
    assert_rows(f, "select \"Sale_Id\" from fact_sale_current order by 1", "1\n2\n90\n");
}

/* Else a foreign key that costs too much row by row would be lost, or its check. */
static void test_a_large_batch_is_checked_as_a_set(void **state)
{
    struct fixture *f = *state;
    unsigned done = 0;

    admin(f, canonical);
    begin(f, 1);
    load_staff(f);
    load_sales(f, 1, 1, 120000); /* into an empty table: the key is made anew, under its name */
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_rows(f, keys_of_sale, "by_staff|f|t\nfact_sale_pkey|p|t\n");
    assert_rows(f, "select nextval('fact_sale_sale_record_seq')", "120001\n");
    begin(f, 2);
    load_sales(f, 2, 200001, 60000);
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_rows(f, keys_of_sale, "by_staff|f|f\nfact_sale_pkey|p|t\n");
    assert_rows(f, "select count(*), count(distinct sale_record) from fact_sale",
                "180000|180000\n");
    ASSERT_OK(warehouse_maintain(f->warehouse, &done, &f->err));
    assert_int_equal(done, 1);
    assert_rows(f, keys_of_sale, "by_staff|f|t\nfact_sale_pkey|p|t\n");
    begin(f, 3);
    ASSERT_OK(try_load(
        f, &tables[SALE], 60000,
        "select n::integer sale_id, case when n = 50000 then 77 else 1 end::integer staff_id, "
        "3::bigint batch_id, timestamp '1970-01-04' captured_at, false deleted "
        "from range(0, 60000) r(n)"));
    assert_int_equal(warehouse_commit(f->warehouse, &f->err), ERR_DATA);
    assert_string_equal(
        f->err.message,
        "column 'staff_id' of table 'fact_sale' refers to rows that 'dim_staff' does not have: 77");
    warehouse_rollback(f->warehouse);
    assert_rows(f, "select count(*) from fact_sale", "180000\n");
    assert_rows(f, keys_of_sale, "by_staff|f|t\nfact_sale_pkey|p|t\n");
}

/* Else a report that is being read would stop the load. */
static void test_a_reader_does_not_stop_a_large_batch(void **state)
{
    struct fixture *f = *state;

    admin(f, canonical);
    begin(f, 1);
    load_staff(f);
    load_sales(f, 1, 1, 10);
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    begin(f, 2);
    admin(f, "begin; select count(*) from dim_staff");
    load_sales(f, 2, 1001, 60000);
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    admin(f, "commit");
    assert_rows(f, "select count(*) from fact_sale", "60010\n");
    assert_rows(f, keys_of_sale, "by_staff|f|t\nfact_sale_pkey|p|t\n");
}

/* Else a first load of millions would wait for every key, or skip the check. */
static void test_a_very_large_first_batch(void **state)
{
    struct fixture *f = *state;
    unsigned done = 0;

    begin(f, 1);
    load_staff(f);
    load_sales(f, 1, 1, 1000000);
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_rows(f, keys_of_sale, "fact_sale_pkey|p|t\nfact_sale_staff_id_fkey|f|f\n");
    assert_rows(
        f,
        "select count(*), sum(sale_id::bigint), sum(staff_id), min(record_id), max(record_id), "
        "count(*) filter (where staff_id = sale_id % 2 + 1 and record_id = sale_id) from fact_sale",
        "1000000|500000500000|1500000|1|1000000|1000000\n");
    ASSERT_OK(warehouse_maintain(f->warehouse, &done, &f->err));
    assert_int_equal(done, 1);
    assert_rows(f, keys_of_sale, "fact_sale_pkey|p|t\nfact_sale_staff_id_fkey|f|t\n");
}

static bool claim(struct fixture *f, const char *version)
{
    bool claimed = false;

    ASSERT_OK(warehouse_claim_answers(f->warehouse, "mine", version, &claimed, &f->err));
    return claimed;
}

static void assert_finds(struct fixture *f, struct warehouse *warehouse, const char *origin,
                         const char *text)
{
    CLEANUP_IN_PLACE(buf_release) struct buf found = {0};

    ASSERT_OK(warehouse_find_answers(warehouse, origin, &found, &f->err));
    assert_string_equal(buf_text(&found), text);
}

/* Else the first server of a large warehouse would let everybody wait, each load that has nothing
 * to do would ask it everything, or answers would be shown for those of another program. */
static void test_answers_are_left_for_servers(void **state)
{
    struct fixture *f = *state;
    const char *role = arena_printf(f->arena, "looker_%d", (int)getpid());
    bool wanted = true;

    begin(f, 1);
    load_staff(f);
    load_sales(f, 1, 1, 10);
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    ASSERT_OK(warehouse_is_large(f->warehouse, &wanted, &f->err));
    assert_false(wanted); /* ten rows are asked as quickly */
    admin(f, "update pg_class set reltuples = 1e6 where relname = 'fact_sale'");
    ASSERT_OK(warehouse_is_large(f->warehouse, &wanted, &f->err));
    assert_true(wanted);

    assert_finds(f, f->warehouse, "mine", "");
    assert_true(claim(f, "1"));
    assert_false(claim(f, "1")); /* somebody is at it */
    assert_finds(f, f->warehouse, "mine", "");
    ASSERT_OK(warehouse_leave_answers(f->warehouse, "mine", NULL, "some", &f->err));
    assert_finds(f, f->warehouse, "mine", "some");
    assert_finds(f, f->warehouse, "yours", "");
    assert_false(claim(f, "1"));
    admin(f, "update tote.answers set begun_at = begun_at - interval '61 minutes'");
    assert_true(claim(f, "1")); /* who was at it was killed, it seems */
    ASSERT_OK(warehouse_leave_answers(f->warehouse, "mine", "1", "all", &f->err));
    assert_finds(f, f->warehouse, "mine", "all");
    assert_false(claim(f, "2")); /* the hour is for all batches */
    admin(f, "update tote.answers set begun_at = begun_at - interval '61 minutes'");
    assert_false(claim(f, "1")); /* they are there */
    assert_true(claim(f, "2"));
    assert_finds(f, f->warehouse, "mine", "all"); /* until the new ones are */

    admin(f, "insert into tote.answers values ('public', 'older', now() - interval '8 days', '1', "
             "now(), 'x')");
    ASSERT_OK(warehouse_leave_answers(f->warehouse, "mine", "2", "new", &f->err));
    assert_rows(f, "select origin, content from tote.answers", "mine|new\n");

    admin(f, arena_printf(f->arena, "create role %s login", role));
    struct warehouse *looker = open_as(f, role);
    assert_finds(f, looker, "mine", ""); /* no right to see them: no error */
    warehouse_close(looker);
    admin(f, arena_printf(f->arena, "drop role %s", role));
}

/* Else a loader without the tables' ownership could not load at all. */
static void test_tables_of_another_role(void **state)
{
    struct fixture *f = *state;
    const char *role = arena_printf(f->arena, "loader_%d", (int)getpid());

    admin(f, canonical);
    admin(
        f,
        arena_printf(
            f->arena,
            "create role %s login; grant select, insert, update on all tables in schema public to "
            "%s; grant usage on all sequences in schema public to %s; "
            "create schema tote authorization %s",
            role, role, role, role));
    warehouse_close(STEAL(f->warehouse));
    f->warehouse = open_as(f, role);
    begin(f, 1);
    load_staff(f);
    load_sales(f, 1, 1, 2);
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    begin(f, 2);
    ASSERT_OK(try_load(f, &tables[SALE], 1,
                       "select 1::integer sale_id, 2::integer staff_id, 2::bigint batch_id, "
                       "timestamp '1970-01-03' captured_at, true deleted"));
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_rows(f, "select sale_record, \"Sale_Id\", note from fact_sale order by 1",
                "1|1|x\n2|2|x\n3|1|x\n");
    assert_rows(f, "select record_id, batch_id, deleted from tote.\"public.fact_sale\" order by 1",
                "1|1|f\n2|1|f\n3|2|t\n");
    assert_rows(f, "select \"Sale_Id\", batch_id from tote.fact_sale_current", "2|1\n");
    assert_rows(f,
                "select \"Sale_Id\", batch_id, deleted, valid_to::date from tote.fact_sale_history "
                "order by 1, 2",
                "1|1|f|1970-01-03\n1|2|t|NULL\n2|1|f|NULL\n");
    warehouse_close(STEAL(f->warehouse));
    admin(f, arena_printf(f->arena, "drop owned by %s; drop role %s", role, role));
}

/* Else a missing privilege would be a riddle. */
static void test_a_missing_privilege_says_what_to_grant(void **state)
{
    struct fixture *f = *state;
    const char *role = arena_printf(f->arena, "nobody_%d", (int)getpid());

    admin(f, arena_printf(f->arena, "create role %s login", role));
    warehouse_close(STEAL(f->warehouse));
    f->warehouse = open_as(f, role);
    assert_int_equal(try_begin(f, f->warehouse, 1, false), ERR_DENIED);
    assert_non_null(strstr(f->err.hint, "create schema tote authorization"));
    admin(f, arena_printf(f->arena, "create schema tote authorization %s", role));
    ASSERT_OK(try_begin(f, f->warehouse, 1, false));
    assert_int_equal(warehouse_define(f->warehouse, tables, TABLE_COUNT, &f->err), ERR_DENIED);
    assert_non_null(strstr(f->err.hint, "grant usage, create on schema public"));
    warehouse_close(STEAL(f->warehouse));
    admin(f, arena_printf(f->arena, "drop owned by %s; drop role %s", role, role));
}

struct racer {
    struct fixture *f;
    struct warehouse *warehouse;
    enum err_code code;
};

static void *race(void *arg)
{
    struct racer *racer = arg;
    struct fixture own = *racer->f;
    racer->code = try_begin(&own, racer->warehouse, 2, false);
    return NULL;
}

/* Else two runners would load the same batch. */
static void test_two_loaders_at_once(void **state)
{
    struct fixture *f = *state;
    struct racer racer = {.f = f, .warehouse = open_as(f, NULL)};
    pthread_t thread;

    begin(f, 1);
    load_staff(f);
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    begin(f, 2);
    load_sales(f, 2, 1, 3);
    assert_int_equal(pthread_create(&thread, NULL, race, &racer), 0);
    (void)usleep(100000); /* the other one waits now */
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(racer.code, ERR_CONFLICT);
    warehouse_close(racer.warehouse);
    assert_rows(f, "select count(*) from fact_sale", "3\n");
}

/* Else a server that goes away in the middle would leave half a batch, or hang us. */
static void test_a_server_that_goes_away(void **state)
{
    struct fixture *f = *state;

    begin(f, 1);
    load_staff(f);
    admin(
        f,
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
        "and pid <> pg_backend_pid()");
    enum err_code code = try_load(f, &tables[SALE], 100000, sales(f, 1, 1, 100000));
    assert_int_equal(code, ERR_UNAVAILABLE);
    assert_non_null(strstr(f->err.message, "terminat"));
    warehouse_close(STEAL(f->warehouse));
    f->warehouse = open_as(f, NULL);
    assert_rows(f, "select to_regclass('fact_sale')", "NULL\n");
    begin(f, 1);
    load_staff(f);
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
}

/* Else a mirror of a database with foreign keys in any order, to unique keys too, would not load.
 */
static void test_references_of_mirrors(void **state)
{
    struct fixture *f = *state;
    static const struct warehouse_column columns[] = {
        {.name = "id", .type = "INTEGER", .not_null = true},
        {.name = "code", .type = "VARCHAR"},
        {.name = "other", .type = "VARCHAR"},
    };
    static const char *key[] = {"id"};
    static const char *code[] = {"code"};
    static const char *other[] = {"other"};
    static const struct warehouse_reference to_b[] = {
        {.columns = other, .table = "b", .target_columns = code, .count = 1}};
    static const struct warehouse_reference to_a[] = {
        {.columns = other, .table = "a", .target_columns = code, .count = 1},
        {.columns = key, .table = "a", .target_columns = key, .count = 1}};
    const struct warehouse_table mirrors[] = {
        {.name = "a",
         .kind = WAREHOUSE_MIRROR,
         .columns = columns,
         .column_count = 3,
         .key = key,
         .key_count = 1,
         .references = to_b,
         .reference_count = 1},
        {.name = "b",
         .kind = WAREHOUSE_MIRROR,
         .columns = columns,
         .column_count = 3,
         .key = key,
         .key_count = 1,
         .references = to_a,
         .reference_count = 2},
    };

    ASSERT_OK(try_begin(f, f->warehouse, 1, false));
    ASSERT_OK(warehouse_define(f->warehouse, mirrors, 2, &f->err));
    ASSERT_OK(
        try_load(f, &mirrors[0], 1, "select 1::integer id, 'x' code, 'y' other, false _deleted"));
    ASSERT_OK(
        try_load(f, &mirrors[1], 1, "select 1::integer id, 'y' code, 'x' other, false _deleted"));
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_rows(f,
                "select conrelid::regclass, contype, conkey, condeferred, convalidated from "
                "pg_constraint where "
                "conrelid::regclass::text in ('a', 'b') order by 1, 2, 3",
                "a|f|{3}|t|t\na|p|{1}|f|t\na|u|{2}|f|t\n"
                "b|f|{1}|t|t\nb|f|{3}|t|t\nb|p|{1}|f|t\nb|u|{2}|f|t\n");
    /* a parent goes before the child that named it: only the end counts */
    ASSERT_OK(try_begin(f, f->warehouse, 2, false));
    ASSERT_OK(warehouse_define(f->warehouse, mirrors, 2, &f->err));
    ASSERT_OK(
        try_load(f, &mirrors[0], 1, "select 1::integer id, 'x' code, 'y' other, true _deleted"));
    ASSERT_OK(
        try_load(f, &mirrors[1], 1, "select 1::integer id, 'y' code, 'x' other, true _deleted"));
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_rows(f, "select (select count(*) from a), (select count(*) from b)", "0|0\n");
    ASSERT_OK(try_begin(f, f->warehouse, 3, false));
    ASSERT_OK(warehouse_define(f->warehouse, mirrors, 2, &f->err));
    ASSERT_OK(try_load(f, &mirrors[0], 1,
                       "select 1::integer id, 'x' code, 'gone' other, false _deleted"));
    assert_int_equal(warehouse_commit(f->warehouse, &f->err), ERR_DATA);
    assert_non_null(strstr(f->err.message, "gone"));
}

/* Else a model whose type changes could never be loaded again. */
static void test_a_rebuild_remakes_tables_of_ours(void **state)
{
    struct fixture *f = *state;
    struct warehouse_column columns[2];
    struct warehouse_table changed[TABLE_COUNT];

    begin(f, 1);
    load_staff(f);
    load_sales(f, 1, 1, 3);
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    memcpy(columns, staff_columns, sizeof columns);
    memcpy(changed, tables, sizeof changed);
    columns[1].type = "BIGINT";
    changed[STAFF].columns = columns;
    ASSERT_OK(try_begin(f, f->warehouse, 2, true));
    ASSERT_OK(warehouse_define(f->warehouse, changed, TABLE_COUNT, &f->err));
    ASSERT_OK(try_load(f, &changed[STAFF], 2,
                       "select n::integer staff_id, n::bigint as name from range(1, 3) r(n)"));
    ASSERT_OK(try_load(f, &changed[SALE], 1, sales(f, 2, 5, 1)));
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_rows(f, "select staff_id, pg_typeof(name) from dim_staff order by 1",
                "1|bigint\n2|bigint\n");
    assert_rows(f, "select record_id, sale_id from fact_sale", "1|5\n");
    assert_rows(f, keys_of_sale, "fact_sale_pkey|p|t\nfact_sale_staff_id_fkey|f|t\n");
}

/* Else a table that somebody dropped would silently start anew, without its past. */
static void test_a_table_that_is_gone_is_missed(void **state)
{
    struct fixture *f = *state;

    begin(f, 1);
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    admin(f, "drop table fact_sale cascade");
    ASSERT_OK(try_begin(f, f->warehouse, 2, false));
    assert_int_equal(warehouse_define(f->warehouse, tables, TABLE_COUNT, &f->err), ERR_WAREHOUSE);
    assert_non_null(strstr(f->err.message, "'fact_sale'"));
}

/* Else what cannot be used would be bent to fit. */
static void test_a_table_of_another_shape_is_refused(void **state)
{
    static const struct {
        const char *ddl;
        const char *word;
    } cases[] = {
        {"create table dim_staff (staff_id bigint primary key, name text)", "'staff_id'"},
        {"create table dim_staff (staff_id integer primary key, name text, must integer not null)",
         "'must'"},
        {"create view dim_staff as select 1 as staff_id, 'x'::text as name", "no table"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        admin(f, cases[i].ddl);
        ASSERT_OK(try_begin(f, f->warehouse, 1, false));
        assert_int_equal(warehouse_define(f->warehouse, tables, TABLE_COUNT, &f->err),
                         ERR_WAREHOUSE);
        assert_non_null(strstr(f->err.message, cases[i].word));
        warehouse_rollback(f->warehouse);
        admin(f, i == 2 ? "drop view dim_staff" : "drop table dim_staff");
    }
    admin(f, "create table dim_staff (staff_id integer, name text)");
    for (uint64_t batch = 1; batch < 3; batch++) {
        ASSERT_OK(try_begin(f, f->warehouse, batch, false));
        ASSERT_OK(warehouse_define(f->warehouse, tables, 1, &f->err));
        if (batch == 1) {
            load_staff(f);
            ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
        }
    }
    assert_int_equal(try_load(f, &tables[STAFF], 1, "select 1::integer staff_id, 'x' as name"),
                     ERR_WAREHOUSE);
    assert_non_null(strstr(f->err.hint, "primary key"));
}

/* Else a value that the type cannot hold would be cut or wrapped. */
static void test_values_that_do_not_fit_are_refused(void **state)
{
    static const char *const values[] = {"'25:00:00'", "'1:00:00'", "'12:00:00.1234567'", "'noon'"};
    static const struct warehouse_column columns[] = {
        {.name = "n", .type = "INTEGER", .not_null = true},
        {.name = "at", .type = "VARCHAR", .warehouse_type = "time"},
    };
    static const char *key[] = {"n"};
    const struct warehouse_table table = {.name = "times",
                                          .kind = WAREHOUSE_DIMENSION,
                                          .columns = columns,
                                          .column_count = 2,
                                          .key = key,
                                          .key_count = 1};
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(values); i++) {
        ASSERT_OK(try_begin(f, f->warehouse, 1, false));
        ASSERT_OK(warehouse_define(f->warehouse, &table, 1, &f->err));
        assert_int_equal(
            try_load(f, &table, 1,
                     arena_printf(f->arena, "select 1::integer n, %s as \"at\"", values[i])),
            ERR_DATA);
        assert_non_null(strstr(f->err.message, "'at'"));
        /* the connection can be used on */
        warehouse_rollback(f->warehouse);
    }
    ASSERT_OK(try_begin(f, f->warehouse, 1, false));
    ASSERT_OK(warehouse_define(f->warehouse, &table, 1, &f->err));
    assert_int_equal(try_load(f, &table, 1, "select 1::bigint n, 1::integer as \"at\""), ERR_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
        TEST(test_nothing_shows_before_commit),
        TEST(test_a_canonical_warehouse_is_used),
        TEST(test_a_large_batch_is_checked_as_a_set),
        TEST(test_a_reader_does_not_stop_a_large_batch),
        TEST(test_a_very_large_first_batch),
        TEST(test_answers_are_left_for_servers),
        TEST(test_tables_of_another_role),
        TEST(test_a_missing_privilege_says_what_to_grant),
        TEST(test_two_loaders_at_once),
        TEST(test_a_server_that_goes_away),
        TEST(test_references_of_mirrors),
        TEST(test_a_rebuild_remakes_tables_of_ours),
        TEST(test_a_table_that_is_gone_is_missed),
        TEST(test_a_table_of_another_shape_is_refused),
        TEST(test_values_that_do_not_fit_are_refused),
#undef TEST
    };

    if (!getenv("TOTE_TEST_PG")) {
        (void)fprintf(stderr, "TOTE_TEST_PG is not set: run me by tools/with_postgres.sh\n");
        return 1;
    }
    return cmocka_run_group_tests_name("postgres_warehouse", tests, NULL, NULL);
}
