#include "web/answers.h"

#include <stdio.h>

#include "app/version.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "pipeline/report_first.h"
#include "web/kept.h"
#include "web/web_metrics.h"

static const int64_t lock_wait_us = 20 * INT64_C(1000000);
static const int64_t hold_us = 2 * INT64_C(1000000); /* then a load gets its turn */
static const int64_t turn_us = INT64_C(200000);
static const int64_t pipeline_fresh_us = INT64_C(1000000);
static const char json_type[] = "application/json";

struct reader {
    struct web *web;
    struct app *app;
    struct warehouse *warehouse; /* NULL: not open */
    struct arena *arena;         /* of the state */
    struct report_state state;
    uint64_t version;
    int64_t opened_us;
};

struct reader *reader_new(struct web *web)
{
    struct reader *reader = mem_zalloc(1, sizeof *reader);

    reader->web = web;
    reader->app = app_new(web->config);
    reader->arena = arena_new(0);
    return reader;
}

void reader_rest(void *arg)
{
    struct reader *reader = arg;

    warehouse_close(reader->warehouse);
    reader->warehouse = NULL;
}

void reader_free(struct reader *reader)
{
    if (!reader)
        return;
    reader_rest(reader);
    app_free(reader->app);
    arena_free(reader->arena);
    free(reader);
}

struct loaded web_loaded(struct web *web)
{
    pthread_mutex_lock(&web->lock);
    struct loaded loaded = web->loaded;
    pthread_mutex_unlock(&web->lock);
    return loaded;
}

static void remember(struct reader *reader)
{
    struct web *web = reader->web;

    reader->version = report_state_version(&reader->state);
    pthread_mutex_lock(&web->lock);
    web->loaded = (struct loaded){.version = reader->version,
                                  .batch = reader->state.batch,
                                  .captured_us = reader->state.captured_us,
                                  .has_rates = reader->state.has_rates,
                                  .seen = true,
                                  .first_batch = reader->state.first_batch};
    pthread_mutex_unlock(&web->lock);
}

/* What it holds: one at a time, since who comes first learns what the others need not look for.  He
 * also takes what load left, which is there at once where making it takes long. */
static enum err_code look(struct reader *reader, struct err *err)
{
    struct web *web = reader->web;
    struct loaded known = web_loaded(web);

    enum err_code code = report_state_read_again(web->reports, reader->warehouse, reader->arena,
                                                 known.seen ? known.version : 0, known.first_batch,
                                                 &reader->state, err);
    if (code)
        reader_rest(reader);
    if (code && code != ERR_NOT_FOUND)
        return code;
    if (reader->state.batch && !web->looked) {
        kept_find(web, reader->warehouse, report_state_version(&reader->state));
        web->looked = true;
    }
    remember(reader);
    return ERR_OK;
}

/* Opens the warehouse unless it is open, and looks at what it holds.  An empty one has no batch. */
static enum err_code use_warehouse(struct reader *reader, struct err *err)
{
    int64_t timeout_us = config_number(reader->web->config, OPTION_SERVE_TIMEOUT);

    if (reader->warehouse && clock_monotonic_us() - reader->opened_us > hold_us) {
        reader_rest(reader);
        clock_sleep_us(turn_us);
    }
    if (reader->warehouse)
        return ERR_OK;
    arena_reset(reader->arena);
    reader->state = (struct report_state){.generation = "", .lake = ""};
    TRY(app_warehouse_reader(reader->app, lock_wait_us, timeout_us, &reader->warehouse, err));
    reader->opened_us = clock_monotonic_us();
    pthread_mutex_lock(&reader->web->look);
    enum err_code code = look(reader, err);
    pthread_mutex_unlock(&reader->web->look);
    return code;
}

static struct job new_job(const char *key, job_make_fn *make)
{
    return (struct job){.key = mem_strdup(key), .make = make};
}

/* --- reports --- */

/* One block, so that it can be freed by free(). */
struct report_question {
    const struct report *report;
    struct report_filters filters;
    bool csv;
    char texts[]; /* the filters' values */
};

/* A spreadsheet takes a cell that begins so for a formula. */
static bool looks_like_formula(enum report_kind kind, const struct span *cell)
{
    return (kind == REPORT_KIND_LABEL || kind == REPORT_KIND_TEXT) && cell->size &&
           strchr("=+-@\t\r", *cell->data) != NULL;
}

