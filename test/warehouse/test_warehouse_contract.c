/* What warehouse/warehouse.h promises, asked of both drivers by the same tests: whoever reads the
 * warehouse must find the same rows, once, whichever it is. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "duck/duck.h"
#include "lib/unit.h"
#include "pg/pg.h"
#include "warehouse/warehouse.h"

struct driver {
    const char *name;
    bool postgres;
};

struct fixture {
    const struct driver *driver;
    struct work_dir *dir;
    struct arena *arena;
    struct duck *writer; /* makes Parquet files */
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

static void on_server(struct fixture *f, const char *format)
{
    const struct pg_options options = {.url = getenv("TOTE_TEST_PG"), .role = "test"};
    CLEANUP(pg_close) struct pg *pg = NULL;
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};

    ASSERT_OK(pg_open(&options, &pg, &f->err));
    buf_add_text(&sql, format);
    pg_ident(&sql, f->database);
    ASSERT_OK(pg_exec(pg, sql.data, &f->err));
}

static void open_warehouse(struct fixture *f)
{
    const char *dirs[] = {work_dir_path(f->dir), NULL};
    const struct warehouse_config config = {
        .url = f->driver->postgres
                   ? arena_printf(f->arena, "%s dbname=%s", getenv("TOTE_TEST_PG"), f->database)
                   : arena_printf(f->arena, "duckdb:%s/w.duckdb", work_dir_path(f->dir)),
        .memory_bytes = UINT64_C(128) << 20,
        .threads = 2,
        .work_dir = work_dir_path(f->dir),
        .read_dirs = dirs,
    };
    ASSERT_OK(warehouse_open(&config, &f->warehouse, &f->err));
}

static int setup(void **state)
{
    static unsigned number;
    struct fixture *f = mem_zalloc(1, sizeof *f);

    f->driver = *state;
    f->arena = arena_new(0);
    ASSERT_OK(work_dir_open(NULL, &f->dir, &f->err));
    (void)snprintf(f->database, sizeof f->database, "contract_%d_%u", (int)getpid(), ++number);
    if (f->driver->postgres)
        on_server(f, "create database ");
    open_warehouse(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    warehouse_close(f->warehouse);
    if (f->driver->postgres)
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

static bool join_cells(void *arg, size_t column_count, const char *const *names,
                       const struct span *cells)
{
    struct buf *out = arg;

    (void)names;
    for (size_t i = 0; i < column_count; i++) {
        if (cells[i].data)
            buf_add(out, cells[i].data, cells[i].size);
        else
            buf_add_text(out, "NULL");
        buf_add_char(out, i + 1 < column_count ? '|' : '\n');
    }
    return true;
}

static void assert_rows(struct fixture *f, const char *sql, const char *expected)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};

    if (warehouse_query(f->warehouse, sql, NULL, 0, join_cells, &out, &f->err) != ERR_OK)
        fail_msg("%s: %s", sql, f->err.message);
    assert_string_equal(buf_text(&out), expected);
}

/* --- the tables of the tests --- */

static const struct warehouse_column staff_columns[] = {
    {.name = "staff_id", .type = "INTEGER", .not_null = true},
    {.name = "name", .type = "VARCHAR", .not_null = true, .comment = "what it's called"},
    {.name = "location", .type = "VARCHAR"},
};
static const char *staff_key[] = {"staff_id"};
static const struct warehouse_column sale_columns[] = {
    {.name = "sale_id", .type = "INTEGER", .not_null = true},
    {.name = "staff_id", .type = "INTEGER", .not_null = true},
    {.name = "amount", .type = "DECIMAL(10,2)"},
    {.name = "at", .type = "VARCHAR", .warehouse_type = "time"},
};
static const char *sale_key[] = {"sale_id"};
static const struct warehouse_reference sale_references[] = {
    {.columns = staff_key, .table = "dim_staff", .target_columns = staff_key, .count = 1}};
static const struct warehouse_column odd_columns[] = {
    {.name = "K.ey \"1\"", .type = "VARCHAR", .not_null = true},
    {.name = "select", .type = "VARCHAR", .warehouse_type = "jsonb"},
    {.name = "Größe", .type = "BIGINT"},
};
static const char *odd_key[] = {"K.ey \"1\""};

