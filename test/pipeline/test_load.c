/* The third step, from a real directory into both kinds of warehouse: every batch arrives once,
 * whatever happened before, and nothing that is not what its record says is let in. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"
#include "duck/duck.h"
#include "lib/unit.h"
#include "pg/pg.h"
#include "pipeline/batch_log.h"
#include "pipeline/delta.h"
#include "pipeline/load.h"
#include "pipeline/processed_record.h"

enum {
    CLEAN,
    THING,
    PLACE,
    EVENT,
    TABLES
};

static bool on_postgres;

struct fixture {
    struct work_dir *dir;
    struct arena *arena;
    struct duck *writer;
    struct store *store;
    struct warehouse *warehouse;
    struct step_report report;
    int64_t delta_version[TABLES];
    struct delta_file mirrored; /* what the mirror's lake table consists of; path NULL: nothing */
    char database[64];
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

static void on_server(struct fixture *f, const char *doing)
{
    const struct pg_options options = {.url = getenv("TOTE_TEST_PG"), .role = "test"};
    CLEANUP(pg_close) struct pg *pg = NULL;
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    ASSERT_OK(pg_open(&options, &pg, &f->err));
    buf_add_text(&sql, doing);
    pg_ident(&sql, f->database);
    ASSERT_OK(pg_exec(pg, sql.data, &f->err));
}

static void drop_warehouse(struct fixture *f)
{
    warehouse_close(STEAL(f->warehouse));
    if (f->database[0])
        on_server(f, "drop database ");
}

/* A new, empty one. */
static void open_warehouse(struct fixture *f)
{
    static unsigned number;
    const char *dirs[] = {work_dir_path(f->dir), NULL};
    drop_warehouse(f);
    number++;
    if (on_postgres) {
        (void)snprintf(f->database, sizeof f->database, "load_%d_%u", (int)getpid(), number);
        on_server(f, "create database ");
    }
    const struct warehouse_config config = {
        .url = on_postgres
                   ? arena_printf(f->arena, "%s dbname=%s", getenv("TOTE_TEST_PG"), f->database)
                   : arena_printf(f->arena, "duckdb:%s/w%u.duckdb", work_dir_path(f->dir), number),
        .work_dir = work_dir_path(f->dir),
        .read_dirs = dirs,
    };
    ASSERT_OK(warehouse_open(&config, &f->warehouse, &f->err));
}

static int setup(void **state)
{
    on_postgres = *(const bool *)*state;
    struct fixture *f = mem_zalloc(1, sizeof *f);
    f->arena = arena_new(0);
    ASSERT_OK(work_dir_open(NULL, &f->dir, &f->err));
    ASSERT_OK(store_open(path_in(f, "processed"), &f->store, &f->err));
    const char *dirs[] = {work_dir_path(f->dir), NULL};
    const struct duck_options options = {.allowed_dirs = dirs, .threads = 1};
    ASSERT_OK(duck_open(&options, &f->writer, &f->err));
    open_warehouse(f);
    for (size_t i = 0; i < TABLES; i++)
        f->delta_version[i] = -1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    drop_warehouse(f);
    store_close(f->store);
    duck_close(f->writer);
    work_dir_close(f->dir);
    arena_free(f->arena);
    free(f);
    return 0;
}

static enum err_code run(struct fixture *f)
{
    const struct load_options options = {.work_dir = work_dir_path(f->dir)};
    f->report = (struct step_report){.arena = f->arena};
    return load_run(f->store, f->warehouse, &options, &f->report, &f->err);
}

static bool join_cells(void *arg, size_t column_count, const char *const *names,
                       const struct span *cells)
{
    (void)names;
    for (size_t i = 0; i < column_count; i++) {
        buf_add(arg, cells[i].data ? cells[i].data : "NULL", cells[i].data ? cells[i].size : 4);
        buf_add_char(arg, i + 1 < column_count ? '|' : '\n');
    }
    return true;
}

static void assert_rows(struct fixture *f, const char *sql, const char *expected)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    ASSERT_OK(warehouse_query(f->warehouse, sql, NULL, 0, join_cells, &out, &f->err));
    assert_string_equal(buf_text(&out), expected);
}