static void add_csv_cell(struct buf *out, enum report_kind kind, const struct span *cell)
{
    if (!cell->data)
        return;
    buf_add_char(out, '"');
    if (looks_like_formula(kind, cell))
        buf_add_char(out, '\'');
    for (size_t i = 0; i < cell->size; i++) {
        if (cell->data[i] == '"')
            buf_add_char(out, '"');
        buf_add_char(out, cell->data[i]);
    }
    buf_add_char(out, '"');
}

struct csv {
    struct buf *out;
    const struct report *report;
};

static bool add_csv_row(void *arg, size_t column_count, const char *const *names,
                        const struct span *cells)
{
    struct csv *csv = arg;

    (void)names;
    for (size_t i = 0; i < column_count; i++) {
        buf_add_text(csv->out, i ? "," : "");
        add_csv_cell(csv->out, csv->report->columns[i].kind, &cells[i]);
    }
    buf_add_text(csv->out, "\r\n");
    return true;
}

static enum err_code write_csv(struct reader *reader, const struct report_question *question,
                               struct buf *out, struct err *err)
{
    const struct report *report = question->report;
    struct csv csv = {out, report};
    struct report_run run;

    for (size_t i = 0; i < report->column_count; i++)
        buf_addf(out, "%s%s", i ? "," : "", report->columns[i].name);
    buf_add_text(out, "\r\n");
    return report_run(report, &reader->state, &question->filters, reader->warehouse, add_csv_row,
                      &csv, &run, err);
}

static enum err_code make_fresh_report(struct reader *reader,
                                       const struct report_question *question,
                                       struct document *document, struct err *err)
{
    struct web_counters *counters = &reader->web->counters;
    int64_t begin_us = clock_monotonic_us();

    if (!reader->warehouse) {
        err_set(err, ERR_UNAVAILABLE, "the warehouse is empty");
        return err_hint(err, "`tote run` fills it");
    }
    enum err_code code =
        question->csv ? write_csv(reader, question, &document->body, err)
                      : report_answer_json(question->report, &reader->state, &question->filters,
                                           reader->warehouse, &document->body, err);
    atomic_fetch_add(&counters->queries, 1);
    atomic_fetch_add(&counters->busy_us, (uint64_t)(clock_monotonic_us() - begin_us));
    return code;
}

static struct document *make_report(void *worker, const struct job *job)
{
    struct reader *reader = worker;
    const struct report_question *question = job->question;
    struct err err;

    if (use_warehouse(reader, &err))
        return problem_document(&err, 0);
    struct document *known = cache_get(reader->web->cache, job->key);
    if (known && known->version == reader->version)
        return known;
    document_release(known);
    struct document *document =
        document_new(200, question->csv ? "text/csv; charset=utf-8" : json_type);
    if (make_fresh_report(reader, question, document, &err)) {
        document_release(document);
        if (err.code == ERR_UNAVAILABLE || err.code == ERR_WAREHOUSE || err.code == ERR_IO)
            reader_rest(reader); /* the connection may be what broke */
        return problem_document(&err, 0);
    }
    document->version = reader->version;
    document_seal(document);
    cache_put(reader->web->cache, job->key, document);
    return document;
}

struct job answer_report(const struct report *report, const struct report_filters *filters,
                         bool csv)
{
    CLEANUP_IN_PLACE(buf_release) struct buf key = {0};
    size_t size = 0;

    for (size_t i = 0; i < REPORT_PARAMETERS; i++)
        size += filters->values[i] ? strlen(filters->values[i]) + 1 : 0;
    struct report_question *question = mem_zalloc(1, sizeof *question + size);
    question->report = report;
    question->csv = csv;
    question->filters.limit = filters->limit;
    size = 0;
    for (size_t i = 0; i < REPORT_PARAMETERS; i++) {
        const char *value = filters->values[i];
        if (!value || !report->takes[i])
            continue;
        memcpy(question->texts + size, value, strlen(value) + 1);
        question->filters.values[i] = question->texts + size;
        size += strlen(value) + 1;
    }
    buf_add_text(&key, csv ? "csv of " : "");
    report_answer_key(report, filters, &key);
    struct job job = new_job(buf_text(&key), make_report);
    job.question = question;
    return job;
}

