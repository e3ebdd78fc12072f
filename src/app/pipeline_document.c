#include "app/pipeline_document.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "base/text.h"
#include "pipeline/batch_log.h"
#include "pipeline/drift.h"
#include "pipeline/held.h"
#include "pipeline/quarantine.h"
#include "pipeline/record.h"
#include "pipeline/status.h"

enum {
    REASONS_MAX = 8
};
static const int64_t late_least_us = 15 * INT64_C(60000000);

/* What was read, before it is written. */
struct picture {
    struct app *app;
    const struct pipeline_view *view;
    struct arena *arena;
    struct store *ingestion, *processed;
    struct record *ingested; /* the heads; NULL: no batch yet */
    struct processed_record *made;
    struct history history;
    struct drift drift;
    struct held held; /* as far back as the history goes */
    struct quarantine_summary quarantine;
    int64_t now_us;
    int64_t every_us;
};

static enum err_code read_drift(struct picture *picture, struct err *err)
{
    uint64_t first = picture->history.head;
    size_t count = picture->history.count;
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    const struct record *after = picture->ingested;

    for (size_t i = 0; i < count && first - i > 1; i++) {
        struct record *before;
        TRY(record_read(picture->ingestion, first - i - 1, scratch, &before, err));
        drift_compare(before, after, picture->arena, &picture->drift);
        after = before;
    }
    return ERR_OK;
}

/* What one batch put aside and is held back still. */
static struct processed_record held_of(const struct picture *picture, uint64_t batch)
{
    struct processed_record record = {.batch = batch};
    size_t count = 0;

    for (size_t i = 0; i < picture->held.count; i++)
        count += picture->held.tables[i].object_count;
    record.quarantine = arena_alloc(picture->arena, (count + 1) * sizeof *record.quarantine);
    for (size_t i = 0; i < picture->held.count; i++)
        for (size_t k = 0; k < picture->held.tables[i].object_count; k++)
            if (picture->held.tables[i].objects[k].batch == batch)
                record.quarantine[record.quarantine_count++] =
                    *picture->held.tables[i].objects[k].object;
    return record;
}

static enum err_code read_quarantine(struct picture *picture, struct err *err)
{
    const char *work_dir;

    if (!picture->made)
        return ERR_OK;
    TRY(held_read(picture->processed, picture->made, PIPELINE_BATCHES, picture->arena,
                  &picture->held, err));
    TRY(app_work_dir(picture->app, &work_dir, err));
    for (size_t i = 0; i < picture->history.count && picture->held.rows; i++) {
        const struct history_batch *batch = &picture->history.batches[i];
        if (!batch->processed || !batch->quarantined)
            continue;
        const struct processed_record record = held_of(picture, batch->batch);
        TRY(quarantine_summarize(picture->processed, &record, work_dir, picture->arena,
                                 &picture->quarantine, err));
    }
    return ERR_OK;
}

static enum err_code read_picture(struct picture *picture, struct err *err)
{
    uint64_t processed_head;

    TRY(app_ingestion(picture->app, &picture->ingestion, err));
    TRY(app_processed(picture->app, &picture->processed, err));
    TRY(history_read(picture->ingestion, picture->processed, 0, PIPELINE_BATCHES, picture->arena,
                     &picture->history, err));
    TRY(batch_log_head(picture->processed, &processed_head, err));
    if (picture->history.head)
        TRY(record_read(picture->ingestion, picture->history.head, picture->arena,
                        &picture->ingested, err));
    if (processed_head)
        TRY(processed_record_read(picture->processed, processed_head, picture->arena,
                                  &picture->made, err));
    if (picture->ingested)
        TRY(read_drift(picture, err));
    return read_quarantine(picture, err);
}

/* --- health --- */

struct health {
    const char *state; /* the worst */
    const char *reasons[REASONS_MAX];
    size_t count;
};

static void complain(struct health *health, const char *state, const char *reason)
{
    if (health->count < REASONS_MAX)
        health->reasons[health->count++] = reason;
    if (text_equal(health->state, "ok"))
        health->state = state;
}

static void judge_age(const struct picture *picture, struct health *health)
{
    int64_t age_us = picture->now_us - picture->ingested->captured_us;
    int64_t most_us = 3 * picture->every_us > late_least_us ? 3 * picture->every_us : late_least_us;
    /* without changes a batch comes as seldom as the heartbeat */
    most_us += config_number(app_config(picture->app), OPTION_SCHEDULE_HEARTBEAT);
    char age[CLOCK_TEXT_MAX];

    if (age_us <= most_us)
        return;
    clock_format_duration(age_us, age);
    complain(
        health, "late",
        arena_printf(picture->arena, "the newest batch is %s old: is `tote run` running?", age));
}

