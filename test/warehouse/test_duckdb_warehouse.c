/* What only the DuckDB warehouse must prove: that a kill loses nothing and doubles nothing, that a
 * file somebody else made is used or refused, that rows without a parent never get in. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "duck/duck.h"
#include "lib/unit.h"
#include "warehouse/warehouse.h"

struct fixture {
    struct work_dir *dir;
    struct arena *arena;
    struct duck *writer; /* makes Parquet files */
    struct warehouse *warehouse;
    struct err err;
};

#define ASSERT_OK(call)                                \
    do {                                               \
        if ((call) != ERR_OK)                          \
            fail_msg("%s: %s", #call, f->err.message); \
    } while (0)

static const char *path_in(struct fixture *f, const char *name)
{
    return arena_printf(f->arena, "%s/%s", work_dir_path(f->dir), name);
}

static void open_at(struct fixture *f, const char *file, bool read_only)
{
    const char *dirs[] = {work_dir_path(f->dir), NULL};
    const struct warehouse_config config = {
        .url = arena_printf(f->arena, "duckdb:%s", path_in(f, file)),
        .memory_bytes = UINT64_C(128) << 20,
        .threads = 2,
        .work_dir = work_dir_path(f->dir),
        .read_dirs = dirs,
        .read_only = read_only,
    };
    ASSERT_OK(warehouse_open(&config, &f->warehouse, &f->err));
}

static void reopen(struct fixture *f)
{
    warehouse_close(STEAL(f->warehouse));
    open_at(f, "tote.duckdb", false);
}

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(1, sizeof *f);
    f->arena = arena_new(0);
    ASSERT_OK(work_dir_open(NULL, &f->dir, &f->err));
    open_at(f, "tote.duckdb", false);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    warehouse_close(f->warehouse);
    duck_close(f->writer);
    work_dir_close(f->dir);
    arena_free(f->arena);
    free(f);
    return 0;
}

static const char *parquet(struct fixture *f, const char *name, const char *select)
{
    const char *dirs[] = {work_dir_path(f->dir), NULL};
    const struct duck_options options = {.allowed_dirs = dirs, .threads = 1};
    const char *path = path_in(f, name);
    if (!f->writer)
        ASSERT_OK(duck_open(&options, &f->writer, &f->err));
    const char *sql = arena_printf(f->arena, "copy (%s) to '%s' (format parquet)", select, path);
    ASSERT_OK(duck_exec(f->writer, sql, NULL, &f->err));
    return path;
}

