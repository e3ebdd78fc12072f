/* Writing commits. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/json_write.h"
#include "base/text.h"
#include "pipeline/delta_log.h"

static const struct type_name {
    const char *duck;
    const char *delta;
} type_names[] = {
    {"TINYINT", "byte"},
    {"SMALLINT", "short"},
    {"INTEGER", "integer"},
    {"BIGINT", "long"},
    {"FLOAT", "float"},
    {"DOUBLE", "double"},
    {"VARCHAR", "string"},
    {"BLOB", "binary"},
    {"BOOLEAN", "boolean"},
    {"DATE", "date"},
    {"TIMESTAMP", "timestamp_ntz"},
    {"TIMESTAMP WITH TIME ZONE", "timestamp"},
};

const char *delta_type(const char *duck_type, struct arena *arena)
{
    for (size_t i = 0; i < COUNT_OF(type_names); i++)
        if (text_equal(type_names[i].duck, duck_type))
            return type_names[i].delta;
    if (text_starts(duck_type, "DECIMAL("))
        return arena_printf(arena, "decimal%s", duck_type + strlen("DECIMAL"));
    return NULL;
}

static void write_line(struct buf *text, const struct buf *line)
{
    buf_add(text, buf_text(line), line->size);
    buf_add_char(text, '\n');
}

static bool has_timestamp_ntz(const struct delta_commit *commit)
{
    for (size_t i = 0; i < commit->column_count; i++)
        if (text_equal(commit->columns[i].type, "TIMESTAMP"))
            return true;
    return false;
}

static void write_protocol(const struct delta_commit *commit, struct buf *text)
{
    buf_add_text(text, has_timestamp_ntz(commit)
                           ? "{\"protocol\":{\"minReaderVersion\":3,\"minWriterVersion\":7,"
                             "\"readerFeatures\":[\"timestampNtz\"],"
                             "\"writerFeatures\":[\"timestampNtz\",\"appendOnly\"]}}\n"
                           : "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n");
}

static void write_schema(const struct delta_commit *commit, struct buf *ret_schema)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    struct json_writer json;
    json_begin(&json, ret_schema, false);
    json_object_begin(&json, NULL);
    json_text(&json, "type", "struct");
    json_array_begin(&json, "fields");
    for (size_t i = 0; i < commit->column_count; i++) {
        json_object_begin(&json, NULL);
        json_text(&json, "name", commit->columns[i].name);
        json_text(&json, "type", delta_type(commit->columns[i].type, scratch));
        json_bool(&json, "nullable", true);
        json_raw(&json, "metadata", "{}");
        json_object_end(&json);
    }
    json_array_end(&json);
    json_object_end(&json);
}

/* A table's id is made from its place, so that every attempt says the same. */
static void table_id(const char *directory, char ret_id[static 37])
{
    char hex[SHA256_HEX_SIZE];
    sha256_of(directory, strlen(directory), hex);
    (void)snprintf(ret_id, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                   hex + 20);
}

static void write_metadata(const struct delta_commit *commit, struct buf *text)
{
    CLEANUP_IN_PLACE(buf_release) struct buf schema = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf line = {0};
    struct json_writer json;
    char id[37];
    table_id(commit->directory, id);
    write_schema(commit, &schema);
    json_begin(&json, &line, false);
    json_object_begin(&json, NULL);
    json_object_begin(&json, "metaData");
    json_text(&json, "id", id);
    json_raw(&json, "format", "{\"provider\":\"parquet\",\"options\":{}}");
    json_text(&json, "schemaString", schema.data);
    json_raw(&json, "partitionColumns", "[]");
    json_raw(&json, "configuration",
             commit->append_only ? "{\"delta.appendOnly\":\"true\"}" : "{}");
    json_int(&json, "createdTime", commit->at_ms);
    json_object_end(&json);
    json_object_end(&json);
    write_line(text, &line);
}

