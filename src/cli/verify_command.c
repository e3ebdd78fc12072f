/* tote verify, tote reconcile: is the lake what its records say, and what the source holds. */
#include "app/app.h"
#include "base/clock.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "pipeline/record.h"
#include "pipeline/verify.h"

/* --- verify --- */

static void print_verify(const struct verify *verify, struct arena *arena, struct buf *out)
{
    for (size_t i = 0; i < COUNT_OF(verify->stores); i++) {
        const struct verify_store *store = &verify->stores[i];
        buf_addf(out, "%-10s %s, %s, %s\n", store->name,
                 output_count(arena, store->batches, "batch"),
                 output_count(arena, store->objects, "object"),
                 output_count(arena, store->bytes, "byte"));
    }
    for (uint64_t i = 0; i < verify->problem_count && i < VERIFY_PROBLEMS_SHOWN; i++)
        buf_addf(out, "%s\n", verify->problems[i].message);
    if (verify->problem_count > VERIFY_PROBLEMS_SHOWN)
        buf_addf(out, "… and %llu more\n",
                 (unsigned long long)(verify->problem_count - VERIFY_PROBLEMS_SHOWN));
    if (!verify->problem_count)
        buf_addf(out, "all is as recorded%s\n",
                 verify->quick ? " (sizes only, nothing was read)" : "");
}

static void json_verify(const struct verify *verify, struct buf *out)
{
    struct json_writer json;

    output_json_begin(&json, out, true);
    json_bool(&json, "ok", verify->problem_count == 0);
    json_bool(&json, "quick", verify->quick);
    json_array_begin(&json, "stores");
    for (size_t i = 0; i < COUNT_OF(verify->stores); i++) {
        json_object_begin(&json, NULL);
        json_text(&json, "store", verify->stores[i].name);
        json_uint(&json, "batches", verify->stores[i].batches);
        json_uint(&json, "objects", verify->stores[i].objects);
        json_uint(&json, "bytes", verify->stores[i].bytes);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_uint(&json, "problem_count", verify->problem_count);
    json_array_begin(&json, "problems");
    for (uint64_t i = 0; i < verify->problem_count && i < VERIFY_PROBLEMS_SHOWN; i++)
        json_text(&json, NULL, verify->problems[i].message);
    json_array_end(&json);
    output_json_end(&json);
}

static enum err_code verify_all(struct app *app, struct verify *verify, struct err *err)
{
    struct store *ingestion, *processed;

    TRY(app_ingestion(app, &ingestion, err));
    TRY(app_processed(app, &processed, err));
    TRY(verify_ingestion(verify, ingestion, err));
    return verify_processed(verify, processed, err);
}

enum err_code command_verify(struct call *call, struct err *err)
{
    CLEANUP(app_free) struct app *app = app_new(call->config);
    struct verify verify = {.arena = call->arena, .quick = call_value(call, "--quick") != NULL};

    progress_begin("verify", 0);
    enum err_code code = verify_all(app, &verify, err);
    progress_end();
    TRY(code);
    if (call->json)
        json_verify(&verify, call->out);
    else
        print_verify(&verify, call->arena, call->out);
    if (!verify.problem_count)
        return ERR_OK;
    (void)err_set(err, ERR_DATA, "the lake is not what its records say: %s",
                  output_count(call->arena, verify.problem_count, "problem"));
    return err_hint(err,
                    "restore the objects from the bucket's versions or a copy: nothing that tote "
                    "does removes or changes one");
}

/* --- reconcile --- */

/* First what changed since the last batch, as ever; what a full compare finds after that had been
 * missed, or changed in between. */
static enum err_code compare_all(struct app *app, struct arena *arena, struct record **ret_record,
                                 struct err *err)
{
    struct app_ingest_choice full = {.full_compare = true, .record_always = true};
    struct step_report before = {.arena = arena}, report = {.arena = arena};
    struct store *ingestion;

    TRY(app_ingest(app, NULL, &before, err));
    TRY(app_ingest(app, &full, &report, err));
    TRY(app_ingestion(app, &ingestion, err));
    return record_read(ingestion, report.head, arena, ret_record, err);
}

static void print_reconcile(const struct record *record, uint64_t differences, struct arena *arena,
                            struct buf *out)
{
    static const char *const heads[] = {"table", "rows", "differed", "deleted", ""};
    CLEANUP(text_table_free) struct text_table *table = text_table_new(COUNT_OF(heads));

    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        if (i > 0 && i < 4)
            text_table_right(table, i);
        text_table_cell(table, heads[i]);
    }
    for (size_t i = 0; i < record->table_count; i++) {
        const struct record_table *row = &record->tables[i];
        text_table_cell(table, row->name);
        text_table_cell(table, text_count(arena, row->rows));
        text_table_cell(table, text_count(arena, row->changed));
        text_table_cell(table, text_count(arena, row->deleted));
        text_table_cell(table, row->gone ? "not in the source any more" : "");
    }
    text_table_print(table, out);
    if (differences)
        buf_addf(out, "\nthe lake differed in %s from the source; batch %llu repairs that\n",
                 output_count(arena, differences, "row"), (unsigned long long)record->batch);
    else
        buf_addf(out, "\nthe lake held what the source holds; batch %llu says so\n",
                 (unsigned long long)record->batch);
}

static void json_reconcile(const struct record *record, uint64_t differences, struct buf *out)
{
    struct json_writer json;

    output_json_begin(&json, out, true);
    json_uint(&json, "batch", record->batch);
    output_json_time(&json, "captured_at", record->captured_us);
    json_uint(&json, "differences", differences);
    json_array_begin(&json, "tables");
    for (size_t i = 0; i < record->table_count; i++) {
        const struct record_table *row = &record->tables[i];
        json_object_begin(&json, NULL);
        json_text(&json, "table", row->name);
        json_uint(&json, "source_rows", row->rows);
        json_uint(&json, "differed", row->changed);
        json_uint(&json, "deleted", row->deleted);
        json_bool(&json, "gone", row->gone);
        json_object_end(&json);
    }
    json_array_end(&json);
    output_json_end(&json);
}

enum err_code command_reconcile(struct call *call, struct err *err)
{
    CLEANUP(app_free) struct app *app = app_new(call->config);
    struct record *record = NULL;
    uint64_t differences = 0;

    TRY(compare_all(app, call->arena, &record, err));
    for (size_t i = 0; i < record->table_count; i++)
        differences += record->tables[i].changed + record->tables[i].deleted;
    if (call->json)
        json_reconcile(record, differences, call->out);
    else
        print_reconcile(record, differences, call->arena, call->out);
    return ERR_OK;
}
