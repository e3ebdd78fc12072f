#include "lib/small_lake.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"
#include "lib/unit.h"
#include "pipeline/batch_log.h"

static struct record_column kind_columns[] = {
    {.name = "kind_id",
     .lake_name = "kind_id",
     .number = 1,
     .type = "int4",
     .typmod = -1,
     .not_null = true},
    {.name = "label", .lake_name = "label", .number = 2, .type = "text", .typmod = -1},
    {.name = "extra", .lake_name = "extra", .number = 3, .type = "text", .typmod = -1},
};
static struct record_column item_columns[] = {
    {.name = "item_id",
     .lake_name = "item_id",
     .number = 1,
     .type = "int4",
     .typmod = -1,
     .not_null = true},
    {.name = "kind_id", .lake_name = "kind_id", .number = 2, .type = "int4", .typmod = -1},
    {.name = "price",
     .lake_name = "price",
     .number = 3,
     .type = "numeric",
     .typmod = (10 << 16 | 2) + 4},
    {.name = "day", .lake_name = "day", .number = 4, .type = "text", .typmod = -1},
    {.name = "made", .lake_name = "made", .number = 5, .type = "timestamp", .typmod = -1},
    {.name = "seen", .lake_name = "seen", .number = 6, .type = "timestamptz", .typmod = -1},
    {.name = "raw", .lake_name = "raw", .number = 7, .type = "bytea", .typmod = -1},
    {.name = "born", .lake_name = "born", .number = 8, .type = "date", .typmod = -1},
    {.name = "ratio", .lake_name = "ratio", .number = 9, .type = "float8", .typmod = -1},
};
static const char *kind_key[] = {"kind_id"};
static const char *item_key[] = {"item_id"};

void put_model(struct small_lake *fixture, const char *name, const char *text)
{
    struct err err;
    const char *path = arena_printf(fixture->arena, "%s/models/%s", fixture->dir, name);
    assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, &err), ERR_OK);
}

static const char dim_kind[] = "-- kind: dimension\n-- key: kind_id\n-- row-of: kind\n"
                               "select kind_id, label from source.kind\n";
static const char fact_item[] =
    "-- kind: fact\n-- key: item_id\n-- references: kind_id -> dim_kind\n-- check: price < 1000\n"
    "-- type: made_time time\n-- record-id: item_record_id\n"
    "select item_id, kind_id, price, day, cast(substr(made, 1, 10) as date) as made_date,\n"
    "       substr(made, 12, 15) as made_time, seen as seen_text, born, ratio from changes.item\n";
static const char mirror_item[] = "-- kind: mirror\n-- key: item_id\n-- row-of: item\n"
                                  "select item_id, price, made, seen from source.item\n";

int set_up(void **state)
{
    struct err err;
    struct small_lake *fixture = mem_zalloc(1, sizeof *fixture);
    fixture->arena = arena_new(0);
    *state = fixture;
    if (work_dir_open(NULL, &fixture->work, &err) != ERR_OK)
        return -1;
    fixture->dir = work_dir_path(fixture->work);
    const char *dirs[] = {fixture->dir, NULL};
    const struct duck_options options = {.threads = 1, .allowed_dirs = dirs};
    if (duck_open(&options, &fixture->duck, &err) != ERR_OK ||
        store_open(arena_printf(fixture->arena, "%s/in", fixture->dir), &fixture->ingestion,
                   &err) != ERR_OK ||
        store_open(arena_printf(fixture->arena, "%s/out", fixture->dir), &fixture->processed,
                   &err) != ERR_OK ||
        file_make_dirs(arena_printf(fixture->arena, "%s/models/clean", fixture->dir), &err) !=
            ERR_OK)
        return -1;
    put_model(fixture, "clean/item.sql",
              "-- kind: clean\n-- type: day date\n-- check: item_id <> 13\n");
    put_model(fixture, "dim_kind.sql", dim_kind);
    put_model(fixture, "dim_pair.sql", DIM_PAIR);
    put_model(fixture, "fact_item.sql", fact_item);
    put_model(fixture, "item.sql", mirror_item);
    struct record_table common = {.schema = "public",
                                  .shape = "s",
                                  .compare = "full",
                                  .key_form = "int8",
                                  .bucket_function = "range"};
    fixture->table_count = 2;
    fixture->tables[KIND] = fixture->tables[ITEM] = common;
    fixture->tables[KIND].name = fixture->tables[KIND].relation = "kind";
    fixture->tables[KIND].columns = kind_columns;
    fixture->tables[KIND].column_count = 2;
    fixture->tables[KIND].key = kind_key;
    fixture->tables[ITEM].name = fixture->tables[ITEM].relation = "item";
    fixture->tables[ITEM].columns = item_columns;
    fixture->tables[ITEM].column_count = COUNT_OF(item_columns);
    fixture->tables[ITEM].key = item_key;
    fixture->tables[KIND].key_count = fixture->tables[ITEM].key_count = 1;
    return 0;
}

int tear_down(void **state)
{
    struct small_lake *fixture = *state;
    duck_close(fixture->duck);
    store_close(fixture->ingestion);
    store_close(fixture->processed);
    work_dir_close(fixture->work);
    arena_free(fixture->arena);
    free(fixture);
    return 0;
}

static size_t line_count(const char *lines)
{
    size_t count = 0;
    for (const char *at = lines; *at; at++)
        count += *at == '\n';
    return count;
}

