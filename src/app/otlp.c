#include "app/otlp.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/version.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/text.h"
#include "net/http.h"
#include "pipeline/batch_log.h"
#include "pipeline/processed_record.h"
#include "pipeline/record.h"

enum {
    TRACE_ID_DIGITS = 32,
    SPAN_ID_DIGITS = 16,
    SPANS_A_REQUEST = 512,
    HEADERS_MAX = 16,
    SPAN_KIND_INTERNAL = 1,
    STATUS_ERROR = 2
};

/* One export. */
struct exporter {
    struct arena *arena;
    const struct telemetry_run *run;
    const struct step_report *report;
    const char *lake; /* attempt id of the first batch: the same in every process */
    int64_t deadline_us;
    struct buf body;
    struct json_writer json;
    unsigned spans; /* in the body */
    struct http *http;
};

/* --- ids --- */

/* The first digits of a hash over words: the same words give the same id everywhere. */
static const char *make_id(struct arena *arena, size_t digits, const char *lake, uint64_t batch,
                           const char *step, const char *table)
{
    char hex[SHA256_HEX_SIZE];
    const char *words = arena_printf(arena, "tote %s %" PRIu64 " %s %s", lake, batch, step, table);

    sha256_of(words, strlen(words), hex);
    return arena_strndup(arena, hex, digits);
}

static const char *random_span_id(struct arena *arena)
{
    return arena_printf(arena, "%016" PRIx64, random_u64() | 1); /* all zeros would be none */
}

/* The lake's identity, which its first records hold. */
static enum err_code read_lake(struct exporter *exporter, struct err *err)
{
    bool load = exporter->run->step == TELEMETRY_LOAD;
    struct processed_record *processed;
    struct record *first;
    struct store *store;

    if (load) {
        TRY(app_processed(exporter->run->app, &store, err));
        TRY(processed_record_read(store, 1, exporter->arena, &processed, err));
        exporter->lake = processed->lake;
    } else {
        TRY(app_ingestion(exporter->run->app, &store, err));
        TRY(record_read(store, 1, exporter->arena, &first, err));
        exporter->lake = first->attempt;
    }
    return ERR_OK;
}

/* --- request --- */

static void attribute_begin(struct json_writer *json, const char *key)
{
    json_object_begin(json, NULL);
    json_text(json, "key", key);
    json_object_begin(json, "value");
}

static void attribute_end(struct json_writer *json)
{
    json_object_end(json);
    json_object_end(json);
}

static void attribute_text(struct json_writer *json, const char *key, const char *value)
{
    attribute_begin(json, key);
    json_text(json, "stringValue", value);
    attribute_end(json);
}

/* 64-bit integers are decimal text in this encoding. */
static void attribute_count(struct json_writer *json, const char *key, uint64_t value)
{
    char digits[24];

    (void)snprintf(digits, sizeof digits, "%" PRIu64, value);
    attribute_begin(json, key);
    json_text(json, "intValue", digits);
    attribute_end(json);
}

static void nanoseconds(struct json_writer *json, const char *name, int64_t at_us)
{
    char digits[32];

    (void)snprintf(digits, sizeof digits, "%" PRId64 "000", at_us > 0 ? at_us : 0);
    json_text(json, name, digits);
}

static void body_begin(struct exporter *exporter)
{
    struct json_writer *json = &exporter->json;

    buf_clear(&exporter->body);
    exporter->spans = 0;
    json_begin(json, &exporter->body, false);
    json_object_begin(json, NULL);
    json_array_begin(json, "resourceSpans");
    json_object_begin(json, NULL);
    json_object_begin(json, "resource");
    json_array_begin(json, "attributes");
    attribute_text(json, "service.name", "tote");
    attribute_text(json, "service.version", TOTE_VERSION);
    attribute_text(json, "deployment.environment.name",
                   config_text(app_config(exporter->run->app), OPTION_ENVIRONMENT));
    attribute_text(json, "tote.lake", exporter->lake);
    json_array_end(json);
    json_object_end(json);
    json_array_begin(json, "scopeSpans");
    json_object_begin(json, NULL);
    json_object_begin(json, "scope");
    json_text(json, "name", "tote");
    json_text(json, "version", TOTE_VERSION);
    json_object_end(json);
    json_array_begin(json, "spans");
}

static void body_end(struct json_writer *json)
{
    json_array_end(json);
    json_object_end(json);
    json_array_end(json);
    json_object_end(json);
    json_array_end(json);
    json_object_end(json);
}

static const char *target(const char *endpoint, struct arena *arena)
{
    static const char path[] = "/v1/traces";
    size_t size = strlen(endpoint);

    while (size && endpoint[size - 1] == '/')
        size--;
    const char *base = arena_strndup(arena, endpoint, size);
    return text_ends(base, path) ? base : arena_printf(arena, "%s%s", base, path);
}