enum {
    STAFF,
    SALE,
    ODD,
    TABLE_COUNT
};
static const struct warehouse_table tables[TABLE_COUNT] = {
    [STAFF] = {.name = "dim_staff",
               .kind = WAREHOUSE_DIMENSION,
               .comment = "who sells",
               .columns = staff_columns,
               .column_count = COUNT_OF(staff_columns),
               .key = staff_key,
               .key_count = 1},
    [SALE] = {.name = "fact_sale",
              .kind = WAREHOUSE_FACT,
              .record_id = "sale_record_id",
              .columns = sale_columns,
              .column_count = COUNT_OF(sale_columns),
              .key = sale_key,
              .key_count = 1,
              .references = sale_references,
              .reference_count = 1},
    [ODD] = {.name = "Odd \"Table\".x",
             .kind = WAREHOUSE_MIRROR,
             .columns = odd_columns,
             .column_count = COUNT_OF(odd_columns),
             .key = odd_key,
             .key_count = 1},
};

static struct warehouse_batch batch_of(uint64_t number, const char *generation, bool rebuild)
{
    return (struct warehouse_batch){.lake = "lake",
                                    .generation = generation,
                                    .batch = number,
                                    .captured_us = (int64_t)number * 86400000000,
                                    .rebuild = rebuild};
}

static void begin(struct fixture *f, uint64_t number, bool rebuild)
{
    const struct warehouse_batch batch = batch_of(number, rebuild ? "g2" : "g1", rebuild);
    ASSERT_OK(warehouse_begin(f->warehouse, &batch, &f->err));
    ASSERT_OK(warehouse_define(f->warehouse, tables, TABLE_COUNT, &f->err));
}

static struct warehouse_load_result load(struct fixture *f, int table, uint64_t rows,
                                         const char *select)
{
    const char *paths[] = {parquet(f, select)};
    struct warehouse_load_result result = {0};
    ASSERT_OK(warehouse_load(f->warehouse, &tables[table], paths, 1, rows, &result, &f->err));
    return result;
}

static void load_first(struct fixture *f)
{
    begin(f, 1, false);
    (void)load(f, STAFF, 2,
               "select 1::integer staff_id, 'Ann' as name, 'Leeds' as location "
               "union all select 2, '', null order by 1");
    (void)load(
        f, SALE, 2,
        "select 10::integer sale_id, 1::integer staff_id, 1.50::decimal(10,2) amount, "
        "'09:30:00.123456' as \"at\", 1::bigint batch_id, timestamp '1970-01-02' captured_at, "
        "false deleted union all select 11, 2, -0.01, '24:00:00', 1, timestamp '1970-01-02', false "
        "order by 1");
    (void)load(
        f, ODD, 2,
        "select 'a' as \"K.ey \"\"1\"\"\", '{\"b\": 1}' as \"select\", 7::bigint as \"Größe\", "
        "false as _deleted union all select 'b', null, null, false order by 1");
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
}

static void assert_first(struct fixture *f)
{
    assert_rows(f, "select staff_id, name, location from dim_staff order by 1",
                "1|Ann|Leeds\n2||NULL\n");
    assert_rows(
        f,
        "select sale_record_id, sale_id, staff_id, amount, batch_id, captured_at = timestamp "
        "'1970-01-02' from fact_sale order by 1",
        f->driver->postgres ? "1|10|1|1.50|1|t\n2|11|2|-0.01|1|t\n"
                            : "1|10|1|1.50|1|true\n2|11|2|-0.01|1|true\n");
    assert_rows(f, "select \"K.ey \"\"1\"\"\", \"Größe\" from \"Odd \"\"Table\"\".x\" order by 1",
                "a|7\nb|NULL\n");
}

/* --- tests --- */

