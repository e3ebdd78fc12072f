#include "cli/step_output.h"

#include "base/clock.h"
#include "base/text.h"
#include "cli/output.h"

struct totals {
    uint64_t rows;
    uint64_t deleted;
    uint64_t quarantined;
    uint64_t bytes;
};

static struct totals totals_of(const struct step_batch *batch)
{
    struct totals totals = {0};

    for (size_t i = 0; i < batch->table_count; i++) {
        totals.rows += batch->tables[i].rows;
        totals.deleted += batch->tables[i].deleted;
        totals.quarantined += batch->tables[i].quarantined;
        totals.bytes += batch->tables[i].bytes;
    }
    return totals;
}

static void text_batch(const struct round_step *step, const struct step_batch *batch, bool verbose,
                       struct arena *arena, struct buf *out)
{
    struct totals totals = totals_of(batch);
    char duration[CLOCK_TEXT_MAX];

    clock_format_duration(batch->duration_us, duration);
    buf_addf(out, "%-8s batch %llu", step->name, (unsigned long long)batch->batch);
    if (batch->table_count)
        buf_addf(out, "   %s in %s", output_count(arena, totals.rows, "row"),
                 output_count(arena, batch->table_count, "table"));
    else
        buf_add_text(out, "   no changes");
    if (totals.deleted)
        buf_addf(out, ", %s deleted", text_count(arena, totals.deleted));
    if (totals.quarantined)
        buf_addf(out, ", %s quarantined", text_count(arena, totals.quarantined));
    buf_addf(out, "   %s\n", duration);
    if (!verbose || !batch->table_count)
        return;

    CLEANUP(text_table_free) struct text_table *table = text_table_new(6);
    for (size_t column = 2; column < 6; column++)
        text_table_right(table, column);
    static const char *const heads[] = {"        ", "table",       "rows",
                                        "deleted",  "quarantined", "size"};
    for (size_t i = 0; i < COUNT_OF(heads); i++)
        text_table_cell(table, heads[i]);
    for (size_t i = 0; i < batch->table_count; i++) {
        const struct step_table *row = &batch->tables[i];
        text_table_cell(table, "        ");
        text_table_cell(table, row->table);
        text_table_cell(table, text_count(arena, row->rows));
        text_table_cell(table, text_count(arena, row->deleted));
        text_table_cell(table, text_count(arena, row->quarantined));
        text_table_cell(table, row->bytes ? text_bytes(arena, row->bytes) : "");
    }
    text_table_print(table, out);
}

static void text_idle(const struct round_step *step, struct arena *arena, struct buf *out)
{
    const struct step_report *report = &step->report;
    char duration[CLOCK_TEXT_MAX];

    clock_format_duration(report->duration_us, duration);
    if (step->yielded)
        buf_addf(out, "%-8s batch %llu was committed by another runner meanwhile\n", step->name,
                 (unsigned long long)report->head);
    else if (report->table_count)
        buf_addf(out, "%-8s nothing changed since batch %llu (%s in %s compared in %s)\n",
                 step->name, (unsigned long long)report->head,
                 output_count(arena, report->source_rows, "row"),
                 output_count(arena, report->table_count, "table"), duration);
    else if (report->head)
        buf_addf(out, "%-8s up to date at batch %llu%s\n", step->name,
                 (unsigned long long)report->head,
                 report->models_changed ? "; the changed models take effect with the next" : "");
    else
        buf_addf(out, "%-8s nothing to do: there is no batch yet\n", step->name);
}

void step_output_text(const struct round *round, bool verbose, struct arena *arena, struct buf *out)
{
    for (int i = 0; i < ROUND_STEPS; i++) {
        const struct round_step *step = &round->steps[i];
        if (step->skipped)
            buf_addf(out, "%-8s skipped: %s\n", step->name, step->skipped);
        if (!step->ran)
            continue;
        for (size_t b = 0; b < step->report.batch_count; b++)
            text_batch(step, &step->report.batches[b], verbose, arena, out);
        if (step->err.code)
            buf_addf(out, "%-8s failed\n", step->name);
        else if (!step->report.batch_count)
            text_idle(step, arena, out);
    }
}

static void json_batch(struct json_writer *json, const struct step_batch *batch)
{
    struct totals totals = totals_of(batch);

    json_object_begin(json, NULL);
    json_uint(json, "batch", batch->batch);
    output_json_time(json, "captured_at", batch->captured_us);
    output_json_seconds(json, "duration_seconds", batch->duration_us);
    json_uint(json, "rows", totals.rows);
    json_uint(json, "deleted", totals.deleted);
    json_uint(json, "quarantined", totals.quarantined);
    json_uint(json, "bytes", totals.bytes);
    json_array_begin(json, "tables");
    for (size_t i = 0; i < batch->table_count; i++) {
        const struct step_table *table = &batch->tables[i];
        json_object_begin(json, NULL);
        json_text(json, "table", table->table);
        json_uint(json, "rows", table->rows);
        json_uint(json, "deleted", table->deleted);
        json_uint(json, "quarantined", table->quarantined);
        json_uint(json, "bytes", table->bytes);
        output_json_seconds(json, "duration_seconds", table->duration_us);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

static void json_step(struct json_writer *json, const struct round_step *step)
{
    const struct step_report *report = &step->report;

    json_object_begin(json, NULL);
    json_text(json, "step", step->name);
    json_text(json, "skipped", step->skipped);
    if (step->ran) {
        json_uint(json, "head", report->head);
        output_json_time(json, "head_captured_at", report->head_captured_us);
        output_json_seconds(json, "duration_seconds", report->duration_us);
        json_bool(json, "yielded", step->yielded);
        if (report->table_count) {
            json_uint(json, "source_rows", report->source_rows);
            json_uint(json, "tables_compared", report->table_count);
        }
        json_array_begin(json, "batches");
        for (size_t i = 0; i < report->batch_count; i++)
            json_batch(json, &report->batches[i]);
        json_array_end(json);
        if (step->err.code)
            output_json_error(json, &step->err);
    }
    json_object_end(json);
}

void step_output_members(const struct round *round, struct json_writer *json)
{
    json_array_begin(json, "steps");
    for (int i = 0; i < ROUND_STEPS; i++)
        if (round->steps[i].ran || round->steps[i].skipped)
            json_step(json, &round->steps[i]);
    json_array_end(json);
}

void step_output_json(const struct round *round, bool indent, struct buf *out)
{
    struct json_writer json;

    output_json_begin(&json, out, indent);
    step_output_members(round, &json);
    output_json_end(&json);
}
