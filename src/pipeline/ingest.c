#include "pipeline/ingest.h"

#include <string.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"
#include "base/workers.h"
#include "pipeline/batch_log.h"
#include "pipeline/capture.h"
#include "pipeline/ingest_decide.h"
#include "pipeline/record.h"

#ifndef TOTE_VERSION
#    define TOTE_VERSION "0"
#endif

enum {
    TRIES_MAX = 5,
    PARALLEL_ABOVE_BYTES = 2 << 20, /* less work than this is done before a connection is made */
    COMPARE_SHARE = 16,             /* a fingerprint is so many times quicker than reading */
    KNOWS_TID_RANGES = 140000,
};

struct task {
    struct table_capture *capture;
    size_t range;
    uint64_t size_bytes;
};

/* One try at a batch. */
struct ingest {
    struct store *store;
    const struct ingest_options *options;
    struct arena *arena;
    const struct record *last; /* or NULL */
    const char *work_dir;
    char attempt[RANDOM_ID_SIZE];
    int64_t started_us;
    struct snapshot *snapshot;
    struct source_plan plan;
    struct capture_batch batch;
    struct table_capture *captures;
    size_t capture_count;
    struct task *tasks;
    size_t task_count;
    bool restart; /* the source changed under us: try again */
};

static void ingest_release(struct ingest *ingest)
{
    for (size_t i = 0; i < ingest->capture_count; i++)
        table_capture_release(&ingest->captures[i]);
    snapshot_close(ingest->snapshot);
}

/* --- plan --- */

/* A table that went away between listing and locking, or a query that a standby's replay ended:
 * what was read so far is worthless, the next try is not. */
static bool is_worth_another_try(const struct err *err)
{
    static const char *const states[] = {"42P01", "3F000", "42703", "XX000", "40001", "42809"};
    for (size_t i = 0; i < COUNT_OF(states); i++)
        if (text_equal(err->sqlstate, states[i]))
            return true;
    return false;
}

static enum err_code read_plan(struct ingest *ingest, struct source_plan *ret_plan, struct err *err)
{
    struct catalog catalog = {0};
    struct source_plan_options options = {
        .ingest = ingest->options,
        .last = ingest->last,
        .utf8 = snapshot_facts(ingest->snapshot)->utf8,
    };
    TRY(catalog_read(snapshot_pg(ingest->snapshot), ingest->arena, &catalog, err));
    return source_plan_make(&options, &catalog, ingest->arena, ret_plan, err);
}

static bool has_cursors(const struct source_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (source_table_cursor(&plan->tables[i]))
            return true;
    return false;
}

/* Lists, locks, takes the snapshot, lists again. */
static enum err_code take_snapshot(struct ingest *ingest, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf lock = {0};
    struct source_plan before = {0};
    struct snapshot_options options = {
        .url = ingest->options->source_url,
        .lock_timeout_us = ingest->options->lock_timeout_us,
        .statement_timeout_us = ingest->options->statement_timeout_us,
    };

    TRY(snapshot_open(&options, &ingest->snapshot, err));
    TRY(snapshot_peek(ingest->snapshot, err));
    TRY(read_plan(ingest, &before, err));
    if (has_cursors(&before))
        TRY(snapshot_ask_oldest(ingest->snapshot, err));
    TRY(snapshot_rollback(ingest->snapshot, err));
    source_plan_lock(&before, &lock);
    TRY(snapshot_begin(ingest->snapshot, buf_text(&lock), err));
    TRY(read_plan(ingest, &ingest->plan, err));
    if (source_plan_equal(&before, &ingest->plan))
        return ERR_OK;
    ingest->restart = true;
    (void)err_set(err, ERR_TIMEOUT,
                  "tables of the source were altered %d times while they were listed", TRIES_MAX);
    return err_hint(err, "run again when the migration is over");
}

/* --- tasks --- */

static int by_size(const void *a, const void *b)
{
    const struct task *x = a, *y = b;
    return (x->size_bytes < y->size_bytes) - (x->size_bytes > y->size_bytes);
}

