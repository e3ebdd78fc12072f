#include "app/round.h"

#include "app/app_ingest.h"
#include "app/run_state.h"
#include "base/cancel.h"
#include "base/clock.h"

enum {
    CONFLICT_TRIES = 3
};

/* Process and load catch up with whatever is missing, so after a conflict they look again. */
static enum err_code run_step(struct app *app, int which, const struct app_ingest_choice *choice,
                              struct round_step *step, struct err *err)
{
    enum err_code code = ERR_CONFLICT;

    if (which == ROUND_INGEST)
        return app_ingest_or_yield(app, choice, &step->report, &step->yielded, err);
    for (int i = 0; i < CONFLICT_TRIES && code == ERR_CONFLICT; i++) {
        step->report = (struct step_report){.arena = step->report.arena};
        code = which == ROUND_PROCESS ? app_process(app, &step->report, err)
                                      : app_load(app, &step->report, err);
    }
    return code;
}

/* Models that were changed take effect with a batch: one without changes will do. */
static enum err_code apply_models(struct app *app, const struct app_ingest_choice *choice,
                                  struct round *round, struct err *err)
{
    struct app_ingest_choice now = choice ? *choice : (struct app_ingest_choice){0};

    now.record_always = true;
    for (int i = ROUND_INGEST; i <= ROUND_PROCESS; i++) {
        struct round_step *step = &round->steps[i];
        step->report = (struct step_report){.arena = step->report.arena};
        TRY(run_step(app, i, &now, step, err));
    }
    return ERR_OK;
}

enum err_code round_run(struct app *app, unsigned steps, const struct app_ingest_choice *choice,
                        struct arena *arena, struct round *ret_round, struct err *err)
{
    return round_run_told(app, steps, choice, arena, NULL, ret_round, err);
}

enum err_code round_run_told(struct app *app, unsigned steps,
                             const struct app_ingest_choice *choice, struct arena *arena,
                             struct run_reporter *reporter, struct round *ret_round,
                             struct err *err)
{
    static const char *const names[ROUND_STEPS] = {"ingest", "process", "load"};
    enum err_code first = ERR_OK;

    *ret_round = (struct round){0};
    for (int i = 0; i < ROUND_STEPS; i++) {
        struct round_step *step = &ret_round->steps[i];
        step->name = names[i];
        step->report.arena = arena;
        if (!(steps & 1u << i))
            continue;
        if (i == ROUND_LOAD && steps != 1u << ROUND_LOAD && !app_has_warehouse(app)) {
            step->skipped = "'warehouse.url' is not set";
            continue;
        }
        if (first && cancel_requested()) {
            step->skipped = "interrupted";
            continue;
        }
        int64_t begin_us = clock_monotonic_us();
        step->ran = true;
        run_reporter_step(reporter, names[i]);
        enum err_code code = run_step(app, i, choice, step, &step->err);
        if (i == ROUND_PROCESS && !code && !first && step->report.models_changed &&
            steps & 1u << ROUND_INGEST)
            code = apply_models(app, choice, ret_round, &step->err);
        if (!step->report.duration_us)
            step->report.duration_us = clock_monotonic_us() - begin_us;
        step->err.code = code;
        if (code && !first) {
            first = code;
            *err = step->err;
        }
    }
    return first;
}
