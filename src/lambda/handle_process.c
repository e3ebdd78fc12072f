#include "lambda/handlers.h"

static enum err_code run(struct lambda_call *call, struct step_report *report, struct err *err)
{
    return app_process(call->app, report, err);
}

static enum err_code handle(struct lambda_call *call, struct err *err)
{
    static const struct step_kind kind = {
        .name = "process",
        .announced = OPTION_LAKE_INGESTION,
        .too_slow = "give the function more time and memory (CPU comes with it), or let `tote "
                    "process` make this batch on a machine of your own",
        .run = run,
    };

    return handle_step(call, &kind, err);
}

const struct lambda_handler handle_process = {
    .name = "process",
    .events = EVENT_DIRECT | EVENT_SCHEDULE | EVENT_OBJECT | EVENT_QUEUE,
    .needs = {OPTION_LAKE_INGESTION, OPTION_LAKE_PROCESSED},
    .need_count = 2,
    .run = handle,
};
