#include "pipeline/record.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "pipeline/record_json.h"

static const char *const kinds[] = {"ingest", "replay", "part", NULL};
static const char *const compares[] = {"full", "fingerprint", "cursor", NULL};
static const char *const key_forms[] = {"int8", "text", NULL};
static const char *const bucket_functions[] = {"range", "hash", NULL};

/* --- writing --- */

static void put_column(struct json_writer *json, const struct record_column *column)
{
    json_object_begin(json, NULL);
    json_text(json, "name", column->name);
    if (!text_equal(column->name, column->lake_name))
        json_text(json, "lake_name", column->lake_name);
    json_int(json, "number", column->number);
    json_text(json, "type", column->type);
    if (column->typmod != -1)
        json_int(json, "typmod", column->typmod);
    if (column->not_null)
        json_bool(json, "not_null", true);
    record_put_text(json, "comment", column->comment);
    json_object_end(json);
}

static void put_references(struct json_writer *json, const struct record_table *table)
{
    if (table->reference_count == 0)
        return;
    json_array_begin(json, "references");
    for (size_t i = 0; i < table->reference_count; i++)
        record_put_reference(json, &table->references[i]);
    json_array_end(json);
}

static void put_number(struct json_writer *json, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    json_text(json, NULL, text);
}

static void put_deleted_from(struct json_writer *json, const struct record_table *table)
{
    if (table->deleted_from_count == 0)
        return;
    json_array_begin(json, "deleted_from");
    for (size_t i = 0; i < table->deleted_from_count; i++)
        put_number(json, table->deleted_from[i]);
    json_array_end(json);
}

/* What this batch brought, then what the next one compares with. */
static void put_batch(struct json_writer *json, const struct record_table *table)
{
    if (table->gone)
        json_bool(json, "gone", true);
    json_uint(json, "rows", table->rows);
    json_uint(json, "changed", table->changed);
    json_uint(json, "deleted", table->deleted);
    record_put_objects(json, "objects", table->objects, table->object_count);
    record_put_objects(json, "deleted_objects", table->deleted_objects,
                       table->deleted_object_count);
    put_deleted_from(json, table);
    json_text(json, "compare", table->compare);
    record_put_time(json, "full_compare_at", table->full_compare_us);
    json_text(json, "key_form", table->key_form);
    json_text(json, "bucket_function", table->bucket_function);
    json_int(json, "bucket_bits", table->bucket_bits);
    record_put_objects(json, "index", table->index, table->index_count);
    if (table->fingerprint.key)
        record_put_object(json, "fingerprint", &table->fingerprint);
    if (!table->cursor)
        return;
    json_text(json, "cursor", table->cursor);
    json_text(json, "cursor_low", table->cursor_low);
    record_put_time(json, "compared_at", table->compared_us);
    json_uint(json, "compared_xmin", table->compared_xmin);
}

static void put_table(struct json_writer *json, const struct record_table *table)
{
    json_object_begin(json, NULL);
    json_text(json, "name", table->name);
    json_text(json, "schema", table->schema);
    json_text(json, "relation", table->relation);
    json_text(json, "shape", table->shape);
    record_put_text(json, "comment", table->comment);
    json_array_begin(json, "columns");
    for (size_t i = 0; i < table->column_count; i++)
        put_column(json, &table->columns[i]);
    json_array_end(json);
    record_put_names(json, "key", table->key, table->key_count);
    put_references(json, table);
    put_batch(json, table);
    json_object_end(json);
}

static void put_head(struct json_writer *json, const struct record *record)
{
    json_int(json, "format", record->format);
    json_uint(json, "batch", record->batch);
    json_text(json, "attempt", record->attempt);
    json_text(json, "kind", record->kind);
    json_text(json, "program", record->program);
    record_put_names(json, "replay", record->replay, record->replay_count);
    json_text(json, "system_identifier", record->system_identifier);
    json_text(json, "database", record->database);
    json_uint(json, "database_oid", record->database_oid);
    json_uint(json, "timeline", record->timeline);
    json_int(json, "server_version", record->server_version);
    json_bool(json, "standby", record->standby);
    record_put_time(json, "captured_at", record->captured_us);
    json_text(json, "snapshot", record->snapshot);
    json_uint(json, "snapshot_xmin", record->snapshot_xmin);
    json_uint(json, "snapshot_xmax", record->snapshot_xmax);
    json_text(json, "wal", record->wal);
    record_put_time(json, "started_at", record->started_us);
    json_int(json, "duration_us", record->duration_us);
}