/* --- the filters' choices --- */

static struct document *make_filters(void *worker, const struct job *job)
{
    struct reader *reader = worker;
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    struct report_choices none = {0}, *choices = &none;
    struct err err;

    if (use_warehouse(reader, &err))
        return problem_document(&err, 0);
    struct document *known = cache_get(reader->web->cache, job->key);
    if (known && known->version == reader->version)
        return known;
    document_release(known);
    if (reader->warehouse && report_choices_read(reader->web->reports, &reader->state,
                                                 reader->warehouse, scratch, &choices, &err))
        return problem_document(&err, 0);
    struct document *document = document_new(200, json_type);
    report_choices_json(choices, &reader->state, &document->body);
    document->version = reader->version;
    document_seal(document);
    cache_put(reader->web->cache, job->key, document);
    return document;
}

struct job answer_filters(void)
{
    return new_job(REPORT_CHOICES_KEY, make_filters);
}

/* --- latest.json --- */

struct document *latest_document(struct web *web)
{
    struct document *document = document_new(200, json_type);
    struct loaded loaded = web_loaded(web);
    struct json_writer json;

    json_begin(&json, &document->body, false);
    json_object_begin(&json, NULL);
    json_int(&json, "schema", 1);
    json_text(&json, "mode", "live");
    json_text(&json, "version", TOTE_VERSION);
    json_uint(&json, "batch", loaded.batch);
    json_time(&json, "captured_at", loaded.captured_us);
    json_text(&json, "data", "api/");
    pthread_mutex_lock(&web->lock);
    json_text(&json, "title", *web->title ? web->title : NULL);
    pthread_mutex_unlock(&web->lock);
    json_object_begin(&json, "features");
    json_text(&json, "filters", "any");
    json_text(&json, "drill", "all");
    json_bool(&json, "history", true);
    json_bool(&json, "events", true);
    json_object_end(&json);
    json_object_end(&json);
    document_seal(document);
    return document;
}

static struct document *make_latest(void *worker, const struct job *job)
{
    struct reader *reader = worker;
    struct err err;

    (void)job;
    if (use_warehouse(reader, &err))
        return problem_document(&err, 0);
    return latest_document(reader->web);
}

struct job answer_latest(void)
{
    return new_job("latest", make_latest);
}

/* --- the pipeline --- */

static struct document *make_pipeline(void *worker, const struct job *job)
{
    struct reader *reader = worker;
    struct web *web = reader->web;
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct pipeline_view view = {0};
    struct pipeline_counts counts = {0};
    struct err err;

    struct document *known = cache_get(web->cache, job->key);
    if (known && clock_monotonic_us() - known->made_us < pipeline_fresh_us)
        return known;
    document_release(known);
    pthread_mutex_lock(&web->lock);
    view.loaded_known = web->loaded.version != 0;
    view.loaded_batch = web->loaded.batch;
    view.loaded_captured_us = web->loaded.captured_us;
    counts.models = arena_alloc(arena, (web->counts.count + 1) * sizeof *counts.models);
    counts.rows = arena_alloc(arena, (web->counts.count + 1) * sizeof *counts.rows);
    for (; counts.count < web->counts.count; counts.count++) {
        counts.models[counts.count] = arena_strdup(arena, web->counts.models[counts.count]);
        counts.rows[counts.count] = web->counts.rows[counts.count];
    }
    pthread_mutex_unlock(&web->lock);
    view.counts = &counts;
    view.run = run_state_read(web->config, arena);
    struct document *document = document_new(200, json_type);
    if (pipeline_document(reader->app, &view, &document->body, &err)) {
        document_release(document);
        return problem_document(&err, 0);
    }
    document_seal(document);
    cache_put(web->cache, job->key, document);
    return document;
}

struct job answer_pipeline(void)
{
    return new_job("pipeline", make_pipeline);
}

static struct document *make_metrics(void *worker, const struct job *job)
{
    struct reader *reader = worker;
    struct document *document = document_new(200, "text/plain; version=0.0.4; charset=utf-8");

    (void)job;
    web_metrics_print(reader->web, reader->app, &document->body);
    return document;
}

struct job answer_metrics(void)
{
    return new_job("metrics", make_metrics);
}

/* --- looking at the warehouse --- */

static struct document *nothing(void)
{
    return document_new(204, json_type);
}