static struct record_object put_object(struct fixture *f, const char *key, const char *select)
{
    const char *path = path_in(f, "object.parquet");
    char sha256[SHA256_HEX_SIZE];
    int64_t rows;
    const char *copy = arena_printf(f->arena, "copy (%s) to '%s' (format parquet)", select, path);
    const char *count = arena_printf(f->arena, "select count(*) from (%s)", select);
    ASSERT_OK(duck_exec(f->writer, copy, NULL, &f->err));
    ASSERT_OK(duck_query_i64(f->writer, count, &rows, &f->err));
    ASSERT_OK(sha256_of_file(path, sha256, &f->err));
    ASSERT_OK(store_put_file(f->store, key, path, STORE_IF_ABSENT, &f->err));
    return (struct record_object){.key = arena_strdup(f->arena, key),
                                  .bytes = 1,
                                  .rows = (uint64_t)rows,
                                  .sha256 = arena_strdup(f->arena, sha256)};
}

/* One dimension and one fact; what a model would have made of batch `batch`. */
static const char *id_key[] = {"id"};
static struct processed_column dim_columns[] = {
    {.name = "id", .type = "INTEGER", .not_null = true},
    {.name = "name", .type = "VARCHAR", .comment = "what it is called"}};
static struct processed_column fact_columns[] = {
    {.name = "id", .type = "INTEGER", .not_null = true}, {.name = "thing_id", .type = "INTEGER"}};
static const char *thing_column[] = {"thing_id"};
static struct processed_reference fact_references[] = {
    {.columns = thing_column, .table = "dim_thing", .target_columns = id_key, .count = 1}};
static const char *const directories[] = {[CLEAN] = "clean/thing",
                                          [THING] = "star/dim_thing",
                                          [PLACE] = "star/place",
                                          [EVENT] = "star/fact_event"};

/* The file in the table's Delta log: appended, or in place of `removed`. */
static struct delta_file put_delta(struct fixture *f, size_t table, uint64_t batch,
                                   const struct record_object *object,
                                   const struct delta_file *removed)
{
    const struct delta_column columns[] = {{"id", "INTEGER"}, {"x", "VARCHAR"}};
    const struct delta_file file = {.path = object->key + strlen(directories[table]) + 1,
                                    .bytes = object->bytes,
                                    .rows = object->rows,
                                    .sha256 = object->sha256};
    const struct delta_commit commit = {
        .directory = directories[table],
        .app_id = arena_printf(f->arena, "tote:%s", directories[table]),
        .batch = batch,
        .append_only = table == EVENT,
        .new_schema = f->delta_version[table] < 0,
        .columns = columns,
        .column_count = 2,
        .adds = &file,
        .add_count = 1,
        .removes = removed,
        .remove_count = removed ? 1 : 0,
        .summary = "{}",
    };
    struct delta_outcome outcome;
    ASSERT_OK(delta_put(f->store, &commit, f->delta_version[table], f->arena, &outcome, &f->err));
    f->delta_version[table] = outcome.version;
    return file;
}

struct batch_spec {
    uint64_t batch;
    const char *lake, *generation;
    bool rebuilt;
    const char *things;     /* select of the dimension's rows; NULL: none */
    const char *places;     /* of the mirror's changes, with _deleted */
    const char *places_now; /* of the whole mirror after them */
    const char *events;     /* of the fact's rows, without the last three columns */
};

static void commit_record(struct fixture *f, const struct batch_spec *spec,
                          struct processed_table *tables)
{
    char attempt[RANDOM_ID_SIZE];
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    random_id(attempt);
    const struct processed_record record = {
        .format = RECORD_FORMAT,
        .batch = spec->batch,
        .attempt = attempt,
        .program = "test",
        .lake = spec->lake ? spec->lake : "00112233445566778899aabbccddeeff",
        .generation = spec->generation ? spec->generation : "g1",
        .rebuilt = spec->rebuilt,
        .captured_us = (int64_t)spec->batch * 86400000000,
        .tables = tables,
        .table_count = TABLES,
    };
    processed_record_write(&record, &text);
    ASSERT_OK(batch_log_commit(f->store, spec->batch, attempt, (struct span){text.data, text.size},
                               &f->err));
}

