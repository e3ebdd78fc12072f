/* The process step over small lakes, with the real stores and the real DuckDB: values that bend,
 * rows that vanish without a word in quarantine, batches done twice are what a user would lose
 * here. */
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"
#include "duck/duck.h"
#include "lib/unit.h"
#include "pipeline/batch_log.h"
#include "pipeline/process.h"
#include "pipeline/processed_record.h"

/* --- a lake of two tables --- */

struct fixture {
    struct arena *arena;
    struct work_dir *work;
    const char *dir;
    struct store *ingestion;
    struct store *processed;
    struct duck *duck;
    uint64_t batch;
    struct record_table tables[2];
    size_t table_count; /* that the source has */
};

enum {
    KIND,
    ITEM
};

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

static void put_model(struct fixture *fixture, const char *name, const char *text)
{
    struct err err;
    const char *path = arena_printf(fixture->arena, "%s/models/%s", fixture->dir, name);
    assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, &err), ERR_OK);
}

static const char dim_kind[] = "-- kind: dimension\n-- key: kind_id\n-- row-of: kind\n"
                               "select kind_id, label from source.kind\n";
static const char dim_pair[] = "-- kind: dimension\n-- key: item_id\n"
                               "select i.item_id, k.label from source.item i "
                               "join source.kind k on k.kind_id = i.kind_id\n";
static const char fact_item[] =
    "-- kind: fact\n-- key: item_id\n-- references: kind_id -> dim_kind\n-- check: price < 1000\n"
    "-- type: made_time time\n-- record-id: item_record_id\n"
    "select item_id, kind_id, price, day, cast(substr(made, 1, 10) as date) as made_date,\n"
    "       substr(made, 12, 15) as made_time, seen as seen_text, born, ratio from changes.item\n";
static const char mirror_item[] = "-- kind: mirror\n-- key: item_id\n-- row-of: item\n"
                                  "select item_id, price, made, seen from source.item\n";