static bool join_cells(void *arg, size_t column_count, const char *const *names,
                       const struct span *cells)
{
    (void)names;
    struct buf *out = arg;
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

static void begin_batch(struct fixture *f, uint64_t batch, bool rebuild)
{
    const struct warehouse_batch header = {.lake = "lake",
                                           .generation = "g1",
                                           .batch = batch,
                                           .captured_us = (int64_t)batch * 86400000000,
                                           .rebuild = rebuild};
    ASSERT_OK(warehouse_begin(f->warehouse, &header, &f->err));
}

static uint64_t head_of(struct fixture *f)
{
    uint64_t batch = 99;
    const char *generation;
    ASSERT_OK(warehouse_ledger_head(f->warehouse, "lake", f->arena, &batch, &generation, &f->err));
    return batch;
}

/* A star of one dimension and one fact, and a mirror with a child. */
static const char *staff_key[] = {"staff_id"};
static const char *sale_key[] = {"sale_id"};
static const char *parent_key[] = {"id"};
static const char *child_column[] = {"parent_id"};
static const struct warehouse_column staff_columns[] = {
    {.name = "staff_id", .type = "INTEGER", .not_null = true},
    {.name = "name", .type = "VARCHAR", .comment = "who's who"},
};
static const struct warehouse_column sale_columns[] = {
    {.name = "sale_id", .type = "INTEGER", .not_null = true},
    {.name = "staff_id", .type = "INTEGER"},
    {.name = "price", .type = "DECIMAL(10,2)"},
    {.name = "sold", .type = "VARCHAR", .warehouse_type = "time"},
};
static const struct warehouse_column parent_columns[] = {
    {.name = "id", .type = "BIGINT", .not_null = true},
    {.name = "Text \"x\"", .type = "VARCHAR"},
};
static const struct warehouse_column child_columns[] = {
    {.name = "id", .type = "BIGINT", .not_null = true},
    {.name = "parent_id", .type = "BIGINT"},
};
static const struct warehouse_reference sale_references[] = {
    {.columns = staff_key, .table = "dim_staff", .target_columns = staff_key, .count = 1}};
static const struct warehouse_reference child_references[] = {
    {.columns = child_column, .table = "Parent", .target_columns = parent_key, .count = 1}};
enum {
    STAFF,
    PARENT,
    CHILD,
    SALE,
    TABLES
};
static const struct warehouse_table tables[TABLES] = {
    [STAFF] = {.name = "dim_staff",
               .kind = WAREHOUSE_DIMENSION,
               .comment = "staff",
               .columns = staff_columns,
               .column_count = 2,
               .key = staff_key,
               .key_count = 1},
    [PARENT] = {.name = "Parent",
                .kind = WAREHOUSE_MIRROR,
                .columns = parent_columns,
                .column_count = 2,
                .key = parent_key,
                .key_count = 1},
    [CHILD] = {.name = "child",
               .kind = WAREHOUSE_MIRROR,
               .columns = child_columns,
               .column_count = 2,
               .key = parent_key,
               .key_count = 1,
               .references = child_references,
               .reference_count = 1},
    [SALE] = {.name = "fact_sale",
              .kind = WAREHOUSE_FACT,
              .record_id = "sale_record_id",
              .columns = sale_columns,
              .column_count = 4,
              .key = sale_key,
              .key_count = 1,
              .references = sale_references,
              .reference_count = 1},
};

static struct warehouse_load_result load(struct fixture *f, const struct warehouse_table *table,
                                         uint64_t rows, const char *path)
{
    struct warehouse_load_result result = {0};
    const char *paths[] = {path};
    ASSERT_OK(warehouse_load(f->warehouse, table, paths, 1, rows, &result, &f->err));
    return result;
}

static void first_batch(struct fixture *f)
{
    begin_batch(f, 1, false);
    ASSERT_OK(warehouse_define(f->warehouse, tables, TABLES, &f->err));
    (void)load(f, &tables[STAFF], 2,
               parquet(f, "s1.parquet",
                       "select * from (values (1, 'Ann'), (2, 'Bob')) v(staff_id, name)"));
    (void)load(f, &tables[PARENT], 2,
               parquet(f, "p1.parquet",
                       "select * from (values (1::bigint, 'a', false), (2, '', false)) "
                       "v(id, \"Text \"\"x\"\"\", _deleted)"));
    (void)load(f, &tables[CHILD], 2,
               parquet(f, "c1.parquet",
                       "select * from (values (1::bigint, 1::bigint, false), (2, null, false)) "
                       "v(id, parent_id, _deleted)"));
    (void)load(f, &tables[SALE], 3,
               parquet(f, "f1.parquet",
                       "select *, 1::bigint as batch_id, timestamp '1970-01-02' as captured_at, "
                       "false as deleted from (values (10, 1, 1.5::decimal(10,2), '12:00:00.5'), "
                       "(11, 2, 2.5, '00:00:00'), (12, null, null, null)) v(sale_id, staff_id, "
                       "price, sold)"));
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
}

static void a_batch_arrives_whole(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(head_of(f), 0);
    first_batch(f);
    assert_int_equal(head_of(f), 1);
    assert_rows(f, "select * from fact_sale order by sale_id",
                "1|10|1|1.50|12:00:00.5|1|1970-01-02 00:00:00|false\n"
                "2|11|2|2.50|00:00:00|1|1970-01-02 00:00:00|false\n"
                "3|12|NULL|NULL|NULL|1|1970-01-02 00:00:00|false\n");
    assert_rows(f,
                "select comment from duckdb_columns() where table_name = 'dim_staff' and "
                "column_name = 'name'",
                "who's who\n");
    reopen(f);
    assert_int_equal(head_of(f), 1);
    assert_rows(f, "select lake, generation, batch, captured_at from tote.batch",
                "lake|g1|1|1970-01-02 00:00:00\n");
}

static void second_batch(struct fixture *f)
{
    begin_batch(f, 2, false);
    ASSERT_OK(warehouse_define(f->warehouse, tables, TABLES, &f->err));
    struct warehouse_load_result staff = load(
        f, &tables[STAFF], 2,
        parquet(f, "s2.parquet", "select * from (values (2, 'Bea'), (3, 'Cy')) v(staff_id, name)"));
    assert_int_equal(staff.rows_inserted, 1);
    assert_int_equal(staff.rows_updated, 1);
    /* child before parent: 1 is deleted in both, and 3 appears in both */
    struct warehouse_load_result child =
        load(f, &tables[CHILD], 2,
             parquet(f, "c2.parquet",
                     "select * from (values (1::bigint, null::bigint, true), (3, 3, false)) v(id, "
                     "parent_id, _deleted)"));
    assert_int_equal(child.rows_deleted, 1);
    assert_int_equal(child.rows_inserted, 1);
    struct warehouse_load_result parent =
        load(f, &tables[PARENT], 4,
             parquet(f, "p2.parquet",
                     "select * from (values (1::bigint, null, true), (2, 'new', false), (3, 'c', "
                     "false), (9, null, true)) v(id, \"Text \"\"x\"\"\", _deleted)"));
    assert_int_equal(parent.rows_deleted, 1);
    assert_int_equal(parent.rows_updated, 1);
    assert_int_equal(parent.rows_inserted, 1);
    (void)load(f, &tables[SALE], 2,
               parquet(f, "f2.parquet",
                       "select *, 2::bigint as batch_id, timestamp '1970-01-03' as captured_at "
                       "from (values (10, 3, 9.99::decimal(10,2), '12:00:00', false), (11, 2, 2.5, "
                       "'00:00:00', true)) v(sale_id, staff_id, price, sold, deleted)"));
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
}

static void changes_become_history(void **state)
{
    struct fixture *f = *state;
    first_batch(f);
    second_batch(f);
    assert_rows(f, "select * from dim_staff order by 1", "1|Ann\n2|Bea\n3|Cy\n");
    assert_rows(f, "select * from \"Parent\" order by 1", "2|new\n3|c\n");
    assert_rows(f, "select * from child order by 1", "2|NULL\n3|3\n");
    assert_rows(f, "select sale_record_id, sale_id, price from fact_sale_current order by sale_id",
                "4|10|9.99\n3|12|NULL\n");
    assert_rows(f,
                "select sale_id, batch_id, deleted, valid_from, valid_to from fact_sale_history "
                "order by 1, 2",
                "10|1|false|1970-01-02 00:00:00|1970-01-03 00:00:00\n"
                "10|2|false|1970-01-03 00:00:00|NULL\n"
                "11|1|false|1970-01-02 00:00:00|1970-01-03 00:00:00\n"
                "11|2|true|1970-01-03 00:00:00|NULL\n"
                "12|1|false|1970-01-02 00:00:00|NULL\n");
}

static void a_batch_is_loaded_once_and_in_order(void **state)
{
    struct fixture *f = *state;
    first_batch(f);
    struct warehouse_batch again = {.lake = "lake", .generation = "g1", .batch = 1};
    assert_int_equal(warehouse_begin(f->warehouse, &again, &f->err), ERR_CONFLICT);
    again.batch = 3;
    assert_int_equal(warehouse_begin(f->warehouse, &again, &f->err), ERR_CONFLICT);
    second_batch(f);
    assert_rows(f, "select count(*) from fact_sale", "5\n");
}

static void rows_without_a_parent_are_refused(void **state)
{
    struct fixture *f = *state;
    first_batch(f);
    begin_batch(f, 2, false);
    ASSERT_OK(warehouse_define(f->warehouse, tables, TABLES, &f->err));
    (void)load(
        f, &tables[SALE], 1,
        parquet(
            f, "f2.parquet",
            "select 20 as sale_id, 77 as staff_id, 1::decimal(10,2) as price, '00:00:00' as sold, "
            "2::bigint as batch_id, timestamp '1970-01-03' as captured_at, false as deleted"));
    assert_int_equal(warehouse_commit(f->warehouse, &f->err), ERR_DATA);
    assert_non_null(strstr(f->err.message, "fact_sale"));
    assert_non_null(strstr(f->err.message, "staff_id"));
    assert_non_null(strstr(f->err.message, "77"));
    warehouse_rollback(f->warehouse);
    assert_rows(f, "select count(*) from fact_sale", "3\n");
    assert_int_equal(head_of(f), 1);
    /* a parent that goes while its child stays */
    begin_batch(f, 2, false);
    ASSERT_OK(warehouse_define(f->warehouse, tables, TABLES, &f->err));
    (void)load(
        f, &tables[PARENT], 1,
        parquet(f, "p2.parquet",
                "select 1::bigint as id, null::varchar as \"Text \"\"x\"\"\", true as _deleted"));
    assert_int_equal(warehouse_commit(f->warehouse, &f->err), ERR_DATA);
    assert_non_null(strstr(f->err.message, "child"));
    warehouse_rollback(f->warehouse);
    second_batch(f);
}

static void a_rebuild_replaces_everything(void **state)
{
    struct fixture *f = *state;
    first_batch(f);
    begin_batch(f, 7, true);
    struct warehouse_column columns[] = {
        sale_columns[0], sale_columns[1], {.name = "price", .type = "DECIMAL(12,4)"}};
    struct warehouse_table changed[] = {tables[STAFF], tables[SALE]};
    changed[1].columns = columns;
    changed[1].column_count = 3;
    ASSERT_OK(warehouse_define(f->warehouse, changed, 2, &f->err));
    (void)load(f, &changed[0], 1, parquet(f, "s7.parquet", "select 1 as staff_id, 'Ann' as name"));
    (void)load(
        f, &changed[1], 1,
        parquet(f, "f7.parquet",
                "select 10 as sale_id, 1 as staff_id, 1.2345::decimal(12,4) as price, "
                "1::bigint as batch_id, timestamp '1970-01-02' as captured_at, false as deleted"));
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_int_equal(head_of(f), 7);
    assert_rows(f, "select count(*) from tote.batch", "1\n");
    assert_rows(f, "select * from fact_sale", "1|10|1|1.2345|1|1970-01-02 00:00:00|false\n");
    assert_rows(f, "select * from dim_staff", "1|Ann\n");
    assert_rows(f, "select price from fact_sale_current", "1.2345\n");
}

static void a_new_column_is_added(void **state)
{
    struct fixture *f = *state;
    first_batch(f);
    begin_batch(f, 2, false);
    struct warehouse_column staff[] = {
        staff_columns[0], staff_columns[1], {.name = "grade", .type = "SMALLINT"}};
    struct warehouse_column sale[] = {sale_columns[0],
                                      sale_columns[1],
                                      sale_columns[2],
                                      sale_columns[3],
                                      {.name = "note", .type = "TEXT"}};
    struct warehouse_table wider[] = {tables[STAFF], tables[SALE]};
    wider[0].columns = staff;
    wider[0].column_count = 3;
    wider[1].columns = sale;
    wider[1].column_count = 5;
    ASSERT_OK(warehouse_define(f->warehouse, wider, 2, &f->err));
    (void)load(
        f, &wider[0], 1,
        parquet(f, "s2.parquet", "select 2 as staff_id, 'Bob' as name, 3::smallint as grade"));
    (void)load(
        f, &wider[1], 1,
        parquet(
            f, "f2.parquet",
            "select 10 as sale_id, 2 as staff_id, 1.5::decimal(10,2) as price, '24:00:00' as sold, "
            "'n' as note, 2::bigint as batch_id, timestamp '1970-01-03' as captured_at, "
            "false as deleted"));
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_rows(f, "select * from dim_staff order by 1", "1|Ann|NULL\n2|Bob|3\n");
    assert_rows(f, "select sale_id, sold, note from fact_sale_current order by 1",
                "10|24:00:00|n\n11|00:00:00|NULL\n12|NULL|NULL\n");
    reopen(f);
    assert_rows(f, "select count(*) from fact_sale_history", "4\n");
}

/* Makes a table with another program, as it were. */
static void other_hand(struct fixture *f, const char *sql)
{
    const struct duck_options options = {.path = path_in(f, "tote.duckdb")};
    CLEANUP(duck_close) struct duck *duck = NULL;
    warehouse_close(STEAL(f->warehouse));
    ASSERT_OK(duck_open(&options, &duck, &f->err));
    ASSERT_OK(duck_exec(duck, sql, NULL, &f->err));
    duck_close(STEAL(duck));
    open_at(f, "tote.duckdb", false);
}

static void tables_of_others_are_used(void **state)
{
    struct fixture *f = *state;
    other_hand(f, "create table dim_staff (staff_id bigint, name text, extra integer);"
                  "create table fact_sale (sale_record_id integer primary key, sale_id integer, "
                  "staff_id integer, price decimal(12,2), sold time)");
    first_batch(f);
    second_batch(f);
    assert_rows(f, "select staff_id, name from dim_staff order by 1", "1|Ann\n2|Bea\n3|Cy\n");
    assert_rows(f,
                "select sale_record_id, sale_id, sold, deleted from fact_sale_current order by 1",
                "3|12|NULL|false\n4|10|12:00:00|false\n");
    /* a rebuild empties them, it does not replace them */
    begin_batch(f, 3, true);
    ASSERT_OK(warehouse_define(f->warehouse, tables, TABLES, &f->err));
    ASSERT_OK(warehouse_commit(f->warehouse, &f->err));
    assert_rows(f, "select (select count(*) from dim_staff), count(*) from fact_sale", "0|0\n");
    assert_rows(f, "select count(extra) from dim_staff", "0\n");
}

static void tables_of_another_shape_are_refused(void **state)
{
    struct fixture *f = *state;
    other_hand(f, "create table dim_staff (staff_id text, name text)");
    begin_batch(f, 1, false);
    assert_int_equal(warehouse_define(f->warehouse, tables, TABLES, &f->err), ERR_WAREHOUSE);
    assert_non_null(strstr(f->err.message,
                           "'staff_id' of 'dim_staff' is VARCHAR in the warehouse and INTEGER"));
    assert_true(f->err.hint[0] != '\0');
    warehouse_rollback(f->warehouse);
    other_hand(f, "drop table dim_staff; create table dim_staff (staff_id integer, name text, "
                  "must integer not null)");
    begin_batch(f, 1, false);
    assert_int_equal(warehouse_define(f->warehouse, tables, TABLES, &f->err), ERR_WAREHOUSE);
    assert_non_null(strstr(f->err.message, "must"));
    warehouse_rollback(f->warehouse);
    assert_int_equal(head_of(f), 0);
}

static void wrong_counts_and_damage_are_noticed(void **state)
{
    struct fixture *f = *state;
    struct warehouse_load_result result;
    begin_batch(f, 1, false);
    ASSERT_OK(warehouse_define(f->warehouse, tables, TABLES, &f->err));
    const char *path = parquet(f, "s.parquet", "select 1 as staff_id, 'x' as name");
    assert_int_equal(warehouse_load(f->warehouse, &tables[STAFF], &path, 1, 2, &result, &f->err),
                     ERR_DATA);
    assert_int_equal(truncate(path, 40), 0);
    assert_int_not_equal(
        warehouse_load(f->warehouse, &tables[STAFF], &path, 1, 1, &result, &f->err), ERR_OK);
    assert_non_null(strstr(f->err.message, "dim_staff"));
    warehouse_rollback(f->warehouse);
}

/* Loads batch 2 in a process of its own, which dies before or after the commit. */
static void load_and_die(struct fixture *f, bool committed)
{
    int ready[2];
    warehouse_close(STEAL(f->warehouse));
    duck_close(STEAL(f->writer)); /* no threads while forking */
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        open_at(f, "tote.duckdb", false);
        begin_batch(f, 2, false);
        if (warehouse_define(f->warehouse, tables, TABLES, &f->err) != ERR_OK)
            _exit(1);
        (void)load(f, &tables[STAFF], 200000,
                   parquet(f, "s2.parquet",
                           "select range::integer as staff_id, 'x' as name from range(200000)"));
        if (committed && warehouse_commit(f->warehouse, &f->err) != ERR_OK)
            _exit(1);
        (void)!write(ready[1], "", 1);
        (void)pause();
    }
    char byte;
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    open_at(f, "tote.duckdb", false);
}

