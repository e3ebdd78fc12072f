#include "pipeline/process.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/text.h"
#include "pipeline/batch_log.h"
#include "pipeline/process_make.h"
#include "pipeline/process_plan.h"

enum {
    SESSION_BATCHES = 50
};

/* One call of process_run(). */
struct process {
    struct store *ingestion;
    struct store *processed;
    struct arena *arena; /* of the call */
    struct maker *maker;
    const struct record *newest; /* ingestion's; NULL when only one batch is missing */
    const char *lake_id;         /* attempt of the ingestion bucket's first batch */
    struct lake lake;
    struct step_report *report;
};

static unsigned thread_count(const struct process_options *options)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (options->threads)
        return options->threads;
    return cores > 0 ? (unsigned)cores : 1;
}

/* --- one batch --- */

static void report_batch(struct process *process, int64_t started_us, int64_t duration_us)
{
    const struct lake *lake = &process->lake;
    struct step_report *report = process->report;
    struct step_batch *batch = step_report_add(report, lake->batch, lake->captured_us);
    batch->started_us = started_us;
    batch->duration_us = duration_us;
    for (size_t i = lake->clean_count; i < lake->table_count; i++) {
        const struct lake_table *table = &lake->tables[i];
        if (table->rows + table->deleted + table->quarantined == 0)
            continue;
        struct step_table *entry =
            step_batch_add(report, batch, arena_strdup(report->arena, table->name));
        entry->rows = table->rows;
        entry->deleted = table->deleted;
        entry->quarantined = table->quarantined;
        entry->duration_us = table->duration_us;
        entry->started_us = table->started_us;
        for (size_t k = 0; k < table->file_count; k++)
            if (table->files[k]->is_new)
                entry->bytes += table->files[k]->file.bytes;
    }
    for (size_t i = 0; i < lake->clean_count; i++) {
        const struct lake_table *table = &lake->tables[i];
        if (table->quarantined == 0)
            continue;
        struct step_table *entry =
            step_batch_add(report, batch, arena_printf(report->arena, "clean.%s", table->name));
        entry->rows = table->rows;
        entry->deleted = table->deleted;
        entry->quarantined = table->quarantined;
    }
}

static enum err_code make_batch(struct process *process, const struct record *record,
                                const struct processed_record *previous,
                                struct processed_record **ret_done, struct err *err)
{
    struct lake *lake = &process->lake;
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    int64_t began_us = clock_monotonic_us();
    int64_t started_us = clock_now_us();
    lake->batch = lake->row_batch = record->batch;
    lake->captured_us = lake->row_captured_us = record->captured_us;
    lake->serial = 0;
    lake->serial_step = 1;
    random_id(lake->attempt);
    const struct record *ahead =
        process->newest && process->newest->batch > record->batch ? process->newest : NULL;
    TRY(process_plan(lake, record, ahead, previous, err));
    enum err_code code = maker_run(process->maker, lake, record, previous, err);
    if (code == ERR_OK)
        code = lake_publish(lake, err);
    struct processed_record *done = arena_alloc(lake->arena, sizeof *done);
    if (code == ERR_OK)
        code = process_record(lake, previous, process->lake_id, done, err);
    if (code != ERR_OK) {
        lake_abandon(lake);
        return code;
    }
    done->started_us = started_us;
    done->duration_us = clock_monotonic_us() - began_us;
    done->attempt = arena_strdup(lake->arena, lake->attempt);
    processed_record_write(done, &text);
    TRY(batch_log_commit(lake->processed, lake->batch, lake->attempt,
                         (struct span){text.data, text.size}, err));
    report_batch(process, started_us, clock_monotonic_us() - began_us);
    lake_settle(lake);
    *ret_done = done;
    return ERR_OK;
}

/* --- the run --- */

/* The processed bucket must have been made from this ingestion bucket. */
static enum err_code check_lake(struct process *process, const struct processed_record *head,
                                struct err *err)
{
    struct record *first;
    TRY(record_read(process->ingestion, 1, process->arena, &first, err));
    process->lake_id = first->attempt;
    if (!head || text_equal(head->lake, process->lake_id))
        return ERR_OK;
    (void)err_set(err, ERR_CONFIG, "'%s' was not made from '%s' but from another lake",
                  store_url(process->processed), store_url(process->ingestion));
    return err_hint(err,
                    "check lake.ingestion and lake.processed; a new lake needs an empty processed "
                    "bucket");
}