static struct record_object put_rows(struct fixture *f, size_t table, uint64_t batch,
                                     const char *what, const char *select)
{
    const char *key = arena_printf(f->arena, "%s/%010llu-%s.parquet", directories[table],
                                   (unsigned long long)batch, what);
    return put_object(f, key, select);
}

static void put_batch(struct fixture *f, struct batch_spec spec)
{
    struct record_object objects[TABLES];
    const char *selects[TABLES] = {[THING] = spec.things, [PLACE] = spec.places};
    if (spec.events)
        selects[EVENT] = arena_printf(
            f->arena,
            "select *, %llu::bigint as batch_id, timestamp '1970-01-01' + interval %llu "
            "day as captured_at, false as deleted from (%s)",
            (unsigned long long)spec.batch, (unsigned long long)spec.batch, spec.events);
    for (size_t i = THING; i < TABLES; i++) {
        if (!selects[i])
            continue;
        objects[i] = put_rows(f, i, spec.batch, spec.lake ? "b" : "a", selects[i]);
        if (i != PLACE)
            (void)put_delta(f, i, spec.batch, &objects[i], NULL);
    }
    if (spec.places_now) {
        struct record_object whole = put_rows(f, PLACE, spec.batch, "whole", spec.places_now);
        f->mirrored =
            put_delta(f, PLACE, spec.batch, &whole, f->mirrored.path ? &f->mirrored : NULL);
    }
    struct processed_table tables[TABLES] = {
        [CLEAN] = {.name = "thing", .kind = "clean", .columns = dim_columns},
        [THING] = {.name = "dim_thing", .kind = "dimension", .columns = dim_columns},
        [PLACE] = {.name = "place", .kind = "mirror", .columns = dim_columns},
        [EVENT] = {.name = "fact_event",
                   .kind = "fact",
                   .record_id = "event_record_id",
                   .columns = fact_columns,
                   .references = fact_references,
                   .reference_count = 1},
    };
    for (size_t i = 0; i < TABLES; i++) {
        tables[i].generation = "g";
        tables[i].directory = directories[i];
        tables[i].delta_version = f->delta_version[i];
        tables[i].column_count = 2;
        tables[i].key = id_key;
        tables[i].key_count = 1;
        tables[i].objects = &objects[i];
        tables[i].object_count = selects[i] ? 1 : 0;
        tables[i].rows = selects[i] ? objects[i].rows : 0;
    }
    commit_record(f, &spec, tables);
}

static void put_first(struct fixture *f)
{
    put_batch(
        f, (struct batch_spec){.batch = 1,
                               .things = "select 1 as id, 'a' as name union all select 2, 'b'",
                               .places = "select 1 as id, 'x' as name, false as _deleted "
                                         "union all select 2, 'y', false",
                               .places_now = "select 1 as id, 'x' as name union all select 2, 'y'",
                               .events = "select 10 as id, 1 as thing_id"});
}

static void put_later(struct fixture *f, uint64_t batch)
{
    put_batch(
        f, (struct batch_spec){.batch = batch,
                               .events = arena_printf(f->arena,
                                                      "select 10 as id, 2 as thing_id union all "
                                                      "select %llu, null",
                                                      (unsigned long long)batch + 100),
                               .places = "select 1 as id, null as name, true as _deleted union all "
                                         "select 2, 'z', false",
                               .places_now = "select 2 as id, 'z' as name"});
}

static void an_empty_lake_is_nothing_to_do(void **state)
{
    struct fixture *f = *state;
    ASSERT_OK(run(f));
    assert_int_equal(f->report.head, 0);
    assert_int_equal(f->report.batch_count, 0);
}

static void batches_are_loaded_in_order_and_once(void **state)
{
    struct fixture *f = *state;
    put_first(f);
    ASSERT_OK(run(f));
    assert_int_equal(f->report.head, 1);
    assert_int_equal(f->report.batch_count, 1);
    assert_int_equal(f->report.batches[0].table_count, 3);
    assert_int_equal(f->report.batches[0].tables[0].rows, 2);
    put_later(f, 2);
    put_batch(f, (struct batch_spec){.batch = 3}); /* nothing changed */
    put_later(f, 4);
    ASSERT_OK(run(f));
    assert_int_equal(f->report.batch_count, 3);
    assert_int_equal(f->report.head_captured_us, 4 * INT64_C(86400000000));
    ASSERT_OK(run(f));
    assert_int_equal(f->report.batch_count, 0);
    assert_int_equal(f->report.head, 4);
    assert_rows(f, "select id, thing_id, batch_id, event_record_id from fact_event order by 4",
                "10|1|1|1\n10|2|2|2\n102|NULL|2|3\n10|2|4|4\n104|NULL|4|5\n");
    assert_rows(f, "select count(*), max(batch) from tote.batch", "4|4\n");
    assert_rows(f, "select id, name from place", "2|z\n");
}