/* "Authorization=Bearer abc,x-tenant=7", as OTEL_EXPORTER_OTLP_HEADERS has it. */
static size_t read_headers(const char *text, struct arena *arena,
                           struct http_header headers[static HEADERS_MAX])
{
    size_t count = 0;

    headers[count++] = (struct http_header){"content-type", "application/json"};
    while (text && *text && count < HEADERS_MAX) {
        size_t size = strcspn(text, ","), name = strcspn(text, "=,");
        if (name < size) {
            const char *value = arena_strndup(arena, text + name + 1, size - name - 1);
            redact_register(value);
            headers[count++] =
                (struct http_header){arena_strndup(arena, text, name), value + strspn(value, " ")};
        }
        text += size + (text[size] == ',');
        text += strspn(text, " ");
    }
    return count;
}

static enum err_code send_body(struct exporter *exporter, struct err *err)
{
    const struct config *config = app_config(exporter->run->app);
    struct http_header headers[HEADERS_MAX];
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};

    if (!exporter->spans)
        return ERR_OK;
    body_end(&exporter->json);
    const struct http_request request = {
        .method = "POST",
        .url = target(config_text(config, OPTION_TELEMETRY_OTLP_ENDPOINT), exporter->arena),
        .headers = headers,
        .header_count = read_headers(config_text(config, OPTION_TELEMETRY_OTLP_HEADERS),
                                     exporter->arena, headers),
        .body = {exporter->body.data, exporter->body.size},
        .connect_timeout_us = TELEMETRY_TIMEOUT_US,
        .deadline_us = exporter->deadline_us,
    };
    if (!exporter->http)
        exporter->http = http_new(NULL);
    TRY(http_send(exporter->http, &request, &response, err));
    if (response.status < 200 || response.status > 299)
        return err_set(err, ERR_UNAVAILABLE, "the collector answered with HTTP status %d",
                       response.status);
    return ERR_OK;
}

/* --- spans --- */

struct span_of {
    const char *trace;
    const char *id;
    const char *parent; /* or NULL */
    const char *name;
    int64_t begin_us;
    int64_t end_us;
};

/* The caller writes attributes and ends the array; then span_end(). */
static void span_begin(struct exporter *exporter, const struct span_of *span)
{
    struct json_writer *json = &exporter->json;

    if (!exporter->spans)
        body_begin(exporter);
    exporter->spans++;
    json_object_begin(json, NULL);
    json_text(json, "traceId", span->trace);
    json_text(json, "spanId", span->id);
    if (span->parent)
        json_text(json, "parentSpanId", span->parent);
    json_text(json, "name", span->name);
    json_int(json, "kind", SPAN_KIND_INTERNAL);
    nanoseconds(json, "startTimeUnixNano", span->begin_us);
    nanoseconds(json, "endTimeUnixNano", span->end_us);
    json_array_begin(json, "attributes");
    attribute_text(json, "tote.step", exporter->run->name);
}

static void counts(struct json_writer *json, const struct step_table *table)
{
    attribute_count(json, "tote.rows", table->rows);
    attribute_count(json, "tote.deleted", table->deleted);
    attribute_count(json, "tote.quarantined", table->quarantined);
    attribute_count(json, "tote.bytes", table->bytes);
}

static void table_span(struct exporter *exporter, const struct step_batch *batch,
                       const struct step_table *table, const char *trace, const char *parent)
{
    struct json_writer *json = &exporter->json;
    const char *step = exporter->run->name;
    int64_t end_us = batch->started_us + batch->duration_us;
    struct span_of span = {
        .trace = trace,
        .parent = parent,
        .id = make_id(exporter->arena, SPAN_ID_DIGITS, exporter->lake, batch->batch, step,
                      table->table),
        .name = arena_printf(exporter->arena, "%s %s", step, table->table),
        .begin_us = table->started_us ? table->started_us : batch->started_us,
    };

    /* Ranges of a table that several workers read add up to more than the time that passed. */
    span.end_us = span.begin_us + table->duration_us;
    if (span.end_us > end_us)
        span.end_us = end_us > span.begin_us ? end_us : span.begin_us;
    span_begin(exporter, &span);
    attribute_count(json, "tote.batch", batch->batch);
    attribute_text(json, "tote.table", table->table);
    counts(json, table);
    json_array_end(json);
    json_object_end(json);
}

static const char *step_span_id(struct exporter *exporter, uint64_t batch, const char *step)
{
    return make_id(exporter->arena, SPAN_ID_DIGITS, exporter->lake, batch, step, "");
}

