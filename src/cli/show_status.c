/* tote status. */
#include "app/metrics.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "pipeline/status.h"

/* The lake is shown even when the warehouse cannot be reached; its error is then the command's. */
static enum err_code read_all(struct app *app, struct arena *arena, struct status *ret_status,
                              struct err *ret_warehouse_err, struct err *err)
{
    CLEANUP(warehouse_close) struct warehouse *warehouse = NULL;
    const char *schema = config_text(app_config(app), OPTION_WAREHOUSE_SCHEMA);
    struct store *ingestion, *processed;
    struct err *warehouse_err = ret_warehouse_err;

    TRY(app_ingestion(app, &ingestion, err));
    TRY(app_processed(app, &processed, err));
    TRY(status_read(ingestion, processed, NULL, NULL, arena, ret_status, err));
    if (!app_has_warehouse(app) || !ret_status->process.head)
        return ERR_OK;
    enum err_code code = app_warehouse_open(app, true, &warehouse, warehouse_err);
    if (!code)
        code =
            status_read(ingestion, processed, warehouse, schema, arena, ret_status, warehouse_err);
    warehouse_err->code = code;
    return ERR_OK;
}

static void print_step(struct buf *out, const char *name, const struct status_step *step,
                       uint64_t wanted, const struct status *status, struct arena *arena)
{
    char age[CLOCK_TEXT_MAX], at[CLOCK_TEXT_MAX];

    if (!step->head) {
        buf_addf(out, "%-8s nothing yet\n", name);
        return;
    }
    if (!step->captured_us) {
        buf_addf(out, "%-8s batch %llu   whose record is not in the lake\n", name,
                 (unsigned long long)step->head);
        return;
    }
    clock_format_duration(status->now_us - step->captured_us, age);
    clock_format(step->captured_us, at);
    at[19] = '\0'; /* without the fraction */
    buf_addf(out, "%-8s batch %llu   %s UTC, %s ago", name, (unsigned long long)step->head, at,
             age);
    if (step->head < wanted)
        buf_addf(out, "   %s behind", output_count(arena, wanted - step->head, "batch"));
    buf_add_char(out, '\n');
}

static const char *count_or_dash(struct arena *arena, int64_t count)
{
    return count < 0 ? "-" : text_count(arena, (uint64_t)count);
}

static void print_sources(const struct status *status, struct arena *arena, struct buf *out)
{
    static const char *const heads[] = {"source table", "rows", "clean versions", "quarantined"};
    CLEANUP(text_table_free) struct text_table *table = text_table_new(COUNT_OF(heads));

    for (size_t i = 1; i < COUNT_OF(heads); i++)
        text_table_right(table, i);
    for (size_t i = 0; i < COUNT_OF(heads); i++)
        text_table_cell(table, heads[i]);
    for (size_t i = 0; i < status->source_count; i++) {
        const struct status_source *source = &status->sources[i];
        text_table_cell(table, source->table);
        text_table_cell(table, text_count(arena, source->rows));
        text_table_cell(table, count_or_dash(arena, source->clean_versions));
        text_table_cell(table, count_or_dash(arena, source->quarantined));
    }
    buf_add_char(out, '\n');
    text_table_print(table, out);
}

/* What is not complete is never shown as if it were. */
static void print_cursors(const struct status *status, struct buf *out)
{
    for (size_t i = 0; i < status->source_count; i++) {
        const struct status_source *source = &status->sources[i];
        char at[CLOCK_TEXT_MAX];
        if (!source->cursor)
            continue;
        clock_format(source->compared_us, at);
        at[19] = '\0';
        buf_addf(out,
                 "\n%s is read by its cursor '%s': complete as of %s UTC, since then without"
                 " deletions\n",
                 source->table, source->cursor, at);
    }
}

static void print_models(const struct status *status, struct arena *arena, struct buf *out)
{
    static const char *const heads[] = {"model", "kind", "lake versions", "quarantined",
                                        "warehouse rows"};
    CLEANUP(text_table_free) struct text_table *table = text_table_new(COUNT_OF(heads));

    text_table_right(table, 2);
    text_table_right(table, 3);
    text_table_right(table, 4);
    for (size_t i = 0; i < COUNT_OF(heads); i++)
        text_table_cell(table, heads[i]);
    for (size_t i = 0; i < status->model_count; i++) {
        const struct status_model *model = &status->models[i];
        text_table_cell(table, model->model);
        text_table_cell(table, model->kind);
        text_table_cell(table, text_count(arena, model->versions));
        text_table_cell(table, text_count(arena, model->quarantined));
        text_table_cell(table, count_or_dash(arena, model->warehouse_rows));
    }
    buf_add_char(out, '\n');
    text_table_print(table, out);
}