static void an_empty_warehouse_is_filled_at_once(void **state)
{
    struct fixture *f = *state;
    put_first(f);
    for (uint64_t batch = 2; batch <= 5; batch++)
        put_later(f, batch);
    ASSERT_OK(run(f));
    assert_int_equal(f->report.batch_count, 1);
    assert_int_equal(f->report.head, 5);
    assert_rows(f, "select count(*), max(event_record_id), max(batch_id) from fact_event",
                "9|9|5\n");
    assert_rows(f, "select count(*), max(batch) from tote.batch", "1|5\n");
    /* far behind: 21 more */
    for (uint64_t batch = 6; batch <= 26; batch++)
        put_later(f, batch);
    ASSERT_OK(run(f));
    assert_int_equal(f->report.batch_count, 1);
    assert_rows(f,
                "select count(*), count(distinct event_record_id), max(batch_id) from fact_event",
                "51|51|26\n");
    assert_rows(f, "select name from dim_thing order by id", "a\nb\n");
    assert_rows(f, "select id, name from place", "2|z\n");
    put_later(f, 27);
    ASSERT_OK(run(f));
    assert_rows(f, "select count(*) from fact_event_current", "27\n");
}

/* Reading a log of years from its first object on would take minutes over a network. */
static void a_long_log_is_read_from_its_checkpoint(void **state)
{
    struct fixture *f = *state;
    struct delta_state events;
    put_first(f);
    for (uint64_t batch = 2; batch <= DELTA_CHECKPOINT_EVERY + 2; batch++)
        put_batch(f, (struct batch_spec){.batch = batch,
                                         .events = arena_printf(f->arena,
                                                                "select %llu as id, 1 as thing_id",
                                                                (unsigned long long)batch)});
    ASSERT_OK(delta_read(f->store, NULL, work_dir_path(f->dir), directories[EVENT],
                         DELTA_CHECKPOINT_EVERY, f->arena, &events, &f->err));
    ASSERT_OK(delta_checkpoint(f->store, f->writer, work_dir_path(f->dir), directories[EVENT],
                               &events, &f->err));
    assert_int_equal(
        unlink(path_in(f, "processed/star/fact_event/_delta_log/00000000000000000007.json")), 0);
    ASSERT_OK(run(f));
    assert_rows(f, "select count(*), max(batch_id) from fact_event", "102|102\n");
}