void record_write(const struct record *record, struct buf *ret_text)
{
    CLEANUP_IN_PLACE(buf_release) struct buf line = {0};
    struct record_writer writer;
    record_begin(&writer, ret_text);
    put_head(&writer.json, record);
    json_array_begin(&writer.json, "tables");
    for (size_t i = 0; i < record->table_count; i++) {
        struct json_writer table;
        buf_clear(&line);
        json_begin(&table, &line, false);
        put_table(&table, &record->tables[i]);
        json_raw(&writer.json, NULL, buf_text(&line));
    }
    json_array_end(&writer.json);
    record_end(&writer);
}

/* --- reading --- */

static enum err_code get_column(const struct record_reader *reader, const struct json_value *from,
                                struct record_column *ret_column, struct err *err)
{
    struct record_column column = {0};
    int64_t number = 0;
    TRY(record_get_text(reader, from, "name", &column.name, err));
    column.lake_name = column.name;
    if (json_opt(from, "lake_name"))
        TRY(record_get_text(reader, from, "lake_name", &column.lake_name, err));
    TRY(record_get_int(reader, from, "number", 0, INT16_MAX, &number, err));
    column.number = (int)number;
    TRY(record_get_text(reader, from, "type", &column.type, err));
    int64_t typmod = -1;
    if (json_opt(from, "typmod"))
        TRY(record_get_int(reader, from, "typmod", INT_MIN, INT_MAX, &typmod, err));
    column.typmod = (int)typmod;
    column.not_null = json_opt_bool(from, "not_null", false);
    column.comment = record_opt_text(reader, from, "comment");
    *ret_column = column;
    return ERR_OK;
}

/* Columns, key and references, which have to fit together. */
static enum err_code get_columns(const struct record_reader *reader, const struct json_value *from,
                                 struct record_table *table, struct err *err)
{
    const struct json_value *list = NULL;
    TRY(json_get_array(from, "columns", &list, err));
    table->column_count = json_array_count(list);
    table->columns = arena_alloc(reader->arena, (table->column_count + 1) * sizeof *table->columns);
    const char **names = arena_alloc(reader->arena, (table->column_count + 1) * sizeof *names);
    for (size_t i = 0; i < table->column_count; i++) {
        TRY(get_column(reader, json_array_at(list, i), &table->columns[i], err));
        names[i] = table->columns[i].lake_name;
    }
    TRY(record_check_unique(reader, "column", names, table->column_count, err));
    struct record_columns columns = {table->name, names, table->column_count};
    TRY(record_get_key(reader, from, &columns, &table->key, &table->key_count, err));
    if (table->key_count == 0)
        return record_invalid(reader, err, "table '%s' has no key", table->name);

    TRY(record_get_list(reader, from, "references", &list, err));
    table->reference_count = json_array_count(list);
    table->references =
        arena_alloc(reader->arena, (table->reference_count + 1) * sizeof *table->references);
    for (size_t i = 0; i < table->reference_count; i++)
        TRY(record_get_reference(reader, json_array_at(list, i), &columns, &table->references[i],
                                 err));
    return ERR_OK;
}

static enum err_code get_deleted_from(const struct record_reader *reader,
                                      const struct json_value *from, uint64_t batch,
                                      struct record_table *table, struct err *err)
{
    const char **numbers = NULL;
    TRY(record_get_names(reader, from, "deleted_from", &numbers, &table->deleted_from_count, err));
    table->deleted_from =
        arena_alloc(reader->arena, (table->deleted_from_count + 1) * sizeof *table->deleted_from);
    uint64_t last = 0;
    for (size_t i = 0; i < table->deleted_from_count; i++) {
        uint64_t value = 0;
        if (!text_to_u64(numbers[i], &value) || value <= last || value > batch)
            return record_invalid(reader, err,
                                  "'deleted_from' of table '%s' is not a list of earlier "
                                  "batches",
                                  table->name);
        table->deleted_from[i] = last = value;
    }
    return ERR_OK;
}

static uint64_t rows_of(const struct record_object *objects, size_t count)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < count; i++)
        rows += objects[i].rows;
    return rows;
}

