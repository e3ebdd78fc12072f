#include "pipeline/load.h"

#include <inttypes.h>
#include <string.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/progress.h"
#include "base/text.h"
#include "pipeline/batch_log.h"
#include "pipeline/load_batch.h"

/* Further behind than this, the lake's tables are loaded as they are now, in one transaction. */
enum {
    BEHIND_MAX = 20
};

struct load {
    struct store *processed;
    struct warehouse *warehouse;
    const struct load_options *options;
    struct step_report *report;
    struct arena *arena;
    const struct processed_record *head; /* last record of the processed log */
    uint64_t loaded;                     /* last batch in the ledger */
    uint64_t rebuilt;                    /* no batch before it is needed; 0: all are */
    const char *generation;              /* under which it was loaded */
};

/* What the ledger says */

static bool take_text(void *arg, size_t column_count, const char *const *names,
                      const struct span *cells)
{
    (void)column_count, (void)names;
    struct buf *text = arg;
    if (cells[0].data)
        buf_add(text, cells[0].data, cells[0].size);
    return false;
}

/* Surrogate keys and versions of two lakes in one set of tables would make nonsense of both. */
static enum err_code refuse_other_lake(struct load *load, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf found = {0};
    static const char has_ledger[] =
        "select table_name from information_schema.tables where table_schema = 'tote' and "
        "table_name = 'batch'";
    TRY(warehouse_query(load->warehouse, has_ledger, NULL, 0, take_text, &found, err));
    if (found.size == 0)
        return ERR_OK;
    buf_clear(&found);
    TRY(warehouse_query(load->warehouse, "select lake from tote.batch limit 1", NULL, 0, take_text,
                        &found, err));
    if (found.size == 0)
        return ERR_OK;
    (void)err_set(err, ERR_CONFLICT, "the warehouse was loaded from another lake: %.8s…, not %.8s…",
                  found.data, load->head->lake);
    return err_hint(err, "check lake.processed and warehouse.url; to start over, load into another "
                         "database, or drop the star's tables and the schema 'tote' first");
}

/* A lake that was put back to an earlier state and went on has other batches under the numbers that
 * are loaded already: without this, what they hold would be passed over. */
static enum err_code check_loaded(struct load *load, struct err *err)
{
    static const char is_loaded[] = "select 'yes' from tote.batch where lake = $1 and "
                                    "batch = cast($2 as bigint) and "
                                    "captured_at = cast($3 as timestamp)";
    CLEANUP_IN_PLACE(buf_release) struct buf found = {0};
    const struct processed_record *record = load->head;
    char captured_at[CLOCK_TEXT_MAX];
    if (load->loaded != record->batch) {
        struct processed_record *read;
        enum err_code code =
            processed_record_read(load->processed, load->loaded, load->arena, &read, err);
        if (code == ERR_NOT_FOUND)
            return ERR_OK; /* nothing to compare with */
        TRY(code);
        record = read;
    }
    clock_format(record->captured_us, captured_at);
    const char *const params[] = {record->lake, arena_printf(load->arena, "%" PRIu64, load->loaded),
                                  captured_at};
    TRY(warehouse_query(load->warehouse, is_loaded, params, COUNT_OF(params), take_text, &found,
                        err));
    if (found.size > 0)
        return ERR_OK;
    (void)err_set(err, ERR_CONFLICT,
                  "the warehouse holds another batch %" PRIu64 " than the lake '%s'", load->loaded,
                  store_url(load->processed));
    return err_hint(err, "the lake was put back to an earlier state and went on from there: bring "
                         "its records back, or drop the star's tables and the schema 'tote' and "
                         "load again");
}

static enum err_code read_ledger(struct load *load, struct err *err)
{
    TRY(warehouse_ledger_head(load->warehouse, load->head->lake, load->arena, &load->loaded,
                              &load->generation, err));
    if (load->loaded == 0)
        return refuse_other_lake(load, err);
    if (load->loaded > load->head->batch) {
        (void)err_set(err, ERR_CONFLICT,
                      "the warehouse holds batch %" PRIu64 ", the lake '%s' ends with %" PRIu64,
                      load->loaded, store_url(load->processed), load->head->batch);
        return err_hint(
            err, "the lake was put back to an earlier state: bring its records back, or drop the "
                 "star's tables and the schema 'tote' and load again");
    }
    return check_loaded(load, err);
}

/* Batches */