/* Else a first load would leave out or bend rows. */
static void test_first_load(void **state)
{
    struct fixture *f = *state;
    uint64_t head;
    const char *generation;

    ASSERT_OK(warehouse_ledger_head(f->warehouse, "lake", f->arena, &head, &generation, &f->err));
    assert_int_equal(head, 0);
    assert_string_equal(generation, "");
    load_first(f);
    assert_first(f);
    assert_rows(f, "select sale_id from fact_sale where \"at\" = time '09:30:00.123456'", "10\n");
    ASSERT_OK(warehouse_ledger_head(f->warehouse, "lake", f->arena, &head, &generation, &f->err));
    assert_int_equal(head, 1);
    assert_string_equal(generation, "g1");
    assert_rows(f, "select lake, generation, batch, cast(captured_at as date) from tote.batch",
                "lake|g1|1|1970-01-02\n");
}

/* Else a step that is run again would double every row. */
static void test_a_batch_is_loaded_once(void **state)
{
    struct fixture *f = *state;
    const struct warehouse_batch again = batch_of(1, "g1", false);
    const struct warehouse_batch gap = batch_of(3, "g1", false);

    load_first(f);
    assert_int_equal(warehouse_begin(f->warehouse, &again, &f->err), ERR_CONFLICT);
    assert_int_equal(warehouse_begin(f->warehouse, &gap, &f->err), ERR_CONFLICT);
    assert_first(f);
    /* nothing was begun by those two */
    begin(f, 2, false);
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_first(f);
}

/* Else a load that was interrupted would leave half a batch behind. */
static void test_what_is_not_committed_never_was(void **state)
{
    struct fixture *f = *state;
    uint64_t head;
    const char *generation;

    load_first(f);
    begin(f, 2, false);
    (void)load(f, STAFF, 1, "select 3::integer staff_id, 'Cy' as name, null::varchar as location");
    warehouse_rollback(f->warehouse);
    assert_first(f);
    begin(f, 2, false);
    (void)load(f, STAFF, 1, "select 4::integer staff_id, 'Di' as name, null::varchar as location");
    warehouse_close(STEAL(f->warehouse));
    open_warehouse(f);
    assert_first(f);
    ASSERT_OK(warehouse_ledger_head(f->warehouse, "lake", f->arena, &head, &generation, &f->err));
    assert_int_equal(head, 1);
}

/* Else readers would see old content, or lose history. */
static void test_versions_of_a_fact(void **state)
{
    struct fixture *f = *state;

    load_first(f);
    begin(f, 2, false);
    (void)load(f, SALE, 2,
               "select 10::integer sale_id, 1::integer staff_id, 2.00::decimal(10,2) amount, "
               "'10:00:00' as "
               "\"at\", 2::bigint batch_id, timestamp '1970-01-03' captured_at, false deleted "
               "union all select 11, 2, -0.01, null, 2, timestamp '1970-01-03', true order by 1");
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_rows(f, "select sale_id, amount, batch_id from fact_sale_current order by 1",
                "10|2.00|2\n");
    assert_rows(
        f,
        "select sale_id, amount, batch_id, cast(valid_from as date), cast(valid_to as date) "
        "from fact_sale_history order by 1, 3",
        "10|1.50|1|1970-01-02|1970-01-03\n10|2.00|2|1970-01-03|NULL\n"
        "11|-0.01|1|1970-01-02|1970-01-03\n11|-0.01|2|1970-01-03|NULL\n");
    assert_rows(f, "select count(distinct sale_record_id) from fact_sale", "4\n");
}

/* Else a dimension would show what was, or lose keys that facts still name. */
static void test_a_dimension_shows_the_latest(void **state)
{
    struct fixture *f = *state;

    load_first(f);
    begin(f, 2, false);
    struct warehouse_load_result result =
        load(f, STAFF, 3,
             "select 1::integer staff_id, 'Ann' as name, 'York' as location union all "
             "select 2, '', null union all select 3, 'Cy', null order by 1");
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_int_equal(result.rows_inserted, 1);
    assert_true(result.rows_updated >= 1);
    assert_rows(f, "select staff_id, name, location from dim_staff order by 1",
                "1|Ann|York\n2||NULL\n3|Cy|NULL\n");
}