static struct health judge(const struct picture *picture)
{
    struct health health = {.state = "ok"};
    struct arena *arena = picture->arena;
    uint64_t held = picture->held.rows, head = picture->history.head;
    uint64_t made = picture->made ? picture->made->batch : 0;

    if (!picture->ingested) {
        complain(&health, "empty", "no batch yet: `tote run` makes the first one");
        return health;
    }
    judge_age(picture, &health);
    if (made < head && !picture->view->run.running)
        complain(&health, "behind",
                 arena_printf(arena, "process has not yet done %llu of the batches",
                              (unsigned long long)(head - made)));
    if (picture->view->loaded_known && picture->view->loaded_batch < made &&
        !picture->view->run.running)
        complain(&health, "behind",
                 arena_printf(arena, "the warehouse lacks %llu of the batches",
                              (unsigned long long)(made - picture->view->loaded_batch)));
    if (held)
        complain(&health, "quarantine",
                 arena_printf(arena, "%s %s held back in quarantine", text_count(arena, held),
                              held == 1 ? "row is" : "rows are"));
    return health;
}

/* --- writing --- */

static void write_health(struct json_writer *json, const struct picture *picture)
{
    struct health health = judge(picture);

    json_object_begin(json, "health");
    json_text(json, "state", health.state);
    json_array_begin(json, "reasons");
    for (size_t i = 0; i < health.count; i++)
        json_text(json, NULL, health.reasons[i]);
    json_array_end(json);
    json_object_end(json);
}

static void write_step(struct json_writer *json, const char *name, uint64_t batch,
                       int64_t captured_us, int64_t now_us)
{
    json_object_begin(json, NULL);
    json_text(json, "step", name);
    json_uint(json, "batch", batch);
    json_time(json, "captured_at", captured_us);
    if (captured_us)
        json_double(json, "age_seconds", (double)(now_us - captured_us) / 1e6);
    else
        json_none(json, "age_seconds");
    json_object_end(json);
}

static void write_steps(struct json_writer *json, const struct picture *picture)
{
    const struct record *ingested = picture->ingested;
    const struct processed_record *made = picture->made;

    json_array_begin(json, "steps");
    write_step(json, "ingest", picture->history.head, ingested ? ingested->captured_us : 0,
               picture->now_us);
    write_step(json, "process", made ? made->batch : 0, made ? made->captured_us : 0,
               picture->now_us);
    if (picture->view->loaded_known)
        write_step(json, "load", picture->view->loaded_batch, picture->view->loaded_captured_us,
                   picture->now_us);
    json_array_end(json);
}

static void write_run(struct json_writer *json, const struct picture *picture)
{
    const struct run_state *run = &picture->view->run;

    json_object_begin(json, "schedule");
    json_double(json, "every_seconds", (double)picture->every_us / 1e6);
    json_time(json, "next_run", run->next_run_us);
    json_object_end(json);
    if (!run->running || !run->step) {
        json_none(json, "running");
        return;
    }
    json_object_begin(json, "running");
    json_text(json, "step", run->step);
    json_time(json, "started_at", run->step_started_us);
    json_uint(json, "rows", run->rows);
    json_uint(json, "expected_rows", run->expected_rows);
    json_object_end(json);
}

static void write_tables(struct json_writer *json, const struct picture *picture)
{
    const struct record *record = picture->ingested;

    json_array_begin(json, "tables");
    for (size_t i = 0; record && i < record->table_count; i++) {
        uint64_t held = 0;
        if (record->tables[i].gone)
            continue;
        for (size_t j = 0; j < picture->quarantine.count; j++)
            if (text_equal(picture->quarantine.reasons[j].table, record->tables[i].name))
                held += picture->quarantine.reasons[j].rows;
        json_object_begin(json, NULL);
        json_text(json, "table", record->tables[i].name);
        json_uint(json, "rows", record->tables[i].rows);
        json_uint(json, "quarantined", held);
        json_object_end(json);
    }
    json_array_end(json);
}

static int64_t counted(const struct pipeline_counts *counts, const char *model)
{
    for (size_t i = 0; counts && i < counts->count; i++)
        if (text_equal(counts->models[i], model))
            return counts->rows[i];
    return -1;
}

static void write_models(struct json_writer *json, const struct picture *picture)
{
    const struct processed_record *record = picture->made;

    json_array_begin(json, "models");
    for (size_t i = 0; record && i < record->table_count; i++) {
        const struct processed_table *table = &record->tables[i];
        if (text_equal(table->kind, "clean"))
            continue;
        int64_t rows = counted(picture->view->counts, table->name);
        json_object_begin(json, NULL);
        json_text(json, "model", table->name);
        json_text(json, "kind", table->kind);
        json_uint(json, "rows", table->rows);
        if (rows < 0)
            json_none(json, "warehouse_rows");
        else
            json_int(json, "warehouse_rows", rows);
        json_object_end(json);
    }
    json_array_end(json);
}