void delta_write_add(const struct delta_file *file, bool data_change, struct buf *out)
{
    CLEANUP_IN_PLACE(buf_release) struct buf stats = {0};
    struct json_writer json;
    buf_addf(&stats, "{\"numRecords\":%" PRIu64 "}", file->rows);
    json_begin(&json, out, false);
    json_object_begin(&json, NULL);
    json_object_begin(&json, "add");
    json_text(&json, "path", file->path);
    json_raw(&json, "partitionValues", "{}");
    json_uint(&json, "size", file->bytes);
    json_int(&json, "modificationTime", file->at_ms);
    json_bool(&json, "dataChange", data_change);
    json_text(&json, "stats", stats.data);
    json_object_begin(&json, "tags");
    json_text(&json, "sha256", file->sha256);
    json_object_end(&json);
    json_object_end(&json);
    json_object_end(&json);
    buf_add_char(out, '\n');
}

static void write_remove(const struct delta_commit *commit, const struct delta_file *file,
                         struct buf *text)
{
    CLEANUP_IN_PLACE(buf_release) struct buf line = {0};
    struct json_writer json;
    json_begin(&json, &line, false);
    json_object_begin(&json, NULL);
    json_object_begin(&json, "remove");
    json_text(&json, "path", file->path);
    json_int(&json, "deletionTimestamp", commit->at_ms);
    json_bool(&json, "dataChange", true);
    json_bool(&json, "extendedFileMetadata", true);
    json_raw(&json, "partitionValues", "{}");
    json_uint(&json, "size", file->bytes);
    json_object_end(&json);
    json_object_end(&json);
    write_line(text, &line);
}

static void write_info(const struct delta_commit *commit, struct buf *text)
{
    CLEANUP_IN_PLACE(buf_release) struct buf line = {0};
    struct json_writer json;
    json_begin(&json, &line, false);
    json_object_begin(&json, NULL);
    json_object_begin(&json, "commitInfo");
    json_int(&json, "timestamp", commit->at_ms);
    json_text(&json, "operation", commit->remove_count ? "MERGE" : "WRITE");
    json_raw(&json, "operationParameters", "{}");
    json_text(&json, "engineInfo", "tote");
    json_bool(&json, "isBlindAppend", commit->remove_count == 0);
    json_text(&json, "tote", commit->summary ? commit->summary : "{}");
    json_object_end(&json);
    json_object_end(&json);
    write_line(text, &line);
}

static void write_commit(const struct delta_commit *commit, struct buf *text)
{
    CLEANUP_IN_PLACE(buf_release) struct buf line = {0};
    struct json_writer json;
    write_info(commit, text);
    if (commit->new_schema) {
        write_protocol(commit, text);
        write_metadata(commit, text);
    }
    json_begin(&json, &line, false);
    json_object_begin(&json, NULL);
    json_object_begin(&json, "txn");
    json_text(&json, "appId", commit->app_id);
    json_uint(&json, "version", commit->batch);
    json_object_end(&json);
    json_object_end(&json);
    write_line(text, &line);
    for (size_t i = 0; i < commit->remove_count; i++)
        write_remove(commit, &commit->removes[i], text);
    for (size_t i = 0; i < commit->add_count; i++)
        delta_write_add(&commit->adds[i], true, text);
}

enum err_code delta_put(struct store *store, const struct delta_commit *commit,
                        int64_t base_version, struct arena *arena,
                        struct delta_outcome *ret_outcome, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    write_commit(commit, &text);
    for (int64_t version = base_version + 1;; version++) {
        CLEANUP_IN_PLACE(buf_release) struct buf key = {0};
        CLEANUP_IN_PLACE(buf_release) struct buf found = {0};
        const char *summary = "{}";
        int64_t txn = -1;
        delta_log_key(commit->directory, version, &key);
        enum err_code code =
            store_put(store, key.data, (struct span){text.data, text.size}, STORE_IF_ABSENT, err);
        if (code == ERR_OK) {
            *ret_outcome = (struct delta_outcome){.version = version};
            return ERR_OK;
        }
        if (code != ERR_CONFLICT)
            return code;
        TRY(store_get(store, key.data, DELTA_LOG_LIMIT_BYTES, &found, err));
        TRY(delta_commit_txn(key.data, &found, commit->app_id, arena, &txn, &summary, err));
        if (txn >= (int64_t)commit->batch) {
            *ret_outcome = (struct delta_outcome){
                version, true, summary, arena_strndup(arena, buf_text(&found), found.size)};
            return ERR_OK;
        }
        if (commit->remove_count > 0) {
            (void)err_set(err, ERR_CONFLICT, "table '%s' was changed by another program meanwhile",
                          commit->directory);
            return err_hint(err, "run the step again");
        }
    }
}