/* Else a mirror would keep what the source deleted. */
static void test_a_mirror_follows_deletes(void **state)
{
    struct fixture *f = *state;

    load_first(f);
    begin(f, 2, false);
    struct warehouse_load_result result = load(
        f, ODD, 3,
        "select 'a' as \"K.ey \"\"1\"\"\", null as \"select\", null::bigint as \"Größe\", true as "
        "_deleted union all select 'b', '[]', 1, false union all select 'c', null, 2, false order "
        "by 1");
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_int_equal(result.rows_deleted, 1);
    assert_int_equal(result.rows_updated, 1);
    assert_int_equal(result.rows_inserted, 1);
    assert_rows(f, "select \"K.ey \"\"1\"\"\", \"Größe\" from \"Odd \"\"Table\"\".x\" order by 1",
                "b|1\nc|2\n");
}

/* Else joins would silently drop rows. */
static void test_a_reference_to_nothing_is_refused(void **state)
{
    struct fixture *f = *state;
    struct warehouse_load_result result;

    load_first(f);
    begin(f, 2, false);
    const char *paths[] = {
        parquet(f, "select 12::integer sale_id, 99::integer staff_id, null::decimal(10,2) "
                   "amount, null::varchar as \"at\", 2::bigint batch_id, timestamp "
                   "'1970-01-03' captured_at, false deleted")};
    enum err_code code = warehouse_load(f->warehouse, &tables[SALE], paths, 1, 1, &result, &f->err);
    if (code == ERR_OK)
        code = warehouse_commit(f->warehouse, &f->err);
    assert_int_equal(code, ERR_DATA);
    assert_non_null(strstr(f->err.message, "99"));
    assert_non_null(strstr(f->err.message, "dim_staff"));
    warehouse_rollback(f->warehouse);
    assert_first(f);
}

/* Else a rebuilt warehouse would hold old rows beside the new ones. */
static void test_a_rebuild_replaces_everything(void **state)
{
    struct fixture *f = *state;
    const struct warehouse_batch again = batch_of(5, "g2", true);
    uint64_t head;
    const char *generation;

    load_first(f);
    begin(f, 5, true);
    (void)load(f, STAFF, 1, "select 7::integer staff_id, 'Flo' as name, null::varchar as location");
    (void)load(f, SALE, 1,
               "select 70::integer sale_id, 7::integer staff_id, null::decimal(10,2) amount, "
               "null::varchar as "
               "\"at\", 5::bigint batch_id, timestamp '1970-01-06' captured_at, false deleted");
    (void)load(f, ODD, 1,
               "select 'z' as \"K.ey \"\"1\"\"\", null::varchar as \"select\", 9::bigint as "
               "\"Größe\", false as _deleted");
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_rows(f, "select staff_id from dim_staff", "7\n");
    assert_rows(f, "select sale_record_id, sale_id, staff_id from fact_sale", "1|70|7\n");
    assert_rows(f, "select \"K.ey \"\"1\"\"\" from \"Odd \"\"Table\"\".x\"", "z\n");
    ASSERT_OK(warehouse_ledger_head(f->warehouse, "lake", f->arena, &head, &generation, &f->err));
    assert_int_equal(head, 5);
    assert_string_equal(generation, "g2");
    assert_rows(f, "select count(*) from tote.batch", "1\n");
    assert_int_equal(warehouse_begin(f->warehouse, &again, &f->err), ERR_CONFLICT);
    begin(f, 6, false);
    (void)load(f, SALE, 1,
               "select 71::integer sale_id, 7::integer staff_id, null::decimal(10,2) amount, "
               "null::varchar as "
               "\"at\", 6::bigint batch_id, timestamp '1970-01-07' captured_at, false deleted");
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_rows(f, "select count(*), count(distinct sale_record_id) from fact_sale", "2|2\n");
}

