/* Reports as JSON documents: docs/reference/http-api.md. */
#include <ctype.h>

#include "base/clock.h"
#include "base/text.h"
#include "pipeline/report.h"

static void write_columns(struct json_writer *json, const struct report *report)
{
    json_array_begin(json, "columns");
    for (size_t i = 0; i < report->column_count; i++) {
        const struct report_column *column = &report->columns[i];
        json_object_begin(json, NULL);
        json_text(json, "name", column->name);
        json_text(json, "kind", report_kind_name(column->kind));
        if (column->currency)
            json_text(json, "currency", column->currency);
        json_text(json, "title", column->title);
        json_object_end(json);
    }
    json_array_end(json);
}

static void write_chart(struct json_writer *json, const struct report *report)
{
    json_object_begin(json, "chart");
    json_text(json, "kind", report->chart);
    if (report->chart_x)
        json_text(json, "x", report->chart_x);
    if (report->chart_y)
        json_text(json, "y", report->chart_y);
    if (report->chart_by)
        json_text(json, "by", report->chart_by);
    json_object_end(json);
}

static void write_entry(struct json_writer *json, const struct report *report)
{
    json_object_begin(json, NULL);
    json_text(json, "name", report->name);
    json_text(json, "group", report->group);
    json_text(json, "title", report->title);
    json_text(json, "question", report->question);
    write_chart(json, report);
    json_array_begin(json, "filters");
    for (size_t i = 0; i < REPORT_PARAMETERS; i++)
        if (report->takes[i])
            json_text(json, NULL, report_parameters[i].name);
    json_array_end(json);
    json_array_begin(json, "required");
    if (report->takes[REPORT_KEY])
        json_text(json, NULL, report_parameters[REPORT_KEY].name);
    json_array_end(json);
    write_columns(json, report);
    if (report->drill.report) {
        json_object_begin(json, "drill");
        json_text(json, "report", report->drill.report);
        json_object_begin(json, "with");
        for (size_t i = 0; i < report->drill.count; i++)
            if (report->drill.columns[i])
                json_text(json, report->drill.filters[i], report->drill.columns[i]);
        json_object_end(json);
        json_object_begin(json, "set");
        for (size_t i = 0; i < report->drill.count; i++)
            if (report->drill.values[i])
                json_text(json, report->drill.filters[i], report->drill.values[i]);
        json_object_end(json);
        json_object_end(json);
    }
    json_bool(json, "in_bundle", report->in_bundle);
    json_object_end(json);
}

void report_catalogue_json(const struct report_set *set, struct buf *ret_text)
{
    struct json_writer json;

    json_begin(&json, ret_text, false);
    json_object_begin(&json, NULL);
    json_int(&json, "schema", 1);
    json_array_begin(&json, "reports");
    for (size_t i = 0; i < set->count; i++)
        write_entry(&json, &set->reports[i]);
    json_array_end(&json);
    json_object_end(&json);
}

static bool is_integer(const struct span *cell)
{
    size_t start = cell->size > 0 && cell->data[0] == '-';

    for (size_t i = start; i < cell->size; i++)
        if (!isdigit((unsigned char)cell->data[i]))
            return false;
    return cell->size > start && cell->size - start <= 15; /* what a JavaScript number holds */
}

static void write_instant(struct json_writer *json, const struct span *cell)
{
    char text[CLOCK_TEXT_MAX] = "";
    struct err ignored;
    int64_t at_us;

    if (cell->size < sizeof text)
        memcpy(text, cell->data, cell->size);
    if (clock_parse(text, &at_us, &ignored))
        json_text_n(json, NULL, cell->data, cell->size);
    else
        json_time(json, NULL, at_us);
}

void report_json_cell(struct json_writer *json, enum report_kind kind, const struct span *cell)
{
    char number[24];

    if (!cell->data) {
        json_none(json, NULL);
        return;
    }
    switch (kind) {
    case REPORT_KIND_COUNT:
    case REPORT_KIND_WEEKDAY:
    case REPORT_KIND_KEY:
        if (is_integer(cell)) {
            memcpy(number, cell->data, cell->size);
            number[cell->size] = '\0';
            json_raw(json, NULL, number);
            return;
        }
        break;
    case REPORT_KIND_FLAG:
        json_bool(json, NULL, cell->size > 0 && *cell->data == 't');
        return;
    case REPORT_KIND_INSTANT:
        write_instant(json, cell);
        return;
    default:
        break;
    }
    json_text_n(json, NULL, cell->data, cell->size);
}

void report_json_row(const struct report *report, const struct span *cells,
                     struct json_writer *json)
{
    json_array_begin(json, NULL);
    for (size_t i = 0; i < report->column_count; i++)
        report_json_cell(json, report->columns[i].kind, &cells[i]);
    json_array_end(json);
}

struct rows {
    struct json_writer *json;
    const struct report *report;
};

static bool write_row(void *arg, size_t column_count, const char *const *names,
                      const struct span *cells)
{
    struct rows *rows = arg;

    (void)column_count, (void)names;
    report_json_row(rows->report, cells, rows->json);
    return true;
}

static void write_applied(struct json_writer *json, const struct report *report,
                          const struct report_filters *filters, const struct report_state *state)
{
    json_object_begin(json, "applied");
    for (size_t i = 0; i < REPORT_PARAMETERS; i++) {
        if (!report->takes[i])
            continue;
        const char *value = filters->values[i];
        if (!value && i == REPORT_TODAY)
            value = state->today;
        if (value)
            json_text(json, report_parameters[i].name, value);
    }
    json_object_end(json);
}

void report_json_head(const struct report *report, const struct report_state *state,
                      const struct report_filters *filters, struct json_writer *json)
{
    write_applied(json, report, filters, state);
    write_columns(json, report);
    json_array_begin(json, "rows");
}

void report_json_foot(const struct report_filters *filters, const struct report_run *run,
                      struct json_writer *json)
{
    json_array_end(json);
    json_object_begin(json, "money");
    json_text(json, "mode", run->unconverted < 0 ? "by-currency" : "converted");
    if (run->unconverted >= 0) {
        json_text(json, "to", filters->values[REPORT_CONVERT]);
        json_int(json, "unconverted", run->unconverted);
    }
    json_object_end(json);
    json_uint(json, "row_count", run->rows);
    json_bool(json, "truncated", run->truncated);
}

enum err_code report_json_members(const struct report *report, const struct report_state *state,
                                  const struct report_filters *filters, struct warehouse *warehouse,
                                  struct json_writer *json, struct err *err)
{
    struct rows rows = {.json = json, .report = report};
    struct report_run run;

    report_json_head(report, state, filters, json);
    TRY(report_run(report, state, filters, warehouse, write_row, &rows, &run, err));
    report_json_foot(filters, &run, json);
    return ERR_OK;
}

enum err_code report_json(const struct report *report, const struct report_state *state,
                          const struct report_filters *filters, struct warehouse *warehouse,
                          struct json_writer *json, struct err *err)
{
    json_object_begin(json, NULL);
    json_int(json, "schema", 1);
    json_text(json, "report", report->name);
    json_uint(json, "batch", state->batch);
    json_time(json, "captured_at", state->captured_us);
    return report_json_members(report, state, filters, warehouse, json, err);
}
