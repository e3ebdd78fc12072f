#include "web/watcher.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "pipeline/batch_log.h"
#include "pipeline/record.h"
#include "web/answers.h"
#include "web/connections.h"

enum {
    NEAR_TICKS = 4,       /* a folder's records: every two seconds */
    FAR_TICKS = 60,       /* a bucket's: each look is a request that costs */
    WAREHOUSE_TICKS = 10, /* a server's ledger */
    BEAT_TICKS = 30,
};

struct watcher {
    struct web *web;
    struct app *app;
    uint64_t tick;
    char step[16]; /* of the run under way; "": none */
    bool told_failure;
    char warehouse_mark[64]; /* of the DuckDB file when it was looked at last */
};

struct watcher *watcher_new(struct web *web)
{
    struct watcher *watcher = mem_zalloc(1, sizeof *watcher);

    watcher->web = web;
    watcher->app = app_new(web->config);
    return watcher;
}

void watcher_free(struct watcher *watcher)
{
    if (!watcher)
        return;
    app_free(watcher->app);
    free(watcher);
}

/* --- runs --- */

static void tell_run(struct watcher *watcher, const char *state, const char *step)
{
    CLEANUP_IN_PLACE(buf_release) struct buf data = {0};
    struct json_writer json;

    json_begin(&json, &data, false);
    json_object_begin(&json, NULL);
    json_text(&json, "state", state);
    json_text(&json, "step", step);
    json_time(&json, "at", clock_now_us());
    json_object_end(&json);
    events_tell(watcher->web->events, "run", buf_text(&data));
}

static void tell_progress(struct watcher *watcher, const struct run_state *run)
{
    CLEANUP_IN_PLACE(buf_release) struct buf data = {0};
    struct json_writer json;

    json_begin(&json, &data, false);
    json_object_begin(&json, NULL);
    json_text(&json, "step", run->step);
    json_uint(&json, "rows", run->rows);
    json_uint(&json, "expected_rows", run->expected_rows);
    json_uint(&json, "bytes", run->bytes);
    json_object_end(&json);
    events_tell(watcher->web->events, "progress", buf_text(&data));
}

static void look_at_run(struct watcher *watcher)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct run_state run = run_state_read(watcher->web->config, arena);
    const char *step = run.running && run.step ? run.step : "";

    if (!text_equal(step, watcher->step)) {
        if (*watcher->step)
            tell_run(watcher, "ended", watcher->step);
        if (*step)
            tell_run(watcher, "started", step);
        (void)snprintf(watcher->step, sizeof watcher->step, "%s", step);
        watcher->tick = 0; /* what the step did is looked at now */
    }
    if (*step)
        tell_progress(watcher, &run);
}

/* --- batches --- */

static void tell_batch(struct watcher *watcher, const char *step, uint64_t batch)
{
    char data[96];

    (void)snprintf(data, sizeof data, "{\"step\":\"%s\",\"batch\":%llu}", step,
                   (unsigned long long)batch);
    events_tell(watcher->web->events, "batch", data);
}

static enum err_code read_title(struct watcher *watcher, struct store *ingestion, uint64_t batch,
                                struct err *err)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    struct web *web = watcher->web;
    struct record *record;

    if (!batch || *web->title)
        return ERR_OK;
    TRY(record_read(ingestion, batch, scratch, &record, err));
    pthread_mutex_lock(&web->lock);
    (void)snprintf(web->title, sizeof web->title, "%s", record->database);
    pthread_mutex_unlock(&web->lock);
    return ERR_OK;
}

static enum err_code look_at_batches(struct watcher *watcher, struct err *err)
{
    struct web *web = watcher->web;
    struct store *ingestion, *processed;
    uint64_t heads[2], before[2];

    TRY(app_ingestion(watcher->app, &ingestion, err));
    TRY(app_processed(watcher->app, &processed, err));
    TRY(batch_log_head(ingestion, &heads[0], err));
    TRY(batch_log_head(processed, &heads[1], err));
    TRY(read_title(watcher, ingestion, heads[0], err));
    pthread_mutex_lock(&web->lock);
    before[0] = web->ingested;
    before[1] = web->processed;
    web->ingested = heads[0];
    web->processed = heads[1];
    pthread_mutex_unlock(&web->lock);
    if (heads[0] > before[0])
        tell_batch(watcher, "ingest", heads[0]);
    if (heads[1] > before[1])
        tell_batch(watcher, "process", heads[1]);
    return ERR_OK;
}

static bool is_far(const struct config *config)
{
    const char *url = config_text(config, OPTION_LAKE_INGESTION);

    return url && strstr(url, "://") && !text_starts(url, "file://");
}

/* --- the warehouse --- */

/* Another text whenever a DuckDB file may hold something else; a server is asked. */
static bool may_have_moved(struct watcher *watcher)
{
    static const char scheme[] = "duckdb:";
    const char *url = config_text(watcher->web->config, OPTION_WAREHOUSE_URL);
    struct stat about;
    char mark[sizeof watcher->warehouse_mark] = "none";

    if (!text_starts(url, scheme))
        return watcher->tick % WAREHOUSE_TICKS == 1;
    if (stat(url + strlen(scheme), &about) == 0)
        (void)snprintf(mark, sizeof mark, "%lld %lld %lld", (long long)about.st_size,
                       (long long)about.st_mtim.tv_sec, (long long)about.st_mtim.tv_nsec);
    if (text_equal(mark, watcher->warehouse_mark))
        return false;
    (void)snprintf(watcher->warehouse_mark, sizeof watcher->warehouse_mark, "%s", mark);
    return true;
}

void watcher_look(struct watcher *watcher)
{
    const struct config *config = watcher->web->config;
    struct err err;

    look_at_run(watcher);
    watcher->tick++;
    if (watcher->tick % (is_far(config) ? FAR_TICKS : NEAR_TICKS) == 1) {
        bool failed = look_at_batches(watcher, &err) != ERR_OK;
        if (failed && !watcher->told_failure && err.code != ERR_CANCELLED)
            log_error(&err);
        watcher->told_failure = failed;
    }
    if (app_has_warehouse(watcher->app) && may_have_moved(watcher))
        (void)jobs_add(watcher->web->warehouse_jobs, answer_look());
    if (watcher->tick % BEAT_TICKS == 0)
        events_beat(watcher->web->events);
    connections_sweep(watcher->web);
}