static void write_batches(struct json_writer *json, const struct picture *picture)
{
    json_array_begin(json, "batches");
    for (size_t i = 0; i < picture->history.count; i++) {
        const struct history_batch *batch = &picture->history.batches[i];
        json_object_begin(json, NULL);
        history_json_batch(json, batch);
        json_bool(json, "loaded", batch->batch <= picture->view->loaded_batch);
        json_object_end(json);
    }
    json_array_end(json);
}

static void write_quarantine(struct json_writer *json, const struct quarantine_summary *summary)
{
    json_array_begin(json, "quarantine");
    for (size_t i = 0; i < summary->count; i++) {
        const struct quarantine_reason *reason = &summary->reasons[i];
        json_object_begin(json, NULL);
        json_uint(json, "batch", reason->batch);
        json_text(json, "table", reason->table);
        json_text(json, "reason", reason->reason);
        json_uint(json, "rows", reason->rows);
        json_raw(json, "keys", *reason->keys ? reason->keys : "[]");
        json_object_end(json);
    }
    json_array_end(json);
}

static void write_drift(struct json_writer *json, const struct drift *drift)
{
    json_array_begin(json, "drift");
    for (size_t i = 0; i < drift->count; i++) {
        json_object_begin(json, NULL);
        json_uint(json, "batch", drift->changes[i].batch);
        json_text(json, "table", drift->changes[i].table);
        json_text(json, "change", drift->changes[i].change);
        json_text(json, "column", drift->changes[i].column);
        json_text(json, "detail", drift->changes[i].detail);
        json_object_end(json);
    }
    json_array_end(json);
}

static bool take_number(void *arg, size_t column_count, const char *const *names,
                        const struct span *cells)
{
    char text[24] = "";

    (void)column_count, (void)names;
    if (cells[0].data && cells[0].size < sizeof text)
        memcpy(text, cells[0].data, cells[0].size);
    (void)text_to_i64(text, arg);
    return false;
}

/* A table that is not there yet has no count; names come from the record, quoted. */
static int64_t count_rows(struct warehouse *warehouse, const char *table)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    int64_t count = -1;
    struct err ignored;

    buf_add_text(&sql, "select count(*) from \"");
    for (const char *at = table; *at; at++)
        buf_add(&sql, *at == '"' ? "\"\"" : at, *at == '"' ? 2 : 1);
    buf_add_char(&sql, '"');
    if (warehouse_query(warehouse, buf_text(&sql), NULL, 0, take_number, &count, &ignored))
        return -1;
    return count;
}

enum err_code pipeline_count_rows(struct app *app, struct warehouse *warehouse, struct arena *arena,
                                  struct pipeline_counts *ret_counts, struct err *err)
{
    struct store *processed;
    struct processed_record *record;
    struct pipeline_counts counts = {0};
    uint64_t head;

    TRY(app_processed(app, &processed, err));
    TRY(batch_log_head(processed, &head, err));
    *ret_counts = counts;
    if (!head)
        return ERR_OK;
    TRY(processed_record_read(processed, head, arena, &record, err));
    counts.models = arena_alloc(arena, (record->table_count + 1) * sizeof *counts.models);
    counts.rows = arena_alloc(arena, (record->table_count + 1) * sizeof *counts.rows);
    for (size_t i = 0; i < record->table_count; i++) {
        if (text_equal(record->tables[i].kind, "clean"))
            continue;
        counts.models[counts.count] = record->tables[i].name;
        counts.rows[counts.count++] = count_rows(warehouse, record->tables[i].name);
    }
    *ret_counts = counts;
    return ERR_OK;
}

enum err_code pipeline_document(struct app *app, const struct pipeline_view *view,
                                struct buf *ret_text, struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct picture *picture = arena_alloc(arena, sizeof *picture);
    struct json_writer json;

    picture->app = app;
    picture->view = view;
    picture->arena = arena;
    picture->now_us = clock_now_us();
    picture->every_us = config_number(app_config(app), OPTION_SCHEDULE_EVERY);
    TRY(read_picture(picture, err));
    if (view->timeless && picture->ingested)
        picture->now_us = picture->ingested->captured_us;
    json_begin(&json, ret_text, false);
    json_object_begin(&json, NULL);
    json_int(&json, "schema", 1);
    json_time(&json, "now", picture->now_us);
    json_text(&json, "lake", picture->made ? picture->made->lake : NULL);
    json_text(&json, "database", picture->ingested ? picture->ingested->database : NULL);
    write_health(&json, picture);
    write_steps(&json, picture);
    write_run(&json, picture);
    write_tables(&json, picture);
    write_models(&json, picture);
    write_batches(&json, picture);
    write_quarantine(&json, &picture->quarantine);
    write_drift(&json, &picture->drift);
    json_object_end(&json);
    return ERR_OK;
}
