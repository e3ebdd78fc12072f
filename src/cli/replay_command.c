/* tote replay. */
#include "app/app_replay.h"
#include "app/round.h"
#include "app/run_state.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/step_output.h"

static void print_tried(const struct replay_report *report, struct arena *arena, struct buf *out)
{
    uint64_t rows = 0;
    size_t tried = 0;

    for (size_t i = 0; i < report->count; i++) {
        const struct replay_table *table = &report->tables[i];
        if (!table->tried)
            continue;
        buf_addf(out, "%s%s of %s", tried ? ", " : "", output_count(arena, table->rows, "row"),
                 table->name);
        rows += table->rows;
        tried++;
    }
    if (report->waiting)
        buf_add_text(out, rows == 1 ? " waits for another try already\n"
                                    : " wait for another try already\n");
    else
        buf_add_text(out, rows == 1 ? " gets another try\n" : " get another try\n");
}

static void print_report(const struct replay_report *report, struct arena *arena, struct buf *out)
{
    if (report->batch) {
        buf_addf(out, "replay   batch %llu   ", (unsigned long long)report->batch);
        print_tried(report, arena, out);
    } else {
        buf_add_text(out, report->count ? "replay   nothing to put through again\n"
                                        : "replay   nothing is in quarantine\n");
    }
    for (size_t i = 0; i < report->count; i++) {
        const struct replay_table *table = &report->tables[i];
        if (table->tried)
            continue;
        buf_addf(out, "         %s of %s %s out", output_count(arena, table->rows, "row"),
                 table->name, table->rows == 1 ? "stays" : "stay");
        if (text_starts(table->name, "clean."))
            buf_addf(out, ": `tote run` takes it when the source or models/clean/%s.sql is mended",
                     table->name + sizeof "clean." - 1);
        buf_add_char(out, '\n');
    }
}

static void write_report(const struct replay_report *report, struct json_writer *json)
{
    json_object_begin(json, "replay");
    if (report->batch)
        json_uint(json, "batch", report->batch);
    else
        json_none(json, "batch");
    json_bool(json, "waiting", report->waiting);
    json_array_begin(json, "tables");
    for (size_t i = 0; i < report->count; i++) {
        json_object_begin(json, NULL);
        json_text(json, "table", report->tables[i].name);
        json_uint(json, "rows", report->tables[i].rows);
        json_bool(json, "tried", report->tables[i].tried);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

/* What process and load make of it; what they had not done yet as well, so that a second call
 * mends what a first one that was killed left undone. */
static enum err_code follow(struct call *call, struct app *app, struct round *round,
                            struct err *err)
{
    struct run_reporter *reporter = run_reporter_open(app);
    enum err_code code = round_run_told(app, 1u << ROUND_PROCESS | 1u << ROUND_LOAD, NULL,
                                        call->arena, reporter, round, err);

    progress_end();
    run_reporter_close(reporter, 0);
    if (round->steps[ROUND_PROCESS].err.code && round->steps[ROUND_LOAD].err.code)
        log_error(&round->steps[ROUND_LOAD].err); /* the caller reports the first */
    return code;
}

enum err_code command_replay(struct call *call, struct err *err)
{
    CLEANUP(app_free) struct app *app = app_new(call->config);
    struct replay_report report = {.arena = call->arena};
    struct round round = {0};
    enum err_code code = ERR_OK;

    TRY(app_replay(app, call->arguments, call->argument_count, &report, err));
    if (!call_value(call, "--no-follow"))
        code = follow(call, app, &round, err);
    if (call->json) {
        struct json_writer json;
        output_json_begin(&json, call->out, true);
        write_report(&report, &json);
        step_output_members(&round, &json);
        output_json_end(&json);
    } else {
        print_report(&report, call->arena, call->out);
        step_output_text(&round, call->verbose, call->arena, call->out);
    }
    return code;
}