static enum err_code run_job(struct load *load, const struct processed_record *record, bool rebuild,
                             bool whole, struct err *err)
{
    const struct load_job job = {
        .store = load->processed,
        .warehouse = load->warehouse,
        .work_parent = load->options->work_dir,
        .record = record,
        .rebuild = rebuild,
        .whole = whole,
    };
    enum err_code code = load_batch(&job, load->report, err);
    if (code == ERR_OK) {
        load->loaded = record->batch;
        load->generation = record->generation;
        return ERR_OK;
    }
    if (code != ERR_CONFLICT)
        return code;
    /* another runner was quicker, or something is wrong */
    struct err conflict = *err;
    uint64_t before = load->loaded;
    TRY(read_ledger(load, err));
    if (load->loaded <= before) {
        *err = conflict;
        return conflict.code;
    }
    return ERR_OK;
}

static enum err_code load_next(struct load *load, struct err *err)
{
    const struct processed_record *record = load->head;
    struct processed_record *read;
    uint64_t next = load->loaded + 1 > load->rebuilt ? load->loaded + 1 : load->rebuilt;
    TRY(cancel_check(err));
    if (next != load->head->batch) {
        enum err_code code = processed_record_read(load->processed, next, load->arena, &read, err);
        if (code == ERR_NOT_FOUND) {
            (void)err_set(err, ERR_DATA, "record of batch %" PRIu64 " is gone from '%s'", next,
                          store_url(load->processed));
            return err_hint(err, "records must not be removed: bring it back");
        }
        TRY(code);
        record = read;
    }
    if (!text_equal(record->lake, load->head->lake))
        return err_set(err, ERR_DATA, "record of batch %" PRIu64 " is of another lake", next);
    if (load->loaded > 0 && !record->rebuilt && !text_equal(record->generation, load->generation)) {
        (void)err_set(err, ERR_CONFLICT,
                      "batch %" PRIu64 " was made by other models than what the warehouse holds",
                      next);
        return err_hint(err,
                        "a mixture of generations would be wrong: drop the star's tables and the "
                        "schema 'tote' and load again");
    }
    return run_job(load, record, record->rebuilt && load->loaded > 0, false, err);
}

/* A batch for which everything was made anew needs none before it.  One that the warehouse refuses,
 * since its models cannot be loaded, is left behind that way when they are mended. */
static enum err_code find_rebuilt(struct load *load, struct err *err)
{
    const struct processed_record *record = load->head;
    struct processed_record *read;
    for (uint64_t batch = load->head->batch; batch > load->loaded + 1; batch--) {
        if (batch != load->head->batch) {
            TRY(processed_record_read(load->processed, batch, load->arena, &read, err));
            record = read;
        }
        if (record->rebuilt) {
            load->rebuilt = batch;
            return ERR_OK;
        }
    }
    return ERR_OK;
}

/* Nothing there, or much to do: the tables of the lake's head in one go. */
static bool whole_is_better(const struct load *load)
{
    uint64_t behind = load->head->batch - load->loaded;
    return behind > BEHIND_MAX || (load->loaded == 0 && behind > 1);
}

static uint64_t rows_expected(const struct processed_record *record)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < record->table_count; i++)
        if (!text_equal(record->tables[i].kind, "clean"))
            for (size_t j = 0; j < record->tables[i].object_count; j++)
                rows += record->tables[i].objects[j].rows;
    return rows;
}

static enum err_code load_missing(struct load *load, struct err *err)
{
    unsigned done = 0;
    TRY(read_ledger(load, err));
    if (load->loaded == load->head->batch)
        return warehouse_maintain(load->warehouse, &done, err);
    bool whole = whole_is_better(load);
    progress_begin("load", whole ? 0 : rows_expected(load->head));
    enum err_code code =
        whole ? run_job(load, load->head, true, true, err) : find_rebuilt(load, err);
    while (code == ERR_OK && load->loaded < load->head->batch)
        code = load_next(load, err);
    progress_end();
    return code;
}

enum err_code load_run(struct store *processed, struct warehouse *warehouse,
                       const struct load_options *options, struct step_report *report,
                       struct err *err)
{
    CLEANUP(arena_free) struct arena *run_arena = arena_new(0);
    struct load load = {.processed = processed,
                        .warehouse = warehouse,
                        .options = options,
                        .report = report,
                        .arena = run_arena};
    struct processed_record *head;
    uint64_t head_batch;
    enum err_code code = ERR_OK;
    int64_t start_us = clock_monotonic_us();
    TRY(batch_log_head(processed, &head_batch, err));
    if (head_batch > 0) {
        TRY(processed_record_read(processed, head_batch, run_arena, &head, err));
        load.head = head;
        code = load_missing(&load, err);
        /* Some batches may be done although one failed. */
        report->head = load.loaded;
        if (load.loaded == head->batch)
            report->head_captured_us = head->captured_us;
        else if (report->batch_count > 0)
            report->head_captured_us = report->batches[report->batch_count - 1].captured_us;
    }
    report->duration_us = clock_monotonic_us() - start_us;
    return code;
}