/* Else the views of a fact would hide what the model has learnt since. */
static void test_a_fact_that_grows(void **state)
{
    struct fixture *f = *state;
    struct warehouse_column columns[5];
    struct warehouse_table changed[2] = {tables[STAFF], tables[SALE]};
    struct warehouse_load_result result;
    const struct warehouse_batch batch = batch_of(2, "g1", false);

    load_first(f);
    memcpy(columns, sale_columns, sizeof sale_columns);
    columns[4] = (struct warehouse_column){.name = "note", .type = "VARCHAR", .comment = "why"};
    changed[1].columns = columns;
    changed[1].column_count = 5;
    ASSERT_OK(warehouse_begin(f->warehouse, &batch, &f->err));
    ASSERT_OK(warehouse_define(f->warehouse, changed, 2, &f->err));
    const char *paths[] = {parquet(
        f, "select 10::integer sale_id, 1::integer staff_id, 2.00::decimal(10,2) amount, "
           "'10:00:00' as \"at\", 'gift' as note, 2::bigint batch_id, timestamp '1970-01-03' "
           "captured_at, false deleted")};
    ASSERT_OK(warehouse_load(f->warehouse, &changed[1], paths, 1, 1, &result, &f->err));
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_rows(f, "select sale_id, note from fact_sale_current order by 1", "10|gift\n11|NULL\n");
    assert_rows(f, "select batch_id, note from fact_sale_history where sale_id = 10 order by 1",
                "1|NULL\n2|gift\n");
}

/* Else a model could not grow, or a change of type would bend values. */
static void test_a_model_that_changes(void **state)
{
    struct fixture *f = *state;
    struct warehouse_column columns[4];
    struct warehouse_table changed = tables[STAFF];
    struct warehouse_load_result result;
    struct warehouse_batch batch = batch_of(2, "g1", false);

    load_first(f);
    memcpy(columns, staff_columns, sizeof staff_columns);
    columns[3] = (struct warehouse_column){.name = "team", .type = "VARCHAR"};
    changed.columns = columns;
    changed.column_count = 4;
    ASSERT_OK(warehouse_begin(f->warehouse, &batch, &f->err));
    ASSERT_OK(warehouse_define(f->warehouse, &changed, 1, &f->err));
    const char *paths[] = {
        parquet(f, "select 2::integer staff_id, 'Bo' as name, null::varchar as location, "
                   "'blue' as team")};
    ASSERT_OK(warehouse_load(f->warehouse, &changed, paths, 1, 1, &result, &f->err));
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_rows(f, "select staff_id, name, team from dim_staff order by 1",
                "1|Ann|NULL\n2|Bo|blue\n");
    columns[1].type = "BIGINT";
    batch = batch_of(3, "g1", false);
    ASSERT_OK(warehouse_begin(f->warehouse, &batch, &f->err));
    assert_int_equal(warehouse_define(f->warehouse, &changed, 1, &f->err), ERR_WAREHOUSE);
    assert_non_null(strstr(f->err.message, "'name'"));
    assert_non_null(strstr(f->err.message, "'dim_staff'"));
    warehouse_rollback(f->warehouse);
    assert_rows(f, "select staff_id, name, team from dim_staff order by 1",
                "1|Ann|NULL\n2|Bo|blue\n");
}

