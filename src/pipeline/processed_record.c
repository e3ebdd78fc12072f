#include "pipeline/processed_record.h"

#include "base/text.h"
#include "pipeline/record_json.h"

static const char *const kinds[] = {"clean",    "fact",   "dimension", "mirror",
                                    "calendar", "report", NULL};

/* --- writing --- */

static void put_column(struct json_writer *json, const struct processed_column *column)
{
    json_object_begin(json, NULL);
    json_text(json, "name", column->name);
    json_text(json, "type", column->type);
    record_put_text(json, "warehouse_type", column->warehouse_type);
    if (column->not_null)
        json_bool(json, "not_null", true);
    record_put_text(json, "comment", column->comment);
    json_object_end(json);
}

static void put_references(struct json_writer *json, const struct processed_table *table)
{
    if (table->reference_count == 0)
        return;
    json_array_begin(json, "references");
    for (size_t i = 0; i < table->reference_count; i++) {
        const struct processed_reference *from = &table->references[i];
        struct record_reference reference = {from->columns, from->table, from->target_columns,
                                             from->count};
        record_put_reference(json, &reference);
    }
    json_array_end(json);
}

static void put_table(struct json_writer *json, const struct processed_table *table)
{
    json_object_begin(json, NULL);
    json_text(json, "name", table->name);
    json_text(json, "kind", table->kind);
    record_put_text(json, "record_id", table->record_id);
    json_text(json, "generation", table->generation);
    json_text(json, "directory", table->directory);
    json_int(json, "delta_version", table->delta_version);
    record_put_text(json, "comment", table->comment);
    json_array_begin(json, "columns");
    for (size_t i = 0; i < table->column_count; i++)
        put_column(json, &table->columns[i]);
    json_array_end(json);
    record_put_names(json, "key", table->key, table->key_count);
    put_references(json, table);
    json_uint(json, "rows", table->rows);
    json_uint(json, "deleted", table->deleted);
    json_uint(json, "quarantined", table->quarantined);
    if (table->replayed)
        json_bool(json, "replayed", true);
    record_put_objects(json, "objects", table->objects, table->object_count);
    json_object_end(json);
}

void processed_record_write(const struct processed_record *record, struct buf *ret_text)
{
    CLEANUP_IN_PLACE(buf_release) struct buf line = {0};
    struct record_writer writer;
    struct json_writer *json = &writer.json;
    record_begin(&writer, ret_text);
    json_int(json, "format", record->format);
    json_uint(json, "batch", record->batch);
    json_text(json, "attempt", record->attempt);
    json_text(json, "program", record->program);
    json_text(json, "lake", record->lake);
    json_text(json, "generation", record->generation);
    json_bool(json, "rebuilt", record->rebuilt);
    record_put_time(json, "captured_at", record->captured_us);
    record_put_time(json, "started_at", record->started_us);
    json_int(json, "duration_us", record->duration_us);
    json_array_begin(json, "tables");
    for (size_t i = 0; i < record->table_count; i++) {
        struct json_writer table;
        buf_clear(&line);
        json_begin(&table, &line, false);
        put_table(&table, &record->tables[i]);
        json_raw(json, NULL, buf_text(&line));
    }
    json_array_end(json);
    record_put_objects(json, "quarantine", record->quarantine, record->quarantine_count);
    record_end(&writer);
}

/* --- reading --- */

static enum err_code get_column(const struct record_reader *reader, const struct json_value *from,
                                struct processed_column *ret_column, struct err *err)
{
    struct processed_column column = {0};
    TRY(record_get_text(reader, from, "name", &column.name, err));
    TRY(record_get_text(reader, from, "type", &column.type, err));
    column.warehouse_type = record_opt_text(reader, from, "warehouse_type");
    column.not_null = json_opt_bool(from, "not_null", false);
    column.comment = record_opt_text(reader, from, "comment");
    *ret_column = column;
    return ERR_OK;
}

/* Columns, key and references, which have to fit together. */
static enum err_code get_columns(const struct record_reader *reader, const struct json_value *from,
                                 struct processed_table *table, struct err *err)
{
    const struct json_value *list = NULL;
    TRY(json_get_array(from, "columns", &list, err));
    table->column_count = json_array_count(list);
    table->columns = arena_alloc(reader->arena, (table->column_count + 1) * sizeof *table->columns);
    const char **names = arena_alloc(reader->arena, (table->column_count + 1) * sizeof *names);
    for (size_t i = 0; i < table->column_count; i++) {
        TRY(get_column(reader, json_array_at(list, i), &table->columns[i], err));
        names[i] = table->columns[i].name;
    }
    TRY(record_check_unique(reader, "column", names, table->column_count, err));
    struct record_columns columns = {table->name, names, table->column_count};
    TRY(record_get_key(reader, from, &columns, &table->key, &table->key_count, err));

