#include "pipeline/status.h"

#include "base/clock.h"
#include "base/text.h"
#include "pg/pg.h"
#include "pipeline/batch_log.h"
#include "pipeline/processed_record.h"
#include "pipeline/record.h"

static struct status_source *find_source(struct status *status, const char *table)
{
    for (size_t i = 0; i < status->source_count; i++)
        if (text_equal(status->sources[i].table, table))
            return &status->sources[i];
    return NULL;
}

static struct status_model *find_model(struct status *status, const char *model)
{
    for (size_t i = 0; i < status->model_count; i++)
        if (text_equal(status->models[i].model, model))
            return &status->models[i];
    return NULL;
}

static enum err_code read_ingestion(struct store *ingestion, struct arena *arena,
                                    struct status *status, struct err *err)
{
    struct record *record;

    TRY(batch_log_head(ingestion, &status->ingest.head, err));
    if (!status->ingest.head)
        return ERR_OK;
    TRY(record_read(ingestion, status->ingest.head, arena, &record, err));
    status->ingest.captured_us = record->captured_us;
    status->database = record->database;
    status->sources = arena_alloc(arena, (record->table_count + 1) * sizeof *status->sources);
    for (size_t i = 0; i < record->table_count; i++)
        status->sources[status->source_count++] = (struct status_source){
            .table = record->tables[i].name,
            .rows = record->tables[i].rows,
            .clean_versions = -1,
            .quarantined = -1,
            .cursor = record->tables[i].cursor,
            .compared_us = record->tables[i].compared_us,
        };
    return ERR_OK;
}

static const struct processed_table *table_of(const struct processed_record *record,
                                              const struct processed_table *like)
{
    for (size_t i = 0; i < record->table_count; i++)
        if (text_equal(record->tables[i].name, like->name) &&
            text_equal(record->tables[i].kind, like->kind))
            return &record->tables[i];
    return NULL;
}

struct settled {
    bool table;       /* older records say nothing of it */
    bool quarantined; /* nor of what is held back: it had another try */
};

static void add_quarantined(struct status_source *source, struct status_model *model,
                            const struct processed_table *table)
{
    if (!text_equal(table->kind, "clean")) {
        if (model)
            model->quarantined += table->quarantined;
    } else if (source) {
        source->quarantined += (int64_t)table->quarantined;
    }
}

static void add_table(struct status *status, const struct processed_table *table, bool held)
{
    struct status_source *source = find_source(status, table->name);
    struct status_model *model = find_model(status, table->name);

    if (!text_equal(table->kind, "clean")) {
        /* a fact tells of a deletion by a row */
        if (model)
            model->versions += table->rows + (text_equal(table->kind, "fact") ? table->deleted : 0);
    } else if (source) {
        source->clean_versions =
            (source->clean_versions < 0 ? 0 : source->clean_versions) + (int64_t)table->rows;
        source->quarantined = source->quarantined < 0 ? 0 : source->quarantined;
    }
    if (held)
        add_quarantined(source, model, table);
}

/* Adds what a record says of the head's tables.  A table that was built anew counts from there, for
 * it holds again what its older generations held: `settled` marks those.  Returns whether any table
 * is left that older records may tell of. */
static bool add_record(struct status *status, const struct processed_record *head,
                       struct settled *settled, const struct processed_record *record)
{
    bool more = false;

    for (size_t i = 0; i < head->table_count; i++) {
        const struct processed_table *now = &head->tables[i];
        const struct processed_table *then = table_of(record, now);
        settled[i].table |= !then || !text_equal(then->generation, now->generation);
        if (settled[i].table)
            continue;
        add_table(status, then, !settled[i].quarantined);
        settled[i].quarantined |= then->replayed;
        more = true;
    }
    return more;
}

static void list_models(struct status *status, const struct processed_record *head,
                        struct arena *arena)
{
    status->models = arena_alloc(arena, (head->table_count + 1) * sizeof *status->models);
    for (size_t i = 0; i < head->table_count; i++)
        if (!text_equal(head->tables[i].kind, "clean"))
            status->models[status->model_count++] = (struct status_model){
                .model = head->tables[i].name,
                .kind = head->tables[i].kind,
                .warehouse_rows = -1,
            };
}

/* Sums go back to where each table was built anew, or to the beginning. */
static enum err_code read_processed(struct store *processed, struct arena *arena,
                                    struct status *status, struct err *err)
{
    struct processed_record *head;

    TRY(batch_log_head(processed, &status->process.head, err));
    if (!status->process.head)
        return ERR_OK;
    TRY(processed_record_read(processed, status->process.head, arena, &head, err));
    status->process.captured_us = head->captured_us;
    status->lake = head->lake;
    list_models(status, head, arena);
    struct settled *settled = arena_alloc(arena, (head->table_count + 1) * sizeof *settled);
    bool more = add_record(status, head, settled, head);
    for (uint64_t batch = status->process.head - 1; batch > 0 && more; batch--) {
        CLEANUP(arena_free) struct arena *scratch = arena_new(0);
        struct processed_record *record;
        TRY(processed_record_read(processed, batch, scratch, &record, err));
        more = add_record(status, head, settled, record);
    }
    return ERR_OK;
}

static bool take_count(void *arg, size_t column_count, const char *const *names,
                       const struct span *cells)
{
    char digits[32];
    int64_t *count = arg;

    (void)names;
    if (column_count && cells[0].data && cells[0].size < sizeof digits) {
        memcpy(digits, cells[0].data, cells[0].size);
        digits[cells[0].size] = '\0';
        if (!text_to_i64(digits, count))
            *count = -1;
    }
    return false;
}

/* A table that is not there yet leaves its count unknown: that is no error of the status. */
static void count_rows(struct warehouse *warehouse, const char *schema, struct status_model *model)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    struct err ignored;

    buf_add_text(&sql, "select count(*) from ");
    if (schema)
        pg_qualified(&sql, schema, model->model);
    else
        pg_ident(&sql, model->model);
    if (warehouse_query(warehouse, buf_text(&sql), NULL, 0, take_count, &model->warehouse_rows,
                        &ignored))
        model->warehouse_rows = -1;
}

static enum err_code read_warehouse(struct warehouse *warehouse, const char *schema,
                                    struct store *processed, struct arena *arena,
                                    struct status *status, struct err *err)
{
    struct processed_record *record;
    const char *generation;

    status->warehouse_read = true;
    if (!status->lake)
        return ERR_OK;
    TRY(warehouse_ledger_head(warehouse, status->lake, arena, &status->load.head, &generation,
                              err));
    if (status->load.head && status->load.head <= status->process.head) {
        TRY(processed_record_read(processed, status->load.head, arena, &record, err));
        status->load.captured_us = record->captured_us;
    }
    for (size_t i = 0; i < status->model_count && status->load.head; i++)
        count_rows(warehouse, schema, &status->models[i]);
    return ERR_OK;
}

enum err_code status_read(struct store *ingestion, struct store *processed,
                          struct warehouse *warehouse, const char *schema, struct arena *arena,
                          struct status *ret_status, struct err *err)
{
    struct status status = {.now_us = clock_now_us()};

    TRY(read_ingestion(ingestion, arena, &status, err));
    TRY(read_processed(processed, arena, &status, err));
    if (warehouse)
        TRY(read_warehouse(warehouse, schema, processed, arena, &status, err));
    *ret_status = status;
    return ERR_OK;
}