static int set_up(void **state)
{
    struct err err;
    struct fixture *fixture = mem_zalloc(1, sizeof *fixture);
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
    put_model(fixture, "dim_pair.sql", dim_pair);
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

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
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

static struct record_object *put_object(struct fixture *fixture, const char *table,
                                        const char *ending, const char *lines)
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

struct change {
    const char *kinds; /* lines of JSON, or NULL */
    const char *items;
    const char *deleted_items; /* keys */
    const char *deleted_kinds;
    uint64_t deleted_from;
};

static void fill(struct fixture *fixture, struct record_table *table, const char *live,
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

static void ingest(struct fixture *fixture, struct change change)
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

static enum err_code run(struct fixture *fixture, struct err *err)
{
    struct step_report report = {.arena = fixture->arena};
    const struct process_options options = {
        .models_dir = arena_printf(fixture->arena, "%s/models", fixture->dir),
        .memory_bytes = UINT64_C(512) << 20,
        .threads = 2,
        .work_dir = fixture->dir};
    return process_run(fixture->ingestion, fixture->processed, &options, &report, err);
}

static void must_run(struct fixture *fixture)
{
    struct err err = {0};
    if (run(fixture, &err) != ERR_OK)
        fail_msg("%s", err.message);
}

/* --- what came out --- */

static struct processed_record *head(struct fixture *fixture)
{
    struct err err = {0};
    struct processed_record *record = NULL;
    if (processed_record_read(fixture->processed, fixture->batch, fixture->arena, &record, &err) !=
        ERR_OK)
        fail_msg("%s", err.message);
    return record;
}

static const struct processed_table *table_of(struct fixture *fixture, const char *kind,
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

static void expect_rows(struct fixture *fixture, const char *sql, const char *expected)
{
    struct err err = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf rows = {0};
    if (duck_query_each(fixture->duck, sql, NULL, 0, add_cells, &rows, &err) != ERR_OK)
        fail_msg("%s: %s", sql, err.message);
    assert_string_equal(buf_text(&rows), expected);
}

/* `select` over the objects that load would read. */
static void expect_objects(struct fixture *fixture, const struct record_object *objects,
                           size_t count, const char *select, const char *rest, const char *expected)
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

static void expect(struct fixture *fixture, const char *kind, const char *name, const char *select,
                   const char *expected)
{
    const struct processed_table *table = table_of(fixture, kind, name);
    expect_objects(fixture, table->objects, table->object_count, select, "order by all", expected);
}

static void expect_quarantine(struct fixture *fixture, const char *expected)
{
    const struct processed_record *record = head(fixture);
    expect_objects(fixture, record->quarantine, record->quarantine_count,
                   "zone, \"table\", key, reason, batch", "order by all", expected);
}

static const char kinds_1[] = "{\"kind_id\":1,\"label\":\"one\"}\n{\"kind_id\":2,\"label\":\"\"}\n";
#define ITEM_1                                                                         \
    "{\"item_id\":1,\"kind_id\":1,\"price\":\"99999999.99\",\"day\":\"2024-02-29\","   \
    "\"made\":\"2024-11-15 14:40:00.000000\",\"seen\":\"0001-01-01 00:00:00.000001\"," \
    "\"raw\":\"\\\\x00ff\",\"born\":\"9999-12-31\",\"ratio\":\"NaN\"}\n"
#define ITEM_2                                                                                   \
    "{\"item_id\":2,\"kind_id\":2,\"price\":\"-0.50\",\"day\":null,\"made\":null,\"seen\":null," \
    "\"raw\":\"\\\\x\",\"born\":null,\"ratio\":0.1}\n"

/* --- values --- */

static void values_arrive_as_they_were(void **state)
{
    struct fixture *fixture = *state;
    ingest(fixture, (struct change){.kinds = kinds_1, .items = ITEM_1 ITEM_2});
    must_run(fixture);
    expect(fixture, "clean", "item",
           "item_id, price, day, made, seen, hex(raw), born, ratio, _batch_id, "
           "_captured_at, _deleted",
           "1|99999999.99|2024-02-29|2024-11-15 14:40:00|0001-01-01 "
           "00:00:00.000001+00|00FF|9999-12-31|nan|1|"
           "2024-11-15 14:40:01.123456+00|false\n"
           "2|-0.50|NULL|NULL|NULL||NULL|0.1|1|2024-11-15 14:40:01.123456+00|false\n");
    expect(fixture, "clean", "kind", "kind_id, label = ''", "1|false\n2|true\n");
    /* the check of the fact takes the dear one out */
    expect(fixture, "fact", "fact_item", "*",
           "2|2|-0.50|NULL|NULL|NULL|NULL|NULL|0.1|1|"
           "2024-11-15 14:40:01.123456+00|false\n");
    expect_quarantine(fixture, "star|fact_item|{\"item_id\":1}|check: price < 1000|1\n");
    const struct processed_table *fact = table_of(fixture, "fact", "fact_item");
    assert_string_equal(fact->record_id, "item_record_id");
    assert_string_equal(fact->columns[2].type, "DECIMAL(10,2)");
    assert_string_equal(fact->columns[5].warehouse_type, "time");
    assert_int_equal(fact->rows, 1);
    assert_int_equal(fact->quarantined, 1);
}

static void timestamps_are_text_to_models(void **state)
{
    struct fixture *fixture = *state;
    ingest(fixture, (struct change){
                        .kinds = kinds_1,
                        .items = "{\"item_id\":1,\"kind_id\":1,\"made\":\"2024-11-15 "
                                 "14:40:00.120000\",\"seen\":\"2024-11-15 14:40:00.000000\"}\n"});
    must_run(fixture);
    expect(fixture, "fact", "fact_item", "made_date, made_time, seen_text",
           "2024-11-15|14:40:00.120000|2024-11-15 14:40:00.000000\n");
    /* but a copy is a copy */
    expect(fixture, "mirror", "item", "typeof(made), made, typeof(seen), seen",
           "TIMESTAMP|2024-11-15 14:40:00.12|TIMESTAMP WITH TIME ZONE|2024-11-15 14:40:00+00\n");
}

/* One for each way in which DuckDB would take what is not so. */
static void what_is_not_exact_is_quarantined(void **state)
{
    struct fixture *fixture = *state;
    ingest(fixture,
           (struct change){.kinds = kinds_1,
                           .items = "{\"item_id\":1,\"price\":\"1.239\"}\n"
                                    "{\"item_id\":2,\"price\":\"NaN\"}\n"
                                    "{\"item_id\":3,\"day\":\"2024-1-5\"}\n"
                                    "{\"item_id\":4,\"day\":\"2024/01/05\"}\n"
                                    "{\"item_id\":5,\"made\":\"infinity\"}\n"
                                    "{\"item_id\":6,\"seen\":\"2024-11-15 14:40:00.000000 BC\"}\n"
                                    "{\"item_id\":7,\"born\":\"10000-01-01\"}\n"
                                    "{\"item_id\":8,\"born\":\"0044-03-15 BC\",\"day\":\"today\"}\n"
                                    "{\"item_id\":9,\"born\":\"infinity\"}\n"
                                    "{\"item_id\":13,\"price\":\"1.00\"}\n"
                                    "{\"item_id\":14,\"price\":\"1.00\",\"kind_id\":7}\n"
                                    "{\"item_id\":15,\"price\":\"1.00\",\"kind_id\":2}\n"});
    must_run(fixture);
    expect(fixture, "clean", "item", "item_id", "14\n15\n");
    expect(fixture, "fact", "fact_item", "item_id", "15\n");
    expect_quarantine(
        fixture,
        "clean|item|{\"item_id\":13}|check: item_id <> 13|1\n"
        "clean|item|{\"item_id\":1}|column 'price' is not exactly a DECIMAL(10,2)|1\n"
        "clean|item|{\"item_id\":2}|column 'price' is not exactly a DECIMAL(10,2)|1\n"
        "clean|item|{\"item_id\":3}|column 'day' is not exactly a DATE|1\n"
        "clean|item|{\"item_id\":4}|column 'day' is not exactly a DATE|1\n"
        "clean|item|{\"item_id\":5}|column 'made' is not exactly a TIMESTAMP|1\n"
        "clean|item|{\"item_id\":6}|column 'seen' is not exactly a TIMESTAMP WITH TIME ZONE|1\n"
        "clean|item|{\"item_id\":7}|column 'born' is not exactly a DATE|1\n"
        "clean|item|{\"item_id\":8}|column 'day' is not exactly a DATE; column 'born' is not "
        "exactly a DATE|1\n"
        "clean|item|{\"item_id\":9}|column 'born' is not exactly a DATE|1\n"
        "star|fact_item|{\"item_id\":14}|reference: kind_id -> dim_kind|1\n");
}

/* Text columns that a clean model gives a type: people's texts, so each is held against what it
 * became. */
static void stated_types_are_held_against_the_text(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"kind_id", "amount", "number", "made",
                                        "yes",     "size",   "label",  "plain"};
    struct record_column columns[COUNT_OF(names)];
    for (size_t i = 0; i < COUNT_OF(names); i++)
        columns[i] = (struct record_column){.name = names[i],
                                            .lake_name = names[i],
                                            .number = (int)i + 1,
                                            .type = i ? "text" : "int4",
                                            .typmod = -1};
    columns[7].type = "timestamp";
    fixture->tables[KIND].columns = columns;
    fixture->tables[KIND].column_count = COUNT_OF(columns);
    put_model(fixture, "clean/kind.sql",
              "-- kind: clean\n-- type: amount decimal(8, 2)\n-- type: number bigint\n-- type: "
              "made timestamp\n"
              "-- type: yes boolean\n-- type: size double\n-- type: plain text\n-- trim: label\n");
    ingest(
        fixture,
        (struct change){
            .kinds =
                "{\"kind_id\":1,\"amount\":\"1.5\",\"number\":\"-7\",\"made\":\"2024-11-15 "
                "14:40:00\",\"yes\":\"t\","
                "\"size\":\"0.1\",\"label\":\"  both \",\"plain\":\"infinity\"}\n"
                "{\"kind_id\":2}\n"
                "{\"kind_id\":3,\"amount\":\"1.999\"}\n{\"kind_id\":4,\"amount\":\"1e2\"}\n"
                "{\"kind_id\":5,\"number\":\"1.7\"}\n{\"kind_id\":6,\"number\":\" 1\"}\n"
                "{\"kind_id\":7,\"made\":\"2024-11-15\"}\n{\"kind_id\":8,\"yes\":\"maybe\"}\n"
                "{\"kind_id\":9,\"size\":\"big\"}\n{\"kind_id\":10,\"amount\":\"1234567.00\"}\n"});
    must_run(fixture);
    expect(fixture, "clean", "kind", "kind_id, amount, number, made, yes, size, label, plain",
           "1|1.50|-7|2024-11-15 "
           "14:40:00|true|0.1|both|infinity\n2|NULL|NULL|NULL|NULL|NULL|NULL|NULL\n");
    assert_int_equal(table_of(fixture, "clean", "kind")->quarantined, 8);
}

/* A line longer than DuckDB's buffers were made for. */
static void long_rows_are_read(void **state)
{
    struct fixture *fixture = *state;
    enum {
        LENGTH = 20 << 20
    };
    CLEANUP(free) char *line = mem_alloc(LENGTH + 100);
    int size = snprintf(line, 100, "{\"kind_id\":1,\"label\":\"");
    memset(line + size, 'x', LENGTH);
    (void)snprintf(line + size + LENGTH, 10, "\"}\n");
    ingest(fixture, (struct change){.kinds = line});
    must_run(fixture);
    expect(fixture, "clean", "kind", "kind_id, length(label)", "1|20971520\n");
}

/* --- batches --- */

static const char item_1[] = "{\"item_id\":1,\"kind_id\":1,\"price\":\"1.00\"}\n";
static const char item_1_changed[] = "{\"item_id\":1,\"kind_id\":2,\"price\":\"2.00\"}\n";
static const char item_2[] = "{\"item_id\":2,\"kind_id\":1,\"price\":\"5.00\"}\n";

static void three_batches(struct fixture *fixture)
{
    ingest(fixture, (struct change){.kinds = kinds_1,
                                    .items = arena_printf(fixture->arena, "%s%s", item_1, item_2)});
    ingest(fixture,
           (struct change){
               .kinds = "{\"kind_id\":1,\"label\":\"uno\"}\n{\"kind_id\":3,\"label\":\"three\"}\n",
               .items = item_1_changed});
    ingest(fixture, (struct change){.deleted_items = "{\"item_id\":1}\n{\"item_id\":99}\n",
                                    .deleted_kinds = "{\"kind_id\":2}\n",
                                    .deleted_from = 2});
}

static void history_and_deletions(void **state)
{
    struct fixture *fixture = *state;
    three_batches(fixture);
    must_run(fixture);
    /* the last content, and nothing for a key that nobody ever saw */
    expect(fixture, "fact", "fact_item", "item_id, kind_id, price, batch_id, deleted",
           "1|2|2.00|3|true\n");
    expect(fixture, "mirror", "item", "item_id, price, _deleted", "1|2.00|true\n");
    assert_int_equal(table_of(fixture, "dimension", "dim_kind")->object_count, 0);
    assert_int_equal(table_of(fixture, "fact", "fact_item")->delta_version, 2);
    const char *all = arena_printf(fixture->arena,
                                   "select item_id, price, batch_id, deleted from "
                                   "read_parquet('%s/star/fact_item/*/*.parquet') order by all",
                                   store_url(fixture->processed));
    expect_rows(fixture, all, "1|1.00|1|false\n1|2.00|2|false\n1|2.00|3|true\n2|5.00|1|false\n");
}

/* A dimension publishes what changed, be it its own table or the one it is joined with. */
static void dimensions_publish_differences(void **state)
{
    struct fixture *fixture = *state;
    three_batches(fixture);
    fixture->batch = 2;
    must_run(fixture);
    fixture->batch = 2;
    expect(fixture, "dimension", "dim_kind", "kind_id, label", "1|uno\n3|three\n");
    expect(fixture, "dimension", "dim_pair", "item_id, label", "1|\n2|uno\n");
    assert_int_equal(table_of(fixture, "dimension", "dim_kind")->rows, 2);
}

static void a_second_run_does_nothing(void **state)
{
    struct fixture *fixture = *state;
    three_batches(fixture);
    must_run(fixture);
    const char *attempt = head(fixture)->attempt;
    must_run(fixture);
    assert_string_equal(head(fixture)->attempt, attempt);
}

/* Killed between the tables' logs and the record: what the logs hold counts. */
static void a_killed_run_is_finished(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    char key[64];
    three_batches(fixture);
    must_run(fixture);
    const struct processed_table *fact = table_of(fixture, "fact", "fact_item");
    const char *object = fact->objects[0].key;
    batch_log_key(3, key);
    assert_int_equal(store_remove(fixture->processed, key, &err), ERR_OK);
    must_run(fixture);
    fact = table_of(fixture, "fact", "fact_item");
    assert_int_equal(fact->delta_version, 2);
    assert_string_equal(fact->objects[0].key, object);
    assert_int_equal(fact->deleted, 1);
    ingest(fixture, (struct change){.items = item_1});
    must_run(fixture);
    expect(fixture, "mirror", "item", "item_id, price, _deleted", "1|1.00|false\n");
}

static void heartbeats_are_cheap(void **state)
{
    struct fixture *fixture = *state;
    ingest(fixture, (struct change){.kinds = kinds_1});
    ingest(fixture, (struct change){.kinds = NULL});
    must_run(fixture);
    assert_int_equal(table_of(fixture, "dimension", "dim_kind")->object_count, 0);
    assert_int_equal(table_of(fixture, "dimension", "dim_kind")->delta_version, 0);
    assert_int_equal(table_of(fixture, "fact", "fact_item")->column_count, 9);
}

/* --- generations --- */

static void a_changed_model_is_built_from_history(void **state)
{
    struct fixture *fixture = *state;
    three_batches(fixture);
    must_run(fixture);
    assert_false(head(fixture)->rebuilt);
    put_model(fixture, "fact_item.sql",
              "-- kind: fact\n-- key: item_id\n"
              "select item_id, price * 2 as twice from changes.item\n");
    must_run(fixture); /* with the next batch */
    ingest(fixture, (struct change){.kinds = NULL});
    must_run(fixture);
    assert_true(head(fixture)->rebuilt);
    expect(fixture, "fact", "fact_item",
           "item_id, twice, batch_id, deleted, epoch_us(captured_at) % 100000000",
           "1|2.00|1|false|1123456\n1|4.00|2|false|2123456\n1|4.00|3|true|3123456\n2|10.00|1|false|"
           "1123456\n");
    /* the whole star goes with it, as load takes all or nothing */
    expect(fixture, "dimension", "dim_kind", "kind_id, label", "1|uno\n2|\n3|three\n");
    expect(fixture, "mirror", "item", "item_id, price", "2|5.00\n");
}

static void a_changed_clean_model_reads_the_json_again(void **state)
{
    struct fixture *fixture = *state;
    ingest(fixture, (struct change){.kinds = kinds_1,
                                    .items = "{\"item_id\":1,\"kind_id\":1,\"day\":\"soon\"}\n"});
    must_run(fixture);
    assert_int_equal(table_of(fixture, "fact", "fact_item")->object_count, 0);
    put_model(fixture, "clean/item.sql", "-- kind: clean\n-- check: item_id <> 13\n");
    ingest(fixture, (struct change){.kinds = NULL});
    must_run(fixture);
    expect(fixture, "fact", "fact_item", "item_id, day, batch_id", "1|soon|1\n");
}

static void columns_come_and_change(void **state)
{
    struct fixture *fixture = *state;
    ingest(fixture, (struct change){.kinds = kinds_1});
    must_run(fixture);
    fixture->tables[KIND].column_count = 3; /* ADD COLUMN extra */
    ingest(fixture,
           (struct change){.kinds = "{\"kind_id\":2,\"label\":\"two\",\"extra\":\"new\"}\n"});
    must_run(fixture);
    expect(fixture, "clean", "kind", "kind_id, extra", "2|new\n");
    put_model(fixture, "dim_kind.sql",
              "-- kind: dimension\n-- key: kind_id\n-- row-of: kind\n"
              "select kind_id, label, extra from source.kind\n");
    ingest(fixture, (struct change){.kinds = NULL});
    must_run(fixture);
    expect(fixture, "dimension", "dim_kind", "*", "1|one|NULL|3\n2|two|new|3\n");

    struct record_column renamed[COUNT_OF(kind_columns)];
    memcpy(renamed, kind_columns, sizeof renamed);
    renamed[1].name = renamed[1].lake_name = "title"; /* RENAME COLUMN label */
    renamed[0].type = "int8";                         /* ALTER TYPE */
    fixture->tables[KIND].columns = renamed;
    put_model(fixture, "dim_kind.sql",
              "-- kind: dimension\n-- key: kind_id\n-- row-of: kind\n"
              "select kind_id, title as label, extra from source.kind\n");
    put_model(fixture, "dim_pair.sql",
              "-- kind: dimension\n-- key: item_id\nselect item_id, day from source.item\n");
    ingest(fixture,
           (struct change){.kinds = "{\"kind_id\":5,\"title\":\"five\",\"extra\":null}\n"});
    must_run(fixture);
    expect(fixture, "dimension", "dim_kind", "kind_id, label, extra",
           "1|one|NULL\n2|two|new\n5|five|NULL\n");
    assert_string_equal(table_of(fixture, "clean", "kind")->columns[0].type, "BIGINT");
}

/* A table that was dropped and made again, and one whose key is another column now: what is not
 * sent is gone. */
static void replaced_tables_leave_nothing_behind(void **state)
{
    struct fixture *fixture = *state;
    three_batches(fixture);
    fixture->batch = 3;
    struct record_table item = fixture->tables[ITEM];
    const size_t both = fixture->table_count;
    fixture->table_count = 1; /* DROP TABLE item */
    ingest(fixture, (struct change){.kinds = NULL});
    fixture->table_count = both;
    fixture->tables[ITEM] = item;
    fixture->tables[ITEM].rows = 1;
    ingest(fixture, (struct change){.items = "{\"item_id\":5,\"kind_id\":1,\"price\":\"9.00\"}\n"});
    must_run(fixture);
    expect(fixture, "mirror", "item", "item_id, price, _deleted", "2|5.00|true\n5|9.00|false\n");
    expect(fixture, "fact", "fact_item", "item_id, deleted, batch_id", "2|true|5\n5|false|5\n");
}

/* Batches wait while the source and the models grow: each is made as it was, with nothing where it
 * knew nothing. */
static void models_may_be_ahead_of_their_batch(void **state)
{
    struct fixture *fixture = *state;
    const size_t both = fixture->table_count;
    fixture->table_count = 1;
    ingest(fixture, (struct change){.kinds = kinds_1});
    fixture->table_count = both;
    fixture->tables[KIND].column_count = 3;
    put_model(fixture, "dim_kind.sql",
              "-- kind: dimension\n-- key: kind_id\n-- row-of: kind\n"
              "select kind_id, label, extra from source.kind\n");
    ingest(fixture,
           (struct change){.kinds = "{\"kind_id\":2,\"label\":\"two\",\"extra\":\"new\"}\n",
                           .items = item_1});
    must_run(fixture);
    expect(fixture, "dimension", "dim_kind", "kind_id, label, extra", "2|two|new\n");
    expect(fixture, "mirror", "item", "item_id", "1\n");
    fixture->batch = 1;
    expect(fixture, "dimension", "dim_kind", "kind_id, label, extra", "1|one|NULL\n2||NULL\n");
}

/* --- mistakes --- */

static void refuses(struct fixture *fixture, const char *name, const char *text, enum err_code code,
                    const char *expected)
{
    struct err err = {0};
    put_model(fixture, name, text);
    enum err_code got = run(fixture, &err);
    if (got != code || !strstr(err.message, expected))
        fail_msg("%s: '%s' instead of '%s'", err_name(got), err.message, expected);
}

static bool count_one(void *arg, const char *key, const struct store_info *info)
{
    (void)key, (void)info;
    ++*(int *)arg;
    return true;
}

/* And nothing of the batch stands anywhere. */
static void models_with_mistakes_leave_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    int objects = 0;
    ingest(fixture, (struct change){.kinds = kinds_1, .items = item_1});
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: kind_id\nselect kind_id,\n       lable\n"
            "from source.kind\n",
            ERR_CONFIG, "models/dim_pair.sql:4");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: kind_id\nselect kind_id from from source.kind\n",
            ERR_CONFIG, "models/dim_pair.sql:3");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: kind_id\nselect kind_id from source.kinds\n", ERR_CONFIG,
            "the source has no table 'kinds'");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: nope\nselect kind_id from source.kind\n", ERR_CONFIG,
            "'key' names a column 'nope'");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: kind_id\nselect kind_id, 1 as deleted from source.kind\n",
            ERR_CONFIG, "column 'deleted' is tote's own");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: kind_id\nselect * from source.kind\n", ERR_CONFIG,
            "is tote's own");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: n\nselect count(*) * 0 as n from source.kind group by "
            "kind_id\n",
            ERR_TRANSFORM, "{\"n\":0}");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: n\nselect cast(label as integer) as n from source.kind\n",
            ERR_TRANSFORM, "models/dim_pair.sql");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: kind_id\n-- check: nope > 1\nselect kind_id from "
            "source.kind\n",
            ERR_CONFIG, "models/dim_pair.sql:3: check");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: k\nselect sum(kind_id) as k from source.kind\n",
            ERR_CONFIG, "HUGEINT");
    put_model(fixture, "dim_pair.sql", dim_pair);
    refuses(fixture, "clean/kind.sql", "-- kind: clean\n-- type: nope date\n", ERR_CONFIG,
            "models/clean/kind.sql:2");
    refuses(fixture, "clean/kind.sql", "-- kind: clean\n-- type: label datum\n", ERR_CONFIG,
            "unknown type 'datum'");
    refuses(fixture, "clean/kind.sql", "-- kind: clean\n-- check: nope > 1\n", ERR_CONFIG,
            "models/clean/kind.sql:2");
    assert_int_equal(store_list(fixture->processed, "", NULL, count_one, &objects, &err), ERR_OK);
    assert_int_equal(objects, 0);
}