static void an_edited_object_is_refused(void **state)
{
    struct fixture *f = *state;
    put_first(f);
    const char *path = path_in(f, "processed/star/fact_event/0000000001-a.parquet");
    CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};
    ASSERT_OK(file_read(path, 1 << 20, &bytes, &f->err));
    bytes.data[bytes.size / 2] ^= 1;
    ASSERT_OK(file_write_atomic(path, bytes.data, bytes.size, 0644, &f->err));
    assert_int_equal(run(f), ERR_DATA);
    assert_non_null(strstr(f->err.message, "0000000001-a.parquet"));
    assert_non_null(strstr(f->err.message, "batch 1"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(run(f), ERR_DATA);
    assert_non_null(strstr(f->err.message, "is gone"));
    assert_rows(f, "select count(*) from information_schema.tables where table_name = 'fact_event'",
                "0\n");
    bytes.data[bytes.size / 2] ^= 1;
    ASSERT_OK(file_write_atomic(path, bytes.data, bytes.size, 0644, &f->err));
    ASSERT_OK(run(f));
}

static void generations_are_not_mixed(void **state)
{
    struct fixture *f = *state;
    put_first(f);
    ASSERT_OK(run(f));
    put_batch(f, (struct batch_spec){.batch = 2, .generation = "g2"});
    assert_int_equal(run(f), ERR_CONFLICT);
    assert_non_null(strstr(f->err.message, "other models"));
    assert_rows(f, "select max(batch) from tote.batch", "1\n");
}

static void a_rebuilt_batch_replaces_what_was_there(void **state)
{
    struct fixture *f = *state;
    put_first(f);
    ASSERT_OK(run(f));
    put_batch(f, (struct batch_spec){.batch = 2,
                                     .generation = "g2",
                                     .rebuilt = true,
                                     .things = "select 7 as id, 'z' as name",
                                     .events = "select 10 as id, 7 as thing_id"});
    ASSERT_OK(run(f));
    assert_rows(f, "select id, name from dim_thing", "7|z\n");
    assert_rows(f, "select id, thing_id from fact_event", "10|7\n");
    assert_rows(f, "select generation, batch from tote.batch", "g2|2\n");
}

static void another_lake_and_an_older_lake_are_refused(void **state)
{
    struct fixture *f = *state;
    put_first(f);
    put_later(f, 2);
    ASSERT_OK(run(f));
    /* the lake is put back to batch 1 */
    assert_int_equal(unlink(path_in(f, "processed/_batches/9999999997.0000000002.json")), 0);
    assert_int_equal(run(f), ERR_CONFLICT);
    assert_non_null(strstr(f->err.message, "holds batch 2"));
    /* and another lake takes its place */
    assert_int_equal(unlink(path_in(f, "processed/_batches/9999999998.0000000001.json")), 0);
    put_batch(f, (struct batch_spec){.batch = 1, .lake = "ff112233445566778899aabbccddeeff"});
    assert_int_equal(run(f), ERR_CONFLICT);
    assert_non_null(strstr(f->err.message, "another lake"));
    assert_true(f->err.hint[0] != '\0');
    open_warehouse(f);
    ASSERT_OK(run(f));
}

static void a_missing_record_is_named(void **state)
{
    struct fixture *f = *state;
    put_first(f);
    ASSERT_OK(run(f));
    put_later(f, 2);
    put_later(f, 3);
    assert_int_equal(unlink(path_in(f, "processed/_batches/9999999997.0000000002.json")), 0);
    assert_int_equal(run(f), ERR_DATA);
    assert_non_null(strstr(f->err.message, "batch 2"));
}

static void an_orphan_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    put_first(f);
    ASSERT_OK(run(f));
    put_batch(f, (struct batch_spec){.batch = 2, .events = "select 11 as id, 99 as thing_id"});
    assert_int_equal(run(f), ERR_DATA);
    assert_non_null(strstr(f->err.message, "99"));
    assert_rows(f, "select count(*) from fact_event", "1\n");
    assert_rows(f, "select max(batch) from tote.batch", "1\n");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(an_empty_lake_is_nothing_to_do, setup, teardown),
    cmocka_unit_test_setup_teardown(batches_are_loaded_in_order_and_once, setup, teardown),
    cmocka_unit_test_setup_teardown(an_empty_warehouse_is_filled_at_once, setup, teardown),
    cmocka_unit_test_setup_teardown(a_long_log_is_read_from_its_checkpoint, setup, teardown),
    cmocka_unit_test_setup_teardown(an_edited_object_is_refused, setup, teardown),
    cmocka_unit_test_setup_teardown(generations_are_not_mixed, setup, teardown),
    cmocka_unit_test_setup_teardown(a_rebuilt_batch_replaces_what_was_there, setup, teardown),
    cmocka_unit_test_setup_teardown(another_lake_and_an_older_lake_are_refused, setup, teardown),
    cmocka_unit_test_setup_teardown(a_missing_record_is_named, setup, teardown),
    cmocka_unit_test_setup_teardown(an_orphan_leaves_nothing_behind, setup, teardown),
};

int main(void)
{
    static bool kinds[] = {false, true}; /* is it PostgreSQL? */
    struct CMUnitTest all[COUNT_OF(kinds) * COUNT_OF(tests)];

    if (!getenv("TOTE_TEST_PG")) {
        (void)fprintf(stderr, "TOTE_TEST_PG is not set: run me by tools/with_postgres.sh\n");
        return 1;
    }
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        all[i] = tests[i % COUNT_OF(tests)];
        all[i].initial_state = &kinds[i / COUNT_OF(tests)];
    }
    return cmocka_run_group_tests(all, NULL, NULL);
}