struct record_object *put_object(struct small_lake *fixture, const char *table, const char *ending,
                                 const char *lines)
{
    struct err err;
    char sha256[SHA256_HEX_SIZE];
    struct record_object *object = arena_alloc(fixture->arena, sizeof *object);
    object->key = arena_printf(fixture->arena, "%s/2024/11/15/%s.%010d-5f2c91.x%s.json", table,
                               table, (int)fixture->batch, ending);
    object->bytes = strlen(lines);
    object->rows = line_count(lines);
    sha256_of(lines, strlen(lines), sha256);
    object->sha256 = arena_strdup(fixture->arena, sha256);
    assert_int_equal(store_put(fixture->ingestion, object->key, (struct span){lines, strlen(lines)},
                               STORE_IF_ABSENT, &err),
                     ERR_OK);
    return object;
}

static void fill(struct small_lake *fixture, struct record_table *table, const char *live,
                 const char *deleted, const uint64_t *deleted_from)
{
    table->objects = table->deleted_objects = NULL;
    table->object_count = table->deleted_object_count = table->deleted_from_count = 0;
    table->changed = table->deleted = 0;
    if (live) {
        table->objects = put_object(fixture, table->name, "", live);
        table->object_count = 1;
        table->changed = table->objects->rows;
    }
    if (deleted) {
        table->deleted_objects = put_object(fixture, table->name, ".deleted", deleted);
        table->deleted_object_count = 1;
        table->deleted = table->deleted_objects->rows;
        table->deleted_from = arena_alloc(fixture->arena, sizeof(uint64_t));
        table->deleted_from[0] = *deleted_from;
        table->deleted_from_count = 1;
    }
}

void ingest(struct small_lake *fixture, struct change change)
{
    struct err err = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    char attempt[RANDOM_ID_SIZE];
    random_id(attempt);
    fixture->batch++;
    fill(fixture, &fixture->tables[KIND], change.kinds, change.deleted_kinds, &change.deleted_from);
    fill(fixture, &fixture->tables[ITEM], change.items, change.deleted_items, &change.deleted_from);
    struct record record = {.format = RECORD_FORMAT,
                            .batch = fixture->batch,
                            .attempt = attempt,
                            .kind = "ingest",
                            .program = "tote test",
                            .system_identifier = "1",
                            .database = "d",
                            .database_oid = 1,
                            .timeline = 1,
                            .server_version = 150000,
                            .captured_us =
                                INT64_C(1731681600123456) + (int64_t)fixture->batch * 1000000,
                            .snapshot = "1:1:",
                            .snapshot_xmin = 1,
                            .snapshot_xmax = 1,
                            .wal = "0/1",
                            .tables = fixture->tables,
                            .table_count = fixture->table_count};
    record_write(&record, &text);
    if (batch_log_commit(fixture->ingestion, fixture->batch, attempt,
                         (struct span){text.data, text.size}, &err) != ERR_OK)
        fail_msg("%s", err.message);
}

enum err_code run(struct small_lake *fixture, struct err *err)
{
    struct step_report report = {.arena = fixture->arena};
    const struct process_options options = {
        .models_dir = arena_printf(fixture->arena, "%s/models", fixture->dir),
        .memory_bytes = UINT64_C(512) << 20,
        .threads = 2,
        .work_dir = fixture->dir};
    return process_run(fixture->ingestion, fixture->processed, &options, &report, err);
}

void must_run(struct small_lake *fixture)
{
    struct err err = {0};
    if (run(fixture, &err) != ERR_OK)
        fail_msg("%s", err.message);
}

/* --- what came out --- */

struct processed_record *head(struct small_lake *fixture)
{
    struct err err = {0};
    struct processed_record *record = NULL;
    if (processed_record_read(fixture->processed, fixture->batch, fixture->arena, &record, &err) !=
        ERR_OK)
        fail_msg("%s", err.message);
    return record;
}

const struct processed_table *table_of(struct small_lake *fixture, const char *kind,
                                       const char *name)
{
    const struct processed_record *record = head(fixture);
    for (size_t i = 0; i < record->table_count; i++)
        if (text_equal(record->tables[i].name, name) && text_equal(record->tables[i].kind, kind))
            return &record->tables[i];
    fail_msg("no %s %s", kind, name);
    return NULL;
}

static bool add_cells(void *arg, size_t count, const char *const *names, const struct span *cells)
{
    struct buf *text = arg;
    (void)names;
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_add_char(text, '|');
        if (cells[i].data)
            buf_add(text, cells[i].data, cells[i].size);
        else
            buf_add_text(text, "NULL");
    }
    buf_add_char(text, '\n');
    return true;
}

void expect_rows(struct small_lake *fixture, const char *sql, const char *expected)
{
    struct err err = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf rows = {0};
    if (duck_query_each(fixture->duck, sql, NULL, 0, add_cells, &rows, &err) != ERR_OK)
        fail_msg("%s: %s", sql, err.message);
    assert_string_equal(buf_text(&rows), expected);
}

void expect_objects(struct small_lake *fixture, const struct record_object *objects, size_t count,
                    const char *select, const char *rest, const char *expected)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    assert_true(count > 0);
    buf_addf(&sql, "select %s from read_parquet([", select);
    for (size_t i = 0; i < count; i++) {
        buf_add_text(&sql, i ? ", " : "");
        duck_literal(&sql, arena_printf(fixture->arena, "%s/%s", store_url(fixture->processed),
                                        objects[i].key));
    }
    buf_addf(&sql, "], union_by_name = true) %s", rest);
    expect_rows(fixture, sql.data, expected);
}

void expect(struct small_lake *fixture, const char *kind, const char *name, const char *select,
            const char *expected)
{
    const struct processed_table *table = table_of(fixture, kind, name);
    expect_objects(fixture, table->objects, table->object_count, select, "order by all", expected);
}

void expect_quarantine(struct small_lake *fixture, const char *expected)
{
    const struct processed_record *record = head(fixture);
    expect_objects(fixture, record->quarantine, record->quarantine_count,
                   "zone, \"table\", key, reason, batch", "order by all", expected);
}