/* An ingestion bucket that was put back to an earlier state and went on has other batches under the
 * numbers that are processed already. */
static enum err_code check_batch(struct process *process, const struct processed_record *head,
                                 struct err *err)
{
    struct record *record;
    TRY(record_read(process->ingestion, head->batch, process->arena, &record, err));
    if (record->captured_us == head->captured_us)
        return ERR_OK;
    (void)err_set(err, ERR_CONFLICT,
                  "'%s' was made from another batch %" PRIu64 " than that of '%s'",
                  store_url(process->processed), head->batch, store_url(process->ingestion));
    return err_hint(err, "the ingestion bucket was put back to an earlier state and went on from "
                         "there: bring its records back, or empty the processed bucket and the "
                         "warehouse, which are then made anew");
}

/* Some batches with memory of their own, so that a long way to catch up does not add up. */
static enum err_code run_session(struct process *process, uint64_t *done, uint64_t head,
                                 struct err *err)
{
    CLEANUP(arena_free) struct arena *session = arena_new(0);
    struct processed_record *previous = NULL;
    maker_end_session(process->maker);
    process->lake.arena = session;
    process->lake.tables = NULL;
    process->lake.table_count = process->lake.clean_count = 0;
    if (*done > 0) {
        TRY(processed_record_read(process->processed, *done, session, &previous, err));
        process->report->head = *done;
        process->report->head_captured_us = previous->captured_us;
    }
    if (!process->lake_id) {
        TRY(check_lake(process, previous, err));
        if (previous)
            TRY(check_batch(process, previous, err));
    }
    for (unsigned i = 0; i < SESSION_BATCHES && *done < head; i++) {
        struct record *record;
        TRY(cancel_check(err));
        TRY(record_read(process->ingestion, *done + 1, session, &record, err));
        TRY(make_batch(process, record, previous, &previous, err));
        (*done)++;
        process->report->head = *done;
        process->report->head_captured_us = record->captured_us;
    }
    return ERR_OK;
}

static enum err_code run_all(struct process *process, uint64_t done, uint64_t head, struct err *err)
{
    if (head > done + 1) {
        struct record *newest;
        TRY(record_read(process->ingestion, head, process->arena, &newest, err));
        process->newest = newest;
    }
    while (done < head)
        TRY(run_session(process, &done, head, err));
    return ERR_OK;
}

/* Nothing to do; but somebody who edited a model wants it to take effect. */
static enum err_code report_idle(struct process *process, uint64_t head, struct err *err)
{
    struct processed_record *last;
    if (head == 0)
        return ERR_OK;
    TRY(processed_record_read(process->processed, head, process->arena, &last, err));
    TRY(check_batch(process, last, err));
    process->report->head = head;
    process->report->head_captured_us = last->captured_us;
    process->report->models_changed =
        process_models_differ(process->lake.models, last, process->arena);
    return ERR_OK;
}

enum err_code process_run(struct store *ingestion, struct store *processed,
                          const struct process_options *options, struct step_report *report,
                          struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    CLEANUP(maker_free) struct maker *maker = NULL;
    struct process process = {
        .ingestion = ingestion, .processed = processed, .arena = arena, .report = report};
    struct model_set *models;
    uint64_t head = 0, done = 0;
    int64_t started_us = clock_monotonic_us();
    TRY(batch_log_head(ingestion, &head, err));
    TRY(batch_log_head(processed, &done, err));
    if (done > head) {
        (void)err_set(err, ERR_CONFIG, "'%s' has %" PRIu64 " batches, '%s' only %" PRIu64,
                      store_url(processed), done, store_url(ingestion), head);
        return err_hint(err,
                        "check lake.ingestion and lake.processed: they belong to different lakes");
    }
    TRY(model_set_read(options->models_dir, arena, &models, err));
    process.lake = (struct lake){.ingestion = ingestion,
                                 .processed = processed,
                                 .models = models,
                                 .threads = thread_count(options)};
    const struct maker_options maker_options = {.ingestion = ingestion,
                                                .processed = processed,
                                                .models_dir = models->dir,
                                                .memory_bytes = options->memory_bytes,
                                                .threads = thread_count(options),
                                                .work_dir = options->work_dir};
    process.maker = maker = maker_new(&maker_options);
    enum err_code code =
        done == head ? report_idle(&process, done, err) : run_all(&process, done, head, err);
    report->duration_us = clock_monotonic_us() - started_us;
    return code;
}