    TRY(record_get_list(reader, from, "references", &list, err));
    table->reference_count = json_array_count(list);
    table->references =
        arena_alloc(reader->arena, (table->reference_count + 1) * sizeof *table->references);
    for (size_t i = 0; i < table->reference_count; i++) {
        struct record_reference got = {0};
        TRY(record_get_reference(reader, json_array_at(list, i), &columns, &got, err));
        table->references[i] =
            (struct processed_reference){got.columns, got.table, got.target_columns, got.count};
    }
    return ERR_OK;
}

static enum err_code get_table(const struct record_reader *reader, const struct json_value *from,
                               struct processed_table *table, struct err *err)
{
    TRY(record_get_text(reader, from, "name", &table->name, err));
    TRY(record_get_choice(reader, from, "kind", kinds, &table->kind, err));
    TRY(record_get_text(reader, from, "generation", &table->generation, err));
    TRY(record_get_text(reader, from, "directory", &table->directory, err));
    if (!record_key_is_valid(table->directory))
        return record_invalid(reader, err, "'%s' cannot be the directory of table '%s'",
                              table->directory, table->name);
    TRY(record_get_int(reader, from, "delta_version", -1, INT64_MAX, &table->delta_version, err));
    table->comment = record_opt_text(reader, from, "comment");
    table->record_id = record_opt_text(reader, from, "record_id");
    TRY(get_columns(reader, from, table, err));
    TRY(record_get_count(reader, from, "rows", &table->rows, err));
    TRY(record_get_count(reader, from, "deleted", &table->deleted, err));
    TRY(record_get_count(reader, from, "quarantined", &table->quarantined, err));
    table->replayed = json_opt_bool(from, "replayed", false);
    return record_get_objects(reader, from, "objects", &table->objects, &table->object_count, err);
}

static enum err_code get_head(const struct record_reader *reader, uint64_t expected_batch,
                              struct processed_record *record, struct err *err)
{
    const struct json_value *root = reader->root;
    record->format = reader->format;
    int64_t batch = 0;
    TRY(record_get_int(reader, root, "batch", 1, INT64_MAX, &batch, err));
    record->batch = (uint64_t)batch;
    TRY(record_check_batch(reader, record->batch, expected_batch, err));
    TRY(record_get_id(reader, root, "attempt", &record->attempt, err));
    TRY(record_get_text(reader, root, "program", &record->program, err));
    TRY(record_get_id(reader, root, "lake", &record->lake, err));
    TRY(record_get_text(reader, root, "generation", &record->generation, err));
    TRY(json_get_bool(root, "rebuilt", &record->rebuilt, err));
    TRY(record_get_time(reader, root, "captured_at", &record->captured_us, err));
    TRY(record_get_time(reader, root, "started_at", &record->started_us, err));
    return record_get_int(reader, root, "duration_us", 0, INT64_MAX, &record->duration_us, err);
}

static enum err_code get_record(const struct record_reader *reader, uint64_t expected_batch,
                                struct processed_record *record, struct err *err)
{
    TRY(get_head(reader, expected_batch, record, err));
    const struct json_value *list = NULL;
    TRY(json_get_array(reader->root, "tables", &list, err));
    record->table_count = json_array_count(list);
    record->tables = arena_alloc(reader->arena, (record->table_count + 1) * sizeof *record->tables);
    const char **names = arena_alloc(reader->arena, (record->table_count + 1) * sizeof *names);
    for (size_t i = 0; i < record->table_count; i++) {
        struct processed_table *table = &record->tables[i];
        TRY(get_table(reader, json_array_at(list, i), table, err));
        /* a clean table and a star table may share a name, as a mirror does */
        names[i] = text_equal(table->kind, "clean")
                       ? arena_printf(reader->arena, "clean/%s", table->name)
                       : table->name;
    }
    TRY(record_check_unique(reader, "table", names, record->table_count, err));
    return record_get_objects(reader, reader->root, "quarantine", &record->quarantine,
                              &record->quarantine_count, err);
}

static enum err_code parse(const char *what, struct span text, uint64_t expected_batch,
                           struct arena *arena, struct processed_record **ret_record,
                           struct err *err)
{
    CLEANUP_IN_PLACE(record_reader_release)
    struct record_reader reader = {.what = what, .arena = arena, .newest = RECORD_FORMAT};
    TRY(record_open(&reader, text.data, text.size, err));
    struct processed_record *record = arena_alloc(arena, sizeof *record);
    TRY(get_record(&reader, expected_batch, record, err));
    *ret_record = record;
    return ERR_OK;
}

enum err_code processed_record_parse(const char *text, size_t size, struct arena *arena,
                                     struct processed_record **ret_record, struct err *err)
{
    return parse("processed batch record", (struct span){text, size}, 0, arena, ret_record, err);
}

enum err_code processed_record_read(struct store *store, uint64_t batch, struct arena *arena,
                                    struct processed_record **ret_record, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    const char *what = NULL;
    TRY(record_fetch(store, batch, arena, &text, &what, err));
    return parse(what, (struct span){buf_text(&text), text.size}, batch, arena, ret_record, err);
}