/* How many connections may read a table at once; 0: it cannot be split. */
static unsigned side_by_side(const struct ingest *ingest, const struct source_table *source)
{
    bool can_split = source->catalog->kind == 'r' && source->size_bytes > LARGE_TABLE_BYTES &&
                     snapshot_facts(ingest->snapshot)->server_version >= KNOWS_TID_RANGES;
    return can_split ? ingest->options->connections : 0;
}

static enum err_code add_tasks(struct ingest *ingest, struct table_capture *capture,
                               struct err *err)
{
    bool whole = capture->mode == CAPTURE_COMPARE || capture->mode == CAPTURE_CURSOR;
    unsigned connections = whole ? 0 : side_by_side(ingest, capture->source);
    size_t ranges = connections ? connections : 1;

    if (capture->mode == CAPTURE_FIRST) {
        TRY(capture_first_split(capture, snapshot_pg(ingest->snapshot), connections, err));
        ranges = capture->range_count;
    } else if (capture->mode == CAPTURE_INCREMENTAL) {
        capture_divide(capture, ranges, (uint64_t)capture->source->catalog->pages);
    }
    for (size_t i = 0; i < ranges; i++)
        ingest->tasks[ingest->task_count++] = (struct task){
            .capture = capture, .range = i, .size_bytes = capture->source->size_bytes / ranges};
    return ERR_OK;
}

static enum err_code plan_tasks(struct ingest *ingest, bool trusted, struct err *err)
{
    size_t count = ingest->plan.count;

    ingest->captures = arena_alloc(ingest->arena, count * sizeof *ingest->captures);
    ingest->tasks = arena_alloc(ingest->arena, count * CAPTURE_RANGES_MAX * sizeof *ingest->tasks);
    for (size_t i = 0; i < count; i++) {
        const struct source_table *source = &ingest->plan.tables[i];
        const struct record_table *old =
            ingest->last ? record_find_table(ingest->last, source->record.name) : NULL;
        struct table_capture *capture = &ingest->captures[i];
        if (old && !decide_state_fits(source, old))
            old = NULL;
        table_capture_init(capture, &ingest->batch, source, old,
                           decide_mode(&ingest->batch, source, old, trusted));
        capture->state_changed = !old || decide_must_compare(&ingest->batch, source, old, trusted);
        ingest->capture_count++;
        if (source_table_cursor(source))
            TRY(capture_note_cursor(capture, snapshot_pg(ingest->snapshot), err));
        TRY(add_tasks(ingest, capture, err));
    }
    qsort(ingest->tasks, ingest->task_count, sizeof *ingest->tasks, by_size);
    return ERR_OK;
}

/* Whoever does the last range goes on with what needs all of them. */
static enum err_code capture_range(struct table_capture *capture, struct pg *pg, size_t range,
                                   struct err *err)
{
    bool first = capture->mode == CAPTURE_FIRST;

    TRY(first ? capture_first_range(capture, pg, range, err)
              : capture_incremental_range(capture, pg, range, err));
    if (atomic_fetch_sub(&capture->ranges_left, 1) > 1)
        return ERR_OK;
    return first ? capture_first_finish(capture, err) : capture_incremental(capture, pg, err);
}

static enum err_code run_task(void *arg, unsigned worker, size_t number, struct err *err)
{
    struct ingest *ingest = arg;
    const struct task *task = &ingest->tasks[number];
    struct table_capture *capture = task->capture;
    int64_t started_us = clock_monotonic_us();
    int_least64_t not_yet = 0;
    struct pg *pg = NULL;

    (void)atomic_compare_exchange_strong(&capture->started_us, &not_yet, clock_now_us());
    TRY(snapshot_worker(ingest->snapshot, worker, &pg, err));
    enum err_code code = capture->mode == CAPTURE_COMPARE ? capture_compare(capture, pg, err)
                         : capture->mode == CAPTURE_CURSOR
                             ? capture_cursor(capture, pg, err)
                             : capture_range(capture, pg, task->range, err);
    (void)atomic_fetch_add(&capture->duration_us, clock_monotonic_us() - started_us);
    return code;
}

static enum err_code run_tasks(struct ingest *ingest, struct err *err)
{
    uint64_t size_bytes = 0, expected_rows = 0;
    unsigned workers = ingest->options->connections;

