/* tote run, ingest, process, load. */
#include "app/round.h"
#include "app/run_state.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/step_output.h"

static struct app_ingest_choice ingest_choice(const struct call *call)
{
    return (struct app_ingest_choice){
        .full_compare = call_value(call, "--full") != NULL,
        .accept_new_source = call_value(call, "--accept-new-source") != NULL,
    };
}

/* One round, after which comes another one in `pause_us` (0: none); its report is written to stdout
 * whatever became of it. */
static enum err_code one_round(struct call *call, struct app *app, unsigned steps,
                               struct app_ingest_choice *choice, int64_t pause_us, struct err *err)
{
    bool indent = !pause_us;
    CLEANUP(arena_free) struct arena *round_arena = arena_new(0);
    struct round round;
    struct err flush_err;

    struct run_reporter *reporter = run_reporter_open(app);
    enum err_code code = round_run_told(app, steps, choice, round_arena, reporter, &round, err);
    progress_end();
    run_reporter_close(reporter, pause_us ? clock_now_us() + pause_us : 0);
    /* A full compare is asked for once, not every round. */
    if (choice && !round.steps[ROUND_INGEST].err.code)
        *choice = (struct app_ingest_choice){0};
    /* The caller reports the first error; the others would be lost. */
    bool first = true;
    for (int i = 0; i < ROUND_STEPS; i++) {
        if (!first && round.steps[i].err.code)
            log_error(&round.steps[i].err);
        first = first && !round.steps[i].err.code;
    }
    if (call->json)
        step_output_json(&round, indent, call->out);
    else
        step_output_text(&round, call->verbose, round_arena, call->out);
    enum err_code flushed = output_flush(call->out, &flush_err);
    if (flushed && !code) {
        *err = flush_err;
        return flushed;
    }
    return code;
}

static enum err_code run_steps(struct call *call, unsigned steps, struct app_ingest_choice *choice,
                               struct err *err)
{
    CLEANUP(app_free) struct app *app = app_new(call->config);

    return one_round(call, app, steps, choice, 0, err);
}

/* Until it is interrupted: 0 between rounds, 130 within one. */
static enum err_code keep_on(struct call *call, int64_t pause_us, struct err *err)
{
    struct app_ingest_choice choice = ingest_choice(call);

    while (!cancel_requested() && !output_closed()) {
        /* Opened anew each round: what broke in one is not carried into the next. */
        CLEANUP(app_free) struct app *app = app_new(call->config);
        enum err_code code =
            one_round(call, app, 1u << ROUND_INGEST | 1u << ROUND_PROCESS | 1u << ROUND_LOAD,
                      &choice, pause_us, err);
        if (code == ERR_CANCELLED)
            return code;
        if (code)
            log_error(err);
        if (!output_closed())
            clock_sleep_us(pause_us);
    }
    return ERR_OK;
}

enum err_code command_run(struct call *call, struct err *err)
{
    const char *every = call_value(call, "--every");
    struct app_ingest_choice choice = ingest_choice(call);
    int64_t pause_us = config_number(call->config, OPTION_SCHEDULE_EVERY);

    if (!every)
        return run_steps(call, 1u << ROUND_INGEST | 1u << ROUND_PROCESS | 1u << ROUND_LOAD, &choice,
                         err);
    if (*every &&
        option_check(OPTION_SCHEDULE_EVERY, redact_copy(call->arena, every), &pause_us, err)) {
        err->code = ERR_USAGE;
        return err_wrap(err, "'--every'");
    }
    return keep_on(call, pause_us, err);
}

enum err_code command_ingest(struct call *call, struct err *err)
{
    struct app_ingest_choice choice = ingest_choice(call);

    return run_steps(call, 1u << ROUND_INGEST, &choice, err);
}

enum err_code command_process(struct call *call, struct err *err)
{
    return run_steps(call, 1u << ROUND_PROCESS, NULL, err);
}

enum err_code command_load(struct call *call, struct err *err)
{
    return run_steps(call, 1u << ROUND_LOAD, NULL, err);
}