static const struct {
    const char *type;
    const char *warehouse_type;
    const char *values; /* in DuckDB */
    const char *check;  /* true in both dialects for each row, of column v and row number n */
} every_type[] = {
    {"BOOLEAN", NULL, "true, false", "v = (n = 1)"},
    {"SMALLINT", NULL, "-32768, 32767", "v = case n when 1 then -32768 else 32767 end"},
    {"INTEGER", NULL, "-2147483648, 2147483647",
     "v = case n when 1 then -2147483648 else 2147483647 end"},
    {"BIGINT", NULL, "-9223372036854775808, 9223372036854775807",
     "v = case n when 1 then -9223372036854775808 else 9223372036854775807 end"},
    {"DECIMAL(4,1)", NULL, "-999.9, 0.1", "v = case n when 1 then -999.9 else 0.1 end"},
    {"DECIMAL(9,4)", NULL, "-0.0001, 99999.9999",
     "v = case n when 1 then -0.0001 else 99999.9999 end"},
    {"DECIMAL(18,3)", NULL, "'-999999999999999.999', '0'",
     "v = case n when 1 then -999999999999999.999 else 0 end"},
    {"DECIMAL(38,0)", NULL,
     "'-99999999999999999999999999999999999999', '10000000000000000000000000000'",
     "v = case n when 1 then -99999999999999999999999999999999999999 else "
     "10000000000000000000000000000 end"},
    {"DECIMAL(38,37)", NULL,
     "'-9.9999999999999999999999999999999999999', '0.0000000000000000000000000000000000001'",
     "v = case n when 1 then -9.9999999999999999999999999999999999999 else "
     "0.0000000000000000000000000000000000001 end"},
    {"DECIMAL(38,38)", NULL, "'-0.00000000000000000000000000000000000001', '0.5'",
     "v = case n when 1 then -0.00000000000000000000000000000000000001 else 0.5 end"},
    {"FLOAT", NULL, "'1.17549435e-38', 'Infinity'",
     "v = cast(case n when 1 then '1.17549435e-38' else 'Infinity' end as real)"},
    {"DOUBLE", NULL, "'4.9e-324', 'NaN'",
     "v = cast(case n when 1 then '4.9e-324' else 'NaN' end as double precision)"},
    {"VARCHAR", NULL, "'', repeat('ü😀', 100000)",
     "length(v) = case n when 1 then 0 else 200000 end"},
    {"DATE", NULL, "'0044-03-15 (BC)', 'infinity'",
     "cast(v as varchar) = case n when 1 then '0044-03-15 BC' else 'infinity' end or "
     "cast(v as varchar) = '0044-03-15 (BC)'"},
    {"DATE", NULL, "'9999-12-31', '-infinity'",
     "v = cast(case n when 1 then '9999-12-31' else '-infinity' end as date)"},
    {"TIMESTAMP", NULL, "'2024-11-15 14:40:00.123456', 'infinity'",
     "v = cast(case n when 1 then '2024-11-15 14:40:00.123456' else 'infinity' end as timestamp)"},
    {"TIMESTAMP", NULL, "'0001-01-01 00:00:00', '-infinity'",
     "v = cast(case n when 1 then '0001-01-01 00:00:00' else '-infinity' end as timestamp)"},
    {"TIMESTAMP WITH TIME ZONE", NULL, "'1969-12-31 23:59:59.999999+00', '2024-03-31 03:00:00+02'",
     "v = cast(case n when 1 then '1969-12-31 23:59:59.999999+00' else '2024-03-31 01:00:00+00' "
     "end as "
     "timestamp with time zone)"},
    {"VARCHAR", "time", "'00:00:00', '23:59:59.999999'",
     "v = cast(case n when 1 then '00:00:00' else '23:59:59.999999' end as time)"},
    {"VARCHAR", "uuid",
     "'00000000-0000-0000-0000-000000000000', 'ffeeddcc-bbaa-9988-7766-554433221100'",
     "cast(v as varchar) = case n when 1 then '00000000-0000-0000-0000-000000000000' else "
     "'ffeeddcc-bbaa-9988-7766-554433221100' end"},
    {"VARCHAR", "json", "'{\"a\":  1.50}', '[]'",
     "cast(v as varchar) = case n when 1 then '{\"a\":  1.50}' else '[]' end"},
    {"VARCHAR", "jsonb", "'[1]', 'null'",
     "cast(v as varchar) = case n when 1 then '[1]' else 'null' end"},
    {"BLOB", NULL, "'\\x00\\xFF', ''", "octet_length(v) = case n when 1 then 2 else 0 end"},
};

