/* The batches one by one: what each record of the ingestion log says, and what processing made of
 * it. */
#include "base/text.h"
#include "pipeline/batch_log.h"
#include "pipeline/processed_record.h"
#include "pipeline/record.h"
#include "pipeline/status.h"

static uint64_t quarantined_of(const struct processed_record *record, const char *table)
{
    for (size_t i = 0; record && i < record->table_count; i++)
        if (text_equal(record->tables[i].kind, "clean") &&
            text_equal(record->tables[i].name, table))
            return record->tables[i].quarantined;
    return 0;
}

static void add_tables(struct history_batch *batch, const struct record *record,
                       const struct processed_record *processed, struct arena *arena)
{
    batch->tables = arena_alloc(arena, (record->table_count + 1) * sizeof *batch->tables);
    for (size_t i = 0; i < record->table_count; i++) {
        const struct record_table *table = &record->tables[i];
        batch->source_rows += table->rows;
        batch->changed += table->changed;
        batch->deleted += table->deleted;
        if (!table->changed && !table->deleted)
            continue;
        batch->tables[batch->table_count++] = (struct history_table){
            .table = arena_strdup(arena, table->name),
            .rows = table->rows,
            .changed = table->changed,
            .deleted = table->deleted,
            .quarantined = quarantined_of(processed, table->name),
            .compare = arena_strdup(arena, table->compare),
        };
    }
}

static enum err_code read_batch(struct store *ingestion, struct store *processed, uint64_t number,
                                uint64_t processed_head, struct arena *arena,
                                struct history_batch *ret_batch, struct err *err)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    struct record *record;
    struct processed_record *made = NULL;

    TRY(record_read(ingestion, number, scratch, &record, err));
    if (number <= processed_head)
        TRY(processed_record_read(processed, number, scratch, &made, err));
    struct history_batch batch = {
        .batch = number,
        .kind = record->kind,
        .captured_us = record->captured_us,
        .ingest_us = record->duration_us,
        .processed = made != NULL,
    };
    if (made) {
        batch.process_us = made->duration_us;
        batch.rebuilt = made->rebuilt;
        for (size_t i = 0; i < made->table_count; i++)
            batch.quarantined += made->tables[i].quarantined;
    }
    add_tables(&batch, record, made, arena);
    *ret_batch = batch;
    return ERR_OK;
}

enum err_code history_read(struct store *ingestion, struct store *processed, uint64_t batch,
                           size_t limit, struct arena *arena, struct history *ret_history,
                           struct err *err)
{
    struct history history = {0};
    uint64_t processed_head;

    TRY(batch_log_head(ingestion, &history.head, err));
    TRY(batch_log_head(processed, &processed_head, err));
    if (batch > history.head) {
        err_set(err, ERR_NOT_FOUND, "there is no batch %llu", (unsigned long long)batch);
        return err_hint(err, "the last one is %llu", (unsigned long long)history.head);
    }
    uint64_t first = batch ? batch : history.head;
    size_t count = batch ? 1 : limit < first ? limit : (size_t)first;
    history.batches = arena_alloc(arena, (count + 1) * sizeof *history.batches);
    for (size_t i = 0; i < count; i++)
        TRY(read_batch(ingestion, processed, first - i, processed_head, arena,
                       &history.batches[history.count++], err));
    *ret_history = history;
    return ERR_OK;
}

static void json_tables(struct json_writer *json, const struct history_batch *batch)
{
    json_array_begin(json, "tables");
    for (size_t i = 0; i < batch->table_count; i++) {
        const struct history_table *table = &batch->tables[i];
        json_object_begin(json, NULL);
        json_text(json, "table", table->table);
        json_uint(json, "source_rows", table->rows);
        json_uint(json, "rows", table->changed);
        json_uint(json, "deleted", table->deleted);
        json_uint(json, "quarantined", table->quarantined);
        json_text(json, "compare", table->compare);
        json_object_end(json);
    }
    json_array_end(json);
}

void history_json_batch(struct json_writer *json, const struct history_batch *batch)
{
    json_uint(json, "batch", batch->batch);
    json_text(json, "kind", batch->kind);
    json_time(json, "captured_at", batch->captured_us);
    json_uint(json, "source_rows", batch->source_rows);
    json_uint(json, "rows", batch->changed);
    json_uint(json, "deleted", batch->deleted);
    json_uint(json, "quarantined", batch->quarantined);
    json_double(json, "ingest_seconds", (double)batch->ingest_us / 1e6);
    json_bool(json, "processed", batch->processed);
    if (batch->processed)
        json_double(json, "process_seconds", (double)batch->process_us / 1e6);
    else
        json_none(json, "process_seconds");
    json_bool(json, "rebuilt", batch->rebuilt);
    json_tables(json, batch);
}