static const char *parent_of(struct exporter *exporter, uint64_t batch)
{
    if (exporter->run->step == TELEMETRY_INGEST)
        return NULL;
    return step_span_id(exporter, batch, "ingest");
}

static enum err_code batch_spans(struct exporter *exporter, const struct step_batch *batch,
                                 struct err *err)
{
    struct json_writer *json = &exporter->json;
    struct step_table whole = {0};
    const struct span_of span = {
        .trace = make_id(exporter->arena, TRACE_ID_DIGITS, exporter->lake, batch->batch, "", ""),
        .id = step_span_id(exporter, batch->batch, exporter->run->name),
        .parent = parent_of(exporter, batch->batch),
        .name = exporter->run->name,
        .begin_us = batch->started_us,
        .end_us = batch->started_us + batch->duration_us,
    };

    for (size_t i = 0; i < batch->table_count; i++) {
        whole.rows += batch->tables[i].rows;
        whole.deleted += batch->tables[i].deleted;
        whole.quarantined += batch->tables[i].quarantined;
        whole.bytes += batch->tables[i].bytes;
    }
    span_begin(exporter, &span);
    attribute_count(json, "tote.batch", batch->batch);
    counts(json, &whole);
    json_array_end(json);
    json_object_end(json);
    for (size_t i = 0; i < batch->table_count; i++)
        table_span(exporter, batch, &batch->tables[i], span.trace, span.id);
    if (exporter->spans < SPANS_A_REQUEST)
        return ERR_OK;
    TRY(send_body(exporter, err));
    exporter->spans = 0;
    return ERR_OK;
}

/* The batch that a failed run was at: the one after the last that is done; for load, whose ledger
 * may be out of reach, the newest that it could have loaded. */
static uint64_t failed_batch(struct exporter *exporter)
{
    const struct step_report *report = exporter->report;
    struct store *processed;
    struct err ignored;
    uint64_t head = 0;

    if (exporter->run->step == TELEMETRY_INGEST || report->batch_count)
        return report->head + 1;
    if (app_processed(exporter->run->app, &processed, &ignored) ||
        batch_log_head(processed, &head, &ignored))
        return 1;
    return exporter->run->step == TELEMETRY_LOAD && head ? head : head + 1;
}

/* An attempt that failed belongs to the batch that it would have made; tried again, it is another
 * span of the same trace. */
static void failure_span(struct exporter *exporter, uint64_t batch, enum err_code code,
                         const struct err *step_err)
{
    struct json_writer *json = &exporter->json;
    const struct span_of span = {
        .trace = make_id(exporter->arena, TRACE_ID_DIGITS, exporter->lake, batch, "", ""),
        .id = random_span_id(exporter->arena),
        .parent = parent_of(exporter, batch),
        .name = exporter->run->name,
        .begin_us = exporter->run->started_us,
        .end_us = clock_now_us(),
    };

    span_begin(exporter, &span);
    attribute_count(json, "tote.batch", batch);
    attribute_text(json, "error.type", err_name(code));
    json_array_end(json);
    json_object_begin(json, "status");
    json_int(json, "code", STATUS_ERROR);
    json_text(json, "message", redact_copy(exporter->arena, step_err->message));
    json_object_end(json);
    json_object_end(json);
}

static enum err_code export_all(struct exporter *exporter, enum err_code code,
                                const struct err *step_err, struct err *err)
{
    bool failed = code && !telemetry_is_yield(code);

    if (!failed && !exporter->report->batch_count)
        return ERR_OK;
    /* A failed step may have no lake to join: before the first batch, or out of reach, where asking
     * once more would only take time. */
    uint64_t failed_at = 1;
    exporter->lake = "unknown";
    if (code != ERR_UNAVAILABLE && code != ERR_TIMEOUT) {
        enum err_code found = read_lake(exporter, err);
        if (!failed)
            TRY(found);
        failed_at = failed ? failed_batch(exporter) : 0;
    }
    for (size_t i = 0; i < exporter->report->batch_count; i++)
        TRY(batch_spans(exporter, &exporter->report->batches[i], err));
    if (failed)
        failure_span(exporter, failed_at, code, step_err);
    return send_body(exporter, err);
}

enum err_code otlp_export(const struct telemetry_run *run, const struct step_report *report,
                          enum err_code code, const struct err *step_err, struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct exporter exporter = {
        .arena = arena,
        .run = run,
        .report = report,
        .deadline_us = clock_monotonic_us() + TELEMETRY_TIMEOUT_US,
    };

    enum err_code told = export_all(&exporter, code, step_err, err);
    buf_release(&exporter.body);
    http_free(exporter.http);
    return told;
}