static void print_text(const struct status *status, const struct err *warehouse_err,
                       bool configured, struct arena *arena, struct buf *out)
{
    print_step(out, "ingest", &status->ingest, 0, status, arena);
    print_step(out, "process", &status->process, status->ingest.head, status, arena);
    if (!configured)
        buf_add_text(out, "load     'warehouse.url' is not set\n");
    else if (warehouse_err->code)
        buf_add_text(out, "load     not known: the warehouse cannot be read\n");
    else
        print_step(out, "load", &status->load, status->process.head, status, arena);
    if (status->source_count)
        print_sources(status, arena, out);
    print_cursors(status, out);
    if (status->model_count)
        print_models(status, arena, out);
}

static void json_step(struct json_writer *json, const char *name, const struct status_step *step,
                      const struct status *status)
{
    json_object_begin(json, name);
    json_uint(json, "batch", step->head);
    output_json_time(json, "captured_at", step->captured_us);
    if (step->captured_us)
        output_json_seconds(json, "age_seconds", status->now_us - step->captured_us);
    json_object_end(json);
}

static void json_count(struct json_writer *json, const char *name, int64_t count)
{
    if (count < 0)
        json_none(json, name);
    else
        json_int(json, name, count);
}

static void print_json(const struct status *status, const struct err *warehouse_err,
                       bool configured, struct buf *out)
{
    struct json_writer json;

    output_json_begin(&json, out, true);
    json_text(&json, "lake", status->lake);
    json_text(&json, "database", status->database);
    json_step(&json, "ingest", &status->ingest, status);
    json_step(&json, "process", &status->process, status);
    if (configured && !warehouse_err->code)
        json_step(&json, "load", &status->load, status);
    else
        json_none(&json, "load");
    json_array_begin(&json, "sources");
    for (size_t i = 0; i < status->source_count; i++) {
        json_object_begin(&json, NULL);
        json_text(&json, "table", status->sources[i].table);
        json_uint(&json, "rows", status->sources[i].rows);
        json_count(&json, "clean_versions", status->sources[i].clean_versions);
        json_count(&json, "quarantined", status->sources[i].quarantined);
        if (status->sources[i].cursor) {
            json_text(&json, "cursor", status->sources[i].cursor);
            output_json_time(&json, "complete_as_of", status->sources[i].compared_us);
        }
        json_object_end(&json);
    }
    json_array_end(&json);
    json_array_begin(&json, "models");
    for (size_t i = 0; i < status->model_count; i++) {
        json_object_begin(&json, NULL);
        json_text(&json, "model", status->models[i].model);
        json_text(&json, "kind", status->models[i].kind);
        json_uint(&json, "lake_versions", status->models[i].versions);
        json_uint(&json, "quarantined", status->models[i].quarantined);
        json_count(&json, "warehouse_rows", status->models[i].warehouse_rows);
        json_object_end(&json);
    }
    json_array_end(&json);
    if (warehouse_err->code)
        output_json_error(&json, warehouse_err);
    output_json_end(&json);
}

/* A warehouse that cannot be read is a metric, not an error: the others must still arrive. */
static enum err_code print_prometheus(struct call *call, struct app *app, struct err *err)
{
    CLEANUP(warehouse_close) struct warehouse *warehouse = NULL;
    struct metric_set set = {.arena = call->arena};
    struct err warehouse_err = {0};
    bool down = app_has_warehouse(app) && app_warehouse_open(app, true, &warehouse, &warehouse_err);
    enum err_code code = metrics_read(app, warehouse, &set, err);

    if (code && warehouse) {
        set.count = 0;
        down = true;
        warehouse_err = *err;
        code = metrics_read(app, NULL, &set, err);
    }
    TRY(code);
    if (down)
        log_warn("the warehouse cannot be read: %s", warehouse_err.message);
    if (app_has_warehouse(app))
        metric_add(&set, METRIC_WAREHOUSE_UP, NULL, NULL, down ? 0 : 1);
    metrics_print_prometheus(&set, call->out);
    return ERR_OK;
}

enum err_code command_status(struct call *call, struct err *err)
{
    CLEANUP(app_free) struct app *app = app_new(call->config);
    struct status status;
    struct err warehouse_err = {0};

    if (call_value(call, "--prometheus"))
        return print_prometheus(call, app, err);
    TRY(read_all(app, call->arena, &status, &warehouse_err, err));
    if (call->json)
        print_json(&status, &warehouse_err, app_has_warehouse(app), call->out);
    else
        print_text(&status, &warehouse_err, app_has_warehouse(app), call->arena, call->out);
    if (warehouse_err.code) {
        *err = warehouse_err;
        return err->code;
    }
    return ERR_OK;
}