static void a_killed_load_is_all_or_nothing(void **state)
{
    struct fixture *f = *state;
    first_batch(f);
    load_and_die(f, false);
    assert_int_equal(head_of(f), 1);
    assert_rows(f, "select count(*) from dim_staff", "2\n");
    load_and_die(f, true);
    assert_int_equal(head_of(f), 2);
    assert_rows(f, "select count(*) from dim_staff", "200000\n");
}

static void readers_find_nothing_where_nothing_is(void **state)
{
    struct fixture *f = *state;
    warehouse_close(STEAL(f->warehouse));
    open_at(f, "absent.duckdb", true);
    assert_int_equal(head_of(f), 0);
    assert_false(file_exists(path_in(f, "absent.duckdb")));
    warehouse_close(STEAL(f->warehouse));
    open_at(f, "tote.duckdb", false);
    first_batch(f);
    warehouse_close(STEAL(f->warehouse));
    open_at(f, "tote.duckdb", true);
    assert_int_equal(head_of(f), 1);
    const struct warehouse_batch batch = {.lake = "lake", .generation = "g1", .batch = 2};
    assert_int_not_equal(warehouse_begin(f->warehouse, &batch, &f->err), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_killed_load_is_all_or_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_arrives_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(changes_become_history, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_is_loaded_once_and_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_without_a_parent_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rebuild_replaces_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_column_is_added, setup, teardown),
        cmocka_unit_test_setup_teardown(tables_of_others_are_used, setup, teardown),
        cmocka_unit_test_setup_teardown(tables_of_another_shape_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_counts_and_damage_are_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(readers_find_nothing_where_nothing_is, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
