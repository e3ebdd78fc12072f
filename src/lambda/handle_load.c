#include "lambda/handlers.h"

static enum err_code run(struct lambda_call *call, struct step_report *report, struct err *err)
{
    return app_load(call->app, report, err);
}

static enum err_code handle(struct lambda_call *call, struct err *err)
{
    static const struct step_kind kind = {
        .name = "load",
        .announced = OPTION_LAKE_PROCESSED,
        .too_slow = "give the function more time, or let `tote load` load this batch from a "
                    "machine near the warehouse",
        .run = run,
    };

    return handle_step(call, &kind, err);
}

const struct lambda_handler handle_load = {
    .name = "load",
    .events = EVENT_DIRECT | EVENT_SCHEDULE | EVENT_OBJECT | EVENT_QUEUE,
    .needs = {OPTION_LAKE_PROCESSED, OPTION_WAREHOUSE_URL},
    .need_count = 2,
    .run = handle,
};