/* Else a value would be bent on its way. */
static void test_every_type_arrives_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct warehouse_column columns[COUNT_OF(every_type) + 1] = {
        {.name = "n", .type = "INTEGER", .not_null = true}};
    const char *key[] = {"n"};
    struct warehouse_table table = {.name = "types",
                                    .kind = WAREHOUSE_DIMENSION,
                                    .columns = columns,
                                    .column_count = COUNT_OF(columns),
                                    .key = key,
                                    .key_count = 1};
    const struct warehouse_batch batch = batch_of(1, "g1", false);
    struct warehouse_load_result result;
    CLEANUP_IN_PLACE(buf_release) struct buf select = {0};

    buf_add_text(&select, "select n::integer as n");
    for (size_t i = 0; i < COUNT_OF(every_type); i++) {
        columns[i + 1] = (struct warehouse_column){.name = arena_printf(f->arena, "v%zu", i),
                                                   .type = every_type[i].type,
                                                   .warehouse_type = every_type[i].warehouse_type};
        buf_addf(&select, ", case when n < 3 then cast((list_value(%s))[n] as %s) end as v%zu",
                 every_type[i].values, every_type[i].type, i);
    }
    buf_add_text(&select, " from range(1, 4) r(n) order by n");
    const char *paths[] = {parquet(f, select.data)};
    ASSERT_OK(warehouse_begin(f->warehouse, &batch, &f->err));
    ASSERT_OK(warehouse_define(f->warehouse, &table, 1, &f->err));
    ASSERT_OK(warehouse_load(f->warehouse, &table, paths, 1, 3, &result, &f->err));
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    for (size_t i = 0; i < COUNT_OF(every_type); i++) {
        char *sql = arena_printf(f->arena,
                                 "select count(*) from (select n, v%zu as v from types) t where (n "
                                 "= 3 and v is null) or (n < 3 and (%s))",
                                 i, every_type[i].check);
        CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
        if (warehouse_query(f->warehouse, sql, NULL, 0, join_cells, &out, &f->err) != ERR_OK)
            fail_msg("%s %s: %s", every_type[i].type, every_type[i].values, f->err.message);
        if (!text_equal(buf_text(&out), "3\n"))
            fail_msg("%s %s: %s rows are right", every_type[i].type, every_type[i].values,
                     buf_text(&out));
    }
}

/* Else reports could change what they report on, or a wrong one would end the program. */
static void test_queries(void **state)
{
    struct fixture *f = *state;
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    const char *params[] = {"2"};

    load_first(f);
    ASSERT_OK(warehouse_query(f->warehouse,
                              "select staff_id from dim_staff where staff_id = cast($1 as integer)",
                              params, 1, join_cells, &out, &f->err));
    assert_string_equal(buf_text(&out), "2\n");
    assert_int_equal(warehouse_query(f->warehouse, "select nothing from nowhere", NULL, 0,
                                     join_cells, &out, &f->err),
                     ERR_WAREHOUSE);
    assert_first(f);
    unsigned done = 1;
    ASSERT_OK(warehouse_maintain(f->warehouse, &done, &f->err));
    assert_int_equal(done, 0);
    bool wanted = true;
    CLEANUP_IN_PLACE(buf_release) struct buf answers = {0};
    ASSERT_OK(warehouse_is_large(f->warehouse, &wanted, &f->err));
    assert_false(wanted); /* it is small */
    ASSERT_OK(warehouse_find_answers(f->warehouse, "whose", &answers, &f->err));
    assert_int_equal(answers.size, 0);
}

static const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    TEST(test_first_load),
    TEST(test_a_batch_is_loaded_once),
    TEST(test_what_is_not_committed_never_was),
    TEST(test_versions_of_a_fact),
    TEST(test_a_dimension_shows_the_latest),
    TEST(test_a_mirror_follows_deletes),
    TEST(test_a_reference_to_nothing_is_refused),
    TEST(test_a_rebuild_replaces_everything),
    TEST(test_a_fact_that_grows),
    TEST(test_a_model_that_changes),
    TEST(test_every_type_arrives_as_it_was),
    TEST(test_queries),
#undef TEST
};

int main(void)
{
    static struct driver drivers[] = {{.name = "postgresql", .postgres = true}, {.name = "duckdb"}};
    struct CMUnitTest all[COUNT_OF(drivers) * COUNT_OF(tests)];

    if (!getenv("TOTE_TEST_PG")) {
        (void)fprintf(stderr, "TOTE_TEST_PG is not set: run me by tools/with_postgres.sh\n");
        return 1;
    }
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        all[i] = tests[i % COUNT_OF(tests)];
        all[i].initial_state = &drivers[i / COUNT_OF(tests)];
    }
    return cmocka_run_group_tests(all, NULL, NULL);
}
