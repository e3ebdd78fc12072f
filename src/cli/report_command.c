/* tote report. */
#include "app/app.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/result_output.h"
#include "pipeline/report.h"

static void list_table(const struct report_set *set, struct buf *out)
{
    static const char *const heads[] = {"report", "question"};
    CLEANUP(text_table_free) struct text_table *table = text_table_new(COUNT_OF(heads));

    for (size_t i = 0; i < COUNT_OF(heads); i++)
        text_table_cell(table, heads[i]);
    for (size_t i = 0; i < set->count; i++) {
        text_table_cell(table, set->reports[i].name);
        text_table_cell(table, set->reports[i].question);
    }
    text_table_print(table, out);
}

static void list_reports(const struct call *call, const struct report_set *set)
{
    if (call->json) {
        report_catalogue_json(set, call->out);
        buf_add_char(call->out, '\n');
    } else if (set->count) {
        list_table(set, call->out);
    } else {
        buf_add_text(call->out, "the folder of the models holds no report/*.sql\n");
    }
}

/* Every filter is a flag of the same name. */
static enum err_code take_filters(const struct call *call, struct report_filters *filters,
                                  struct err *err)
{
    for (size_t i = 0; i < REPORT_PARAMETERS; i++) {
        const char *flag = arena_printf(call->arena, "--%s", report_parameters[i].name);
        const char *value = call_value(call, flag);
        if (value)
            TRY(report_filters_set(filters, report_parameters[i].name, value, err));
    }
    const char *limit = call_value(call, "--limit");
    return limit ? report_filters_set(filters, "limit", limit, err) : ERR_OK;
}

static enum err_code print_json(const struct report *report, const struct report_state *state,
                                const struct report_filters *filters, struct warehouse *warehouse,
                                struct buf *out, struct err *err)
{
    struct json_writer json;

    json_begin(&json, out, true);
    TRY(report_json(report, state, filters, warehouse, &json, err));
    json_object_end(&json);
    buf_add_char(out, '\n');
    return ERR_OK;
}

static enum err_code print_rows(struct call *call, const struct report *report,
                                const struct report_state *state,
                                const struct report_filters *filters, struct warehouse *warehouse,
                                struct err *err)
{
    struct report_run run;
    CLEANUP_IN_PLACE(result_output_release)
    struct result_output output = {
        .out = call->out,
        .format = call_value(call, "--csv") ? RESULT_OUTPUT_CSV : RESULT_OUTPUT_TABLE,
    };

    TRY(report_run(report, state, filters, warehouse, result_output_add, &output, &run, err));
    TRY(result_output_end(&output, err));
    if (output.format == RESULT_OUTPUT_TABLE && run.truncated)
        buf_addf(call->out, "there are more; --limit shows up to %d\n", REPORT_ROWS_MAX);
    if (output.format == RESULT_OUTPUT_TABLE && run.unconverted > 0)
        buf_addf(call->out, "%lld rows have no rate of their day and are in no sum\n",
                 (long long)run.unconverted);
    return ERR_OK;
}

enum err_code command_report(struct call *call, struct err *err)
{
    CLEANUP(app_free) struct app *app = app_new(call->config);
    CLEANUP(warehouse_close) struct warehouse *warehouse = NULL;
    struct report_filters filters = report_filters_none();
    const char *models = config_text(call->config, OPTION_MODELS);
    const struct report *report;
    struct report_set *set;
    struct report_state state;

    TRY(report_set_read(models, call->arena, &set, err));
    if (call_value(call, "--markdown")) {
        report_print_markdown(set, call->out);
        return ERR_OK;
    }
    if (!call->argument_count) {
        list_reports(call, set);
        return ERR_OK;
    }
    TRY(report_find(set, call->arguments[0], &report, err));
    TRY(take_filters(call, &filters, err));
    TRY(app_warehouse_open(app, true, &warehouse, err));
    TRY(report_state_read(set, warehouse, call->arena, &state, err));
    if (call->json)
        return print_json(report, &state, &filters, warehouse, call->out, err);
    return print_rows(call, report, &state, &filters, warehouse, err);
}
