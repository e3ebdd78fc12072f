/* tote history. */
#include "app/app.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "pipeline/status.h"

enum {
    HISTORY_LIMIT = 20,
    HISTORY_LIMIT_MAX = 100000
};

static enum err_code number_of(const struct call *call, const char *name, uint64_t otherwise,
                               uint64_t most, uint64_t *ret_number, struct err *err)
{
    const char *text = call_value(call, name);
    uint64_t number = otherwise;

    if (text && (!text_to_u64(text, &number) || number < 1 || number > most))
        return err_set(err, ERR_USAGE, "'%s %.40s': expected a number from 1 to %llu", name,
                       redact_copy(call->arena, text), (unsigned long long)most);
    *ret_number = number;
    return ERR_OK;
}

static const char *note_of(const struct history_batch *batch)
{
    if (text_equal(batch->kind, "replay"))
        return batch->rebuilt ? "replay: rebuilt" : "replay";
    return batch->rebuilt ? "models changed: rebuilt" : "";
}

static void print_batches(const struct history *history, struct arena *arena, struct buf *out)
{
    static const char *const heads[] = {"batch",   "captured at (UTC)", "rows",
                                        "deleted", "quarantined",       "tables",
                                        "ingest",  "process",           ""};
    CLEANUP(text_table_free) struct text_table *table = text_table_new(COUNT_OF(heads));

    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        if (i != 1 && i != 8)
            text_table_right(table, i);
        text_table_cell(table, heads[i]);
    }
    for (size_t i = 0; i < history->count; i++) {
        const struct history_batch *batch = &history->batches[i];
        char at[CLOCK_TEXT_MAX], ingest[CLOCK_TEXT_MAX], process[CLOCK_TEXT_MAX];
        clock_format(batch->captured_us, at);
        at[19] = '\0';
        clock_format_duration(batch->ingest_us, ingest);
        clock_format_duration(batch->process_us, process);
        text_table_cell(table, arena_printf(arena, "%llu", (unsigned long long)batch->batch));
        text_table_cell(table, at);
        text_table_cell(table, text_count(arena, batch->changed));
        text_table_cell(table, text_count(arena, batch->deleted));
        text_table_cell(table, batch->processed ? text_count(arena, batch->quarantined) : "-");
        text_table_cell(table, text_count(arena, batch->table_count));
        text_table_cell(table, ingest);
        text_table_cell(table, batch->processed ? process : "-");
        text_table_cell(table, note_of(batch));
    }
    text_table_print(table, out);
}

static void print_tables(const struct history_batch *batch, struct arena *arena, struct buf *out)
{
    static const char *const heads[] = {"table",   "rows",        "changed",
                                        "deleted", "quarantined", "compared by"};
    CLEANUP(text_table_free) struct text_table *table = text_table_new(COUNT_OF(heads));

    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        if (i > 0 && i < 5)
            text_table_right(table, i);
        text_table_cell(table, heads[i]);
    }
    for (size_t i = 0; i < batch->table_count; i++) {
        const struct history_table *row = &batch->tables[i];
        text_table_cell(table, row->table);
        text_table_cell(table, text_count(arena, row->rows));
        text_table_cell(table, text_count(arena, row->changed));
        text_table_cell(table, text_count(arena, row->deleted));
        text_table_cell(table, batch->processed ? text_count(arena, row->quarantined) : "-");
        text_table_cell(table, row->compare);
    }
    buf_add_char(out, '\n');
    text_table_print(table, out);
}

static void print_json(const struct history *history, struct buf *out)
{
    struct json_writer json;

    output_json_begin(&json, out, true);
    json_uint(&json, "head", history->head);
    json_array_begin(&json, "batches");
    for (size_t i = 0; i < history->count; i++) {
        json_object_begin(&json, NULL);
        history_json_batch(&json, &history->batches[i]);
        json_object_end(&json);
    }
    json_array_end(&json);
    output_json_end(&json);
}

enum err_code command_history(struct call *call, struct err *err)
{
    CLEANUP(app_free) struct app *app = app_new(call->config);
    struct store *ingestion, *processed;
    struct history history;
    uint64_t batch, limit;

    TRY(number_of(call, "--batch", 0, UINT64_MAX, &batch, err));
    TRY(number_of(call, "--limit", HISTORY_LIMIT, HISTORY_LIMIT_MAX, &limit, err));
    TRY(app_ingestion(app, &ingestion, err));
    TRY(app_processed(app, &processed, err));
    TRY(history_read(ingestion, processed, batch, (size_t)limit, call->arena, &history, err));
    if (call->json) {
        print_json(&history, call->out);
    } else if (!history.count) {
        buf_add_text(call->out, "no batch yet\n");
    } else {
        print_batches(&history, call->arena, call->out);
        for (size_t i = 0; i < history.count && (batch || call->verbose); i++)
            print_tables(&history.batches[i], call->arena, call->out);
    }
    return ERR_OK;
}
