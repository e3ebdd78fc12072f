/* Apart from metrics.c, because a program that only ingests is linked with no warehouse. */
#include "app/metrics.h"
#include "app/version.h"
#include "base/clock.h"
#include "base/text.h"
#include "pipeline/batch_log.h"
#include "pipeline/processed_record.h"
#include "pipeline/record.h"

static double seconds(int64_t duration_us)
{
    return duration_us > 0 ? (double)duration_us / 1e6 : 0;
}

static void add_step(struct metric_set *set, const char *step, uint64_t head, uint64_t wanted,
                     int64_t captured_us)
{
    metric_add(set, METRIC_BATCHES, step, NULL, (double)head);
    metric_add(set, METRIC_BATCHES_BEHIND, step, NULL, head < wanted ? (double)(wanted - head) : 0);
    if (head)
        metric_add(set, METRIC_FRESHNESS, step, NULL, seconds(clock_now_us() - captured_us));
}

static void add_table(struct metric_set *set, const char *step, const char *name, uint64_t rows,
                      uint64_t deleted)
{
    const char *table = arena_strdup(set->arena, name);

    metric_add(set, METRIC_ROWS, step, table, (double)rows);
    metric_add(set, METRIC_DELETED, step, table, (double)deleted);
}

static enum err_code read_ingestion(struct app *app, struct metric_set *set, uint64_t *ret_head,
                                    struct err *err)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    struct store *ingestion;
    struct record *record;

    TRY(app_ingestion(app, &ingestion, err));
    TRY(batch_log_head(ingestion, ret_head, err));
    if (!*ret_head) {
        add_step(set, "ingest", 0, 0, 0);
        return ERR_OK;
    }
    TRY(record_read(ingestion, *ret_head, scratch, &record, err));
    add_step(set, "ingest", *ret_head, 0, record->captured_us);
    metric_add(set, METRIC_DURATION, "ingest", NULL, seconds(record->duration_us));
    for (size_t i = 0; i < record->table_count; i++) {
        const struct record_table *table = &record->tables[i];
        if (table->gone)
            continue;
        add_table(set, "ingest", table->name, table->changed, table->deleted);
        metric_add(set, METRIC_SOURCE_ROWS, NULL, arena_strdup(set->arena, table->name),
                   (double)table->rows);
    }
    return ERR_OK;
}

/* What a processed record says of the tables that models make, for the step that did it. */
static void add_models(struct metric_set *set, const char *step,
                       const struct processed_record *record)
{
    for (size_t i = 0; i < record->table_count; i++) {
        const struct processed_table *table = &record->tables[i];
        bool clean = text_equal(table->kind, "clean");
        const char *name = clean ? arena_printf(set->arena, "clean.%s", table->name) : table->name;
        if (!clean)
            add_table(set, step, name, table->rows, table->deleted);
        if (text_equal(step, "process"))
            metric_add(set, METRIC_QUARANTINED, step, arena_strdup(set->arena, name),
                       (double)table->quarantined);
    }
}

static enum err_code read_load(struct store *processed, struct warehouse *warehouse,
                               const char *lake, uint64_t wanted, struct metric_set *set,
                               struct err *err)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    struct processed_record *record;
    const char *generation;
    uint64_t head;

    TRY(warehouse_ledger_head(warehouse, lake, scratch, &head, &generation, err));
    if (!head || head > wanted) {
        add_step(set, "load", 0, wanted, 0);
        return ERR_OK;
    }
    TRY(processed_record_read(processed, head, scratch, &record, err));
    add_step(set, "load", head, wanted, record->captured_us);
    add_models(set, "load", record);
    return ERR_OK;
}

enum err_code metrics_read(struct app *app, struct warehouse *warehouse, struct metric_set *set,
                           struct err *err)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    struct store *processed;
    struct processed_record *record;
    uint64_t ingested = 0, head = 0;

    metric_add(set, METRIC_BUILD_INFO, TOTE_VERSION, NULL, 1);
    TRY(read_ingestion(app, set, &ingested, err));
    TRY(app_processed(app, &processed, err));
    TRY(batch_log_head(processed, &head, err));
    if (!head) {
        add_step(set, "process", 0, ingested, 0);
        return ERR_OK;
    }
    TRY(processed_record_read(processed, head, scratch, &record, err));
    add_step(set, "process", head, ingested, record->captured_us);
    metric_add(set, METRIC_DURATION, "process", NULL, seconds(record->duration_us));
    add_models(set, "process", record);
    return warehouse ? read_load(processed, warehouse, record->lake, head, set, err) : ERR_OK;
}