/* Which tables hold how much; what could not be counted is left out. */
static struct document *make_counts(void *worker, const struct job *job)
{
    struct reader *reader = worker;
    struct web *web = reader->web;
    struct arena *arena = arena_new(0);
    struct pipeline_counts counts = {0};
    struct err ignored;

    (void)job;
    if (use_warehouse(reader, &ignored) || !reader->warehouse ||
        pipeline_count_rows(reader->app, reader->warehouse, arena, &counts, &ignored)) {
        arena_free(arena);
        return nothing();
    }
    pthread_mutex_lock(&web->lock);
    arena_free(web->counts_arena);
    web->counts_arena = arena;
    web->counts = counts;
    pthread_mutex_unlock(&web->lock);
    return nothing();
}

static bool has_counts(struct web *web)
{
    pthread_mutex_lock(&web->lock);
    bool has = web->counts_arena != NULL;
    pthread_mutex_unlock(&web->lock);
    return has;
}

static struct document *make_nothing(void *worker, const struct job *job)
{
    (void)worker, (void)job;
    return nothing();
}

/* What the answers that are made now were made for. */
struct announcement {
    struct web *web;
    uint64_t version;
    uint64_t batch;
};

static void announce(void *arg, struct document *document)
{
    const struct announcement *of = arg;
    char data[48];
    bool refused = document->status != 204; /* the server ends */

    document_release(document);
    /* A batch that came meanwhile has an announcement of its own, after its own answers. */
    if (refused || web_loaded(of->web).version != of->version)
        return;
    kept_write(of->web);
    (void)snprintf(data, sizeof data, "{\"batch\":%llu}", (unsigned long long)of->batch);
    events_tell(of->web->events, "warehouse", data);
}

static struct job announcement_of(struct reader *reader)
{
    CLEANUP_IN_PLACE(buf_release) struct buf key = {0};
    struct announcement *of = mem_zalloc(1, sizeof *of);

    *of = (struct announcement){reader->web, reader->version, reader->state.batch};
    buf_addf(&key, "announce %llu", (unsigned long long)of->version);
    struct job job = new_job(buf_text(&key), make_nothing);
    job.question = of;
    job.done = announce;
    job.arg = of;
    return job;
}

static void add_background(struct web *web, struct job job, unsigned stage)
{
    job.background = true;
    job.stage = stage;
    (void)jobs_add(web->warehouse_jobs, job);
}

/* What a page asks for when it is opened, its headline figures first and by themselves, before
 * anybody asks; then those who listen are told to. */
static void prepare(struct reader *reader)
{
    enum {
        COUNTS = REPORT_FIRST_OTHERS + 1,
        ANNOUNCEMENT
    };
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    struct web *web = reader->web;
    struct report_first first = {0};
    struct err ignored;

    add_background(web, answer_filters(), REPORT_FIRST_HEADLINE);
    if (reader->warehouse && report_first_read(web->reports, &reader->state, reader->warehouse,
                                               scratch, &first, &ignored))
        log_debug("what a page asks first is not known: %s", ignored.message);
    for (size_t i = 0; i < first.count; i++)
        add_background(web,
                       answer_report(first.questions[i].report, &first.questions[i].filters, false),
                       first.questions[i].stage);
    add_background(web, new_job("counts", make_counts), COUNTS);
    add_background(web, announcement_of(reader), ANNOUNCEMENT);
}

/* Whether this is the first who sees that version: who asks a report may have been here before. */
static bool begins_to_prepare(struct web *web, uint64_t version)
{
    pthread_mutex_lock(&web->lock);
    bool begins = web->prepared != version;
    web->prepared = version;
    pthread_mutex_unlock(&web->lock);
    return begins;
}

static struct document *make_look(void *worker, const struct job *job)
{
    struct reader *reader = worker;
    struct err err;

    (void)job;
    reader_rest(reader);
    if (use_warehouse(reader, &err)) {
        log_debug("the warehouse cannot be read now: %s", err.message);
        return nothing();
    }
    if (begins_to_prepare(reader->web, reader->version))
        prepare(reader);
    else if (!has_counts(reader->web))
        add_background(reader->web, new_job("counts", make_counts), 0);
    return nothing();
}

struct job answer_look(void)
{
    return new_job("look", make_look);
}