static void damaged_objects_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    ingest(fixture, (struct change){.kinds = kinds_1, .items = item_1});
    const char *key = fixture->tables[KIND].objects[0].key;
    static const char other[] =
        "{\"kind_id\":1,\"label\":\"eno\"}\n{\"kind_id\":2,\"label\":\"\"}\n";
    assert_int_equal(
        store_put(fixture->ingestion, key, (struct span){other, strlen(other)}, STORE_ALWAYS, &err),
        ERR_OK);
    assert_int_equal(run(fixture, &err), ERR_DATA);
    assert_non_null(strstr(err.message, key));
    assert_int_equal(store_remove(fixture->ingestion, key, &err), ERR_OK);
    assert_int_equal(run(fixture, &err), ERR_DATA);
    assert_non_null(strstr(err.message, "is gone"));
}

static void another_lake_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    ingest(fixture, (struct change){.kinds = kinds_1});
    must_run(fixture);
    store_close(fixture->ingestion);
    fixture->batch = 0;
    assert_int_equal(store_open(arena_printf(fixture->arena, "%s/other", fixture->dir),
                                &fixture->ingestion, &err),
                     ERR_OK);
    assert_int_equal(run(fixture, &err), ERR_CONFIG);
    ingest(fixture, (struct change){.kinds = kinds_1});
    ingest(fixture, (struct change){.kinds = NULL});
    assert_int_equal(run(fixture, &err), ERR_CONFIG);
    assert_non_null(strstr(err.message, "another lake"));
}