static enum err_code get_batch(const struct record_reader *reader, const struct json_value *from,
                               uint64_t batch, struct record_table *table, struct err *err)
{
    table->gone = json_opt_bool(from, "gone", false);
    TRY(record_get_count(reader, from, "rows", &table->rows, err));
    TRY(record_get_count(reader, from, "changed", &table->changed, err));
    TRY(record_get_count(reader, from, "deleted", &table->deleted, err));
    TRY(record_get_objects(reader, from, "objects", &table->objects, &table->object_count, err));
    TRY(record_get_objects(reader, from, "deleted_objects", &table->deleted_objects,
                           &table->deleted_object_count, err));
    if (rows_of(table->objects, table->object_count) != table->changed)
        return record_invalid(reader, err,
                              "the objects of table '%s' do not hold the %llu rows "
                              "that changed",
                              table->name, (unsigned long long)table->changed);
    if (rows_of(table->deleted_objects, table->deleted_object_count) != table->deleted)
        return record_invalid(reader, err,
                              "the objects of table '%s' do not hold the %llu rows "
                              "that were deleted",
                              table->name, (unsigned long long)table->deleted);
    return get_deleted_from(reader, from, batch, table, err);
}

static enum err_code get_cursor(const struct record_reader *reader, const struct json_value *from,
                                struct record_table *table, struct err *err)
{
    if (!json_opt(from, "cursor"))
        return ERR_OK;
    TRY(record_get_text(reader, from, "cursor", &table->cursor, err));
    TRY(record_get_text(reader, from, "cursor_low", &table->cursor_low, err));
    TRY(record_get_time(reader, from, "compared_at", &table->compared_us, err));
    return record_get_count(reader, from, "compared_xmin", &table->compared_xmin, err);
}

static enum err_code get_state(const struct record_reader *reader, const struct json_value *from,
                               struct record_table *table, struct err *err)
{
    TRY(record_get_choice(reader, from, "compare", compares, &table->compare, err));
    TRY(record_get_time(reader, from, "full_compare_at", &table->full_compare_us, err));
    TRY(record_get_choice(reader, from, "key_form", key_forms, &table->key_form, err));
    TRY(record_get_choice(reader, from, "bucket_function", bucket_functions,
                          &table->bucket_function, err));
    bool range = text_equal(table->bucket_function, "range");
    if (range && text_equal(table->key_form, "text"))
        return record_invalid(reader, err, "table '%s' has ranges of text keys", table->name);
    int64_t bits = 0;
    TRY(record_get_int(reader, from, "bucket_bits", 0, range ? 63 : 14, &bits, err));
    table->bucket_bits = (int)bits;
    TRY(record_get_objects(reader, from, "index", &table->index, &table->index_count, err));
    if (json_opt(from, "fingerprint")) {
        const struct json_value *object = NULL;
        TRY(json_get_object(from, "fingerprint", &object, err));
        TRY(record_get_object(reader, object, &table->fingerprint, err));
    }
    return get_cursor(reader, from, table, err);
}

static enum err_code get_table(const struct record_reader *reader, const struct json_value *from,
                               uint64_t batch, struct record_table *table, struct err *err)
{
    TRY(record_get_text(reader, from, "name", &table->name, err));
    if (!record_key_is_valid(table->name) || strchr(table->name, '/'))
        return record_invalid(reader, err, "'%s' cannot be the name of a table", table->name);
    TRY(record_get_text(reader, from, "schema", &table->schema, err));
    TRY(record_get_text(reader, from, "relation", &table->relation, err));
    TRY(record_get_text(reader, from, "shape", &table->shape, err));
    table->comment = record_opt_text(reader, from, "comment");
    TRY(get_columns(reader, from, table, err));
    TRY(get_batch(reader, from, batch, table, err));
    return get_state(reader, from, table, err);
}

static enum err_code get_source(const struct record_reader *reader, struct record *record,
                                struct err *err)
{
    const struct json_value *root = reader->root;
    int64_t number = 0;
    TRY(record_get_text(reader, root, "system_identifier", &record->system_identifier, err));
    TRY(record_get_text(reader, root, "database", &record->database, err));
    TRY(record_get_int(reader, root, "database_oid", 0, UINT32_MAX, &number, err));
    record->database_oid = (uint32_t)number;
    TRY(record_get_int(reader, root, "timeline", 0, UINT32_MAX, &number, err));
    record->timeline = (uint32_t)number;
    TRY(record_get_int(reader, root, "server_version", 0, INT_MAX, &number, err));
    record->server_version = (int)number;
    TRY(json_get_bool(root, "standby", &record->standby, err));
    TRY(record_get_time(reader, root, "captured_at", &record->captured_us, err));
    TRY(record_get_text(reader, root, "snapshot", &record->snapshot, err));
    TRY(record_get_count(reader, root, "snapshot_xmin", &record->snapshot_xmin, err));
    TRY(record_get_count(reader, root, "snapshot_xmax", &record->snapshot_xmax, err));
    TRY(record_get_text(reader, root, "wal", &record->wal, err));
    TRY(record_get_time(reader, root, "started_at", &record->started_us, err));
    return record_get_int(reader, root, "duration_us", 0, INT64_MAX, &record->duration_us, err);
}