    for (size_t i = 0; i < ingest->task_count; i++)
        size_bytes += ingest->tasks[i].capture->mode >= CAPTURE_INCREMENTAL
                          ? ingest->tasks[i].size_bytes / COMPARE_SHARE
                          : ingest->tasks[i].size_bytes;
    for (size_t i = 0; i < ingest->plan.count; i++)
        if (ingest->captures[i].mode < CAPTURE_INCREMENTAL &&
            ingest->plan.tables[i].catalog->estimated_rows > 0)
            expected_rows += (uint64_t)ingest->plan.tables[i].catalog->estimated_rows;
    if (size_bytes < PARALLEL_ABOVE_BYTES || workers < 1)
        workers = 1;
    if (workers > ingest->task_count)
        workers = (unsigned)ingest->task_count;
    TRY(snapshot_share(ingest->snapshot, workers, err));
    progress_begin("ingest", expected_rows);
    enum err_code code = workers_run(workers, ingest->task_count, run_task, ingest, err);
    progress_end();
    return code;
}

/* --- record --- */

static bool is_captured(const struct ingest *ingest, const char *name)
{
    for (size_t i = 0; i < ingest->capture_count; i++)
        if (text_equal(ingest->captures[i].record.name, name))
            return true;
    return false;
}

static bool is_due(const struct ingest *ingest)
{
    const struct record *last = ingest->last;

    if (!last || ingest->options->record_always)
        return true;
    for (size_t i = 0; i < last->table_count; i++)
        if (!last->tables[i].gone && !is_captured(ingest, last->tables[i].name))
            return true;
    for (size_t i = 0; i < ingest->capture_count; i++)
        if (ingest->captures[i].state_changed)
            return true;
    return ingest->batch.facts->captured_us - last->captured_us >= ingest->options->heartbeat_us;
}

/* Tables that the source does not show any more: nothing of them is deleted, for it may be a
 * privilege or an exclusion that took them away. */
static size_t keep_gone(const struct ingest *ingest, struct record_table *tables, size_t count)
{
    for (size_t i = 0; ingest->last && i < ingest->last->table_count; i++) {
        const struct record_table *old = &ingest->last->tables[i];
        if (is_captured(ingest, old->name))
            continue;
        if (!old->gone)
            log_warn("table '%s' is not in the source any more: its last content is kept",
                     old->name);
        struct record_table *kept = &tables[count++];
        *kept = *old;
        kept->gone = true;
        kept->changed = kept->deleted = 0;
        kept->object_count = kept->deleted_object_count = kept->deleted_from_count = 0;
    }
    return count;
}

static void build_record(const struct ingest *ingest, struct record *ret)
{
    size_t old_count = ingest->last ? ingest->last->table_count : 0;
    struct record_table *tables =
        arena_alloc(ingest->arena, (ingest->capture_count + old_count) * sizeof *tables);

    for (size_t i = 0; i < ingest->capture_count; i++)
        tables[i] = ingest->captures[i].record;
    capture_describe_batch(&ingest->batch, ret);
    ret->tables = tables;
    ret->table_count = keep_gone(ingest, tables, ingest->capture_count);
}

static enum err_code commit(const struct ingest *ingest, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    struct record record;

    build_record(ingest, &record);
    record_write(&record, &text);
    enum err_code code = batch_log_commit(ingest->store, record.batch, ingest->attempt,
                                          (struct span){text.data, text.size}, err);
    if (code != ERR_CONFLICT)
        return code;
    (void)err_set(err, ERR_CONFLICT, "another runner committed batch %llu first",
                  (unsigned long long)record.batch);
    return err_hint(err, "nothing is lost: run again, or let the other one do it");
}

static uint64_t stored_bytes(const struct record_table *table)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < table->object_count; i++)
        bytes += table->objects[i].bytes;
    for (size_t i = 0; i < table->deleted_object_count; i++)
        bytes += table->deleted_objects[i].bytes;
    return bytes;
}

static void report_counts(const struct ingest *ingest, struct step_report *report)
{
    report->table_count = (unsigned)ingest->capture_count;
    report->source_rows = 0;
    for (size_t i = 0; i < ingest->capture_count; i++)
        report->source_rows += ingest->captures[i].record.rows;
}