/* Mirrors follow a parent that is in quarantine, so that foreign keys hold in the warehouse. */
static void children_follow_a_quarantined_parent(void **state)
{
    struct fixture *fixture = *state;
    put_model(fixture, "kind.sql",
              "-- kind: mirror\n-- key: kind_id\n-- row-of: kind\n-- check: label <> 'bad'\n"
              "select kind_id, label from source.kind\n");
    put_model(fixture, "item.sql",
              "-- kind: mirror\n-- key: item_id\n-- row-of: item\n-- references: kind_id -> kind\n"
              "select item_id, kind_id from source.item\n");
    ingest(fixture,
           (struct change){
               .kinds = "{\"kind_id\":1,\"label\":\"bad\"}\n{\"kind_id\":2,\"label\":\"good\"}\n"});
    must_run(fixture);
    ingest(fixture, (struct change){.items = "{\"item_id\":1,\"kind_id\":1}\n{\"item_id\":2,\"kind_"
                                             "id\":2}\n{\"item_id\":3,\"kind_id\":null}\n"});
    must_run(fixture);
    expect(fixture, "mirror", "item", "item_id", "2\n3\n");
    expect_quarantine(fixture, "star|item|{\"item_id\":1}|reference: kind_id -> kind|2\n");
}

/* Small files of a dimension become one; nothing is lost on the way. */
static void many_batches(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 1; i <= 120; i++)
        ingest(fixture,
               (struct change){
                   .kinds = arena_printf(
                       fixture->arena,
                       "{\"kind_id\":%d,\"label\":\"v%d\"}\n{\"kind_id\":1000,\"label\":\"v%d\"}\n",
                       i, i, i)});
    must_run(fixture);
    const struct processed_table *table = table_of(fixture, "dimension", "dim_kind");
    assert_int_equal(table->delta_version, 119);
    put_model(fixture, "dim_pair.sql",
              "-- kind: dimension\n-- key: kind_id\nselect kind_id, label from source.kind\n");
    ingest(fixture, (struct change){.kinds = "{\"kind_id\":1000,\"label\":\"last\"}\n"});
    must_run(fixture);
    expect(fixture, "dimension", "dim_kind",
           "count(*), count(distinct kind_id), max(label) filter (where kind_id = 1000), "
           "bool_and(label = 'v' || kind_id) filter (where kind_id < 1000)",
           "121|121|last|true\n");
    expect(fixture, "dimension", "dim_pair", "count(*), max(label) filter (where kind_id = 1000)",
           "121|last\n");
    assert_true(table_of(fixture, "dimension", "dim_kind")->object_count < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_arrive_as_they_were, set_up, tear_down),
        cmocka_unit_test_setup_teardown(timestamps_are_text_to_models, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_exact_is_quarantined, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stated_types_are_held_against_the_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_rows_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(history_and_deletions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dimensions_publish_differences, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_run_does_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_killed_run_is_finished, set_up, tear_down),
        cmocka_unit_test_setup_teardown(heartbeats_are_cheap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_model_is_built_from_history, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_clean_model_reads_the_json_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(columns_come_and_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replaced_tables_leave_nothing_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(models_may_be_ahead_of_their_batch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(models_with_mistakes_leave_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_objects_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_lake_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(children_follow_a_quarantined_parent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_batches, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