static enum err_code get_replay(const struct record_reader *reader, struct record *record,
                                struct err *err)
{
    TRY(record_get_names(reader, reader->root, "replay", &record->replay, &record->replay_count,
                         err));
    if (record_is_replay(record) != (record->replay_count > 0))
        return record_invalid(reader, err, "its kind is '%s', and it names %zu tables to replay",
                              record->kind, record->replay_count);
    if (record_is_replay(record) != (record->format == RECORD_FORMAT_REPLAY))
        return record_invalid(reader, err, "its kind is '%s', and its format %d", record->kind,
                              record->format);
    return record_check_unique(reader, "table to replay", record->replay, record->replay_count,
                               err);
}

static enum err_code get_record(const struct record_reader *reader, uint64_t expected_batch,
                                struct record *record, struct err *err)
{
    const struct json_value *root = reader->root;
    record->format = reader->format;
    int64_t batch = 0;
    TRY(record_get_int(reader, root, "batch", 1, INT64_MAX, &batch, err));
    record->batch = (uint64_t)batch;
    TRY(record_check_batch(reader, record->batch, expected_batch, err));
    TRY(record_get_id(reader, root, "attempt", &record->attempt, err));
    TRY(record_get_choice(reader, root, "kind", kinds, &record->kind, err));
    if (expected_batch && text_equal(record->kind, "part"))
        return record_invalid(reader, err, "a part is no batch");
    TRY(record_get_text(reader, root, "program", &record->program, err));
    TRY(get_replay(reader, record, err));
    TRY(get_source(reader, record, err));

    const struct json_value *list = NULL;
    TRY(json_get_array(root, "tables", &list, err));
    record->table_count = json_array_count(list);
    record->tables = arena_alloc(reader->arena, (record->table_count + 1) * sizeof *record->tables);
    const char **names = arena_alloc(reader->arena, (record->table_count + 1) * sizeof *names);
    for (size_t i = 0; i < record->table_count; i++) {
        TRY(get_table(reader, json_array_at(list, i), record->batch, &record->tables[i], err));
        names[i] = record->tables[i].name;
    }
    return record_check_unique(reader, "table", names, record->table_count, err);
}

static enum err_code parse(const char *what, struct span text, uint64_t expected_batch,
                           struct arena *arena, struct record **ret_record, struct err *err)
{
    CLEANUP_IN_PLACE(record_reader_release)
    struct record_reader reader = {.what = what, .arena = arena, .newest = RECORD_FORMAT_REPLAY};
    TRY(record_open(&reader, text.data, text.size, err));
    struct record *record = arena_alloc(arena, sizeof *record);
    TRY(get_record(&reader, expected_batch, record, err));
    *ret_record = record;
    return ERR_OK;
}

enum err_code record_parse(const char *text, size_t size, struct arena *arena,
                           struct record **ret_record, struct err *err)
{
    return parse("batch record", (struct span){text, size}, 0, arena, ret_record, err);
}

enum err_code record_read(struct store *store, uint64_t batch, struct arena *arena,
                          struct record **ret_record, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    const char *what = NULL;
    TRY(record_fetch(store, batch, arena, &text, &what, err));
    return parse(what, (struct span){buf_text(&text), text.size}, batch, arena, ret_record, err);
}

/* --- questions --- */

const struct record_table *record_find_table(const struct record *record, const char *name)
{
    for (size_t i = 0; i < record->table_count; i++) {
        if (text_equal(record->tables[i].name, name))
            return &record->tables[i];
    }
    return NULL;
}

bool record_has_changes(const struct record *record)
{
    for (size_t i = 0; i < record->table_count; i++) {
        if (record->tables[i].changed > 0 || record->tables[i].deleted > 0)
            return true;
    }
    return false;
}

bool record_is_replay(const struct record *record)
{
    return text_equal(record->kind, "replay");
}