static void report_batch(const struct ingest *ingest, struct step_report *report)
{
    int64_t captured_us = ingest->batch.facts->captured_us;
    struct step_batch *batch = step_report_add(report, ingest->batch.batch, captured_us);

    batch->started_us = ingest->started_us;
    batch->duration_us = clock_now_us() - ingest->started_us;
    for (size_t i = 0; i < ingest->capture_count; i++) {
        const struct record_table *table = &ingest->captures[i].record;
        if (table->changed == 0 && table->deleted == 0)
            continue;
        struct step_table *line = step_batch_add(report, batch, table->name);
        line->rows = table->changed;
        line->deleted = table->deleted;
        line->bytes = stored_bytes(table);
        line->duration_us = ingest->captures[i].duration_us;
        line->started_us = ingest->captures[i].started_us;
    }
    report->head = ingest->batch.batch;
    report->head_captured_us = captured_us;
}

/* --- run --- */

static enum err_code try_batch(struct ingest *ingest, struct step_report *report, struct err *err)
{
    bool trusted = false;

    TRY(take_snapshot(ingest, err));
    source_plan_warn(&ingest->plan, ingest->options);
    ingest->batch = (struct capture_batch){
        .store = ingest->store,
        .options = ingest->options,
        .facts = snapshot_facts(ingest->snapshot),
        .batch = ingest->last ? ingest->last->batch + 1 : 1,
        .attempt = ingest->attempt,
        .last = ingest->last,
        .work_dir = ingest->work_dir,
        .program = "tote " TOTE_VERSION,
        .started_us = ingest->started_us,
    };
    TRY(decide_source(&ingest->batch, &trusted, err));
    TRY(plan_tasks(ingest, trusted, err));
    TRY(run_tasks(ingest, err));
    TRY(cancel_check(err));
    if (is_due(ingest)) {
        TRY(commit(ingest, err));
        report_batch(ingest, report);
    }
    report_counts(ingest, report);
    return ERR_OK;
}

static enum err_code try_once(struct store *store, const struct ingest_options *options,
                              const struct record *last, const char *work_dir,
                              struct step_report *report, bool *ret_again, struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    CLEANUP_IN_PLACE(ingest_release)
    struct ingest ingest = {
        .store = store,
        .options = options,
        .arena = arena,
        .last = last,
        .work_dir = work_dir,
        .started_us = clock_now_us(),
    };
    random_id(ingest.attempt);
    enum err_code code = try_batch(&ingest, report, err);
    *ret_again = code != ERR_OK && (ingest.restart || is_worth_another_try(err));
    return code;
}

static enum err_code read_head(struct store *store, struct arena *arena, struct record **ret_last,
                               struct step_report *report, struct err *err)
{
    uint64_t head = 0;

    TRY(batch_log_head(store, &head, err));
    if (head == 0)
        return ERR_OK;
    TRY(record_read(store, head, arena, ret_last, err));
    report->head = head;
    report->head_captured_us = (*ret_last)->captured_us;
    return ERR_OK;
}

enum err_code ingest_run(struct store *ingestion, const struct ingest_options *options,
                         struct step_report *report, struct err *err)
{
    CLEANUP(arena_free) struct arena *run_arena = arena_new(0);
    CLEANUP(work_dir_close) struct work_dir *work_dir = NULL;
    int64_t started_us = clock_monotonic_us();
    struct record *last = NULL;
    enum err_code code = ERR_OK;
    bool again = true;

    TRY(read_head(ingestion, run_arena, &last, report, err));
    TRY(work_dir_open(options->work_dir, &work_dir, err));
    for (unsigned tries = 1; again && tries <= TRIES_MAX; tries++) {
        code = try_once(ingestion, options, last, work_dir_path(work_dir), report, &again, err);
        if (code != ERR_OK && again && tries < TRIES_MAX) {
            log_debug("starting over: %s", err->message);
            *err = (struct err){0};
        }
    }
    report->duration_us = clock_monotonic_us() - started_us;
    return code;
}
