#include "app/app_ingest.h"
#include "base/log.h"
#include "lambda/handlers.h"

static enum err_code run(struct lambda_call *call, struct step_report *report, struct err *err)
{
    const struct app_ingest_choice choice = {
        .full_compare = call->event->full,
        .accept_new_source = call->event->accept_new_source,
    };
    bool yielded = false;

    TRY(app_ingest_or_yield(call->app, &choice, report, &yielded, err));
    if (yielded)
        log_info("another runner committed batch %llu meanwhile", (unsigned long long)report->head);
    return ERR_OK;
}

static enum err_code handle(struct lambda_call *call, struct err *err)
{
    static const struct step_kind kind = {
        .name = "ingest",
        .announced = OPTION_LAKE_INGESTION,
        .too_slow = "a batch is all or nothing: give the function more time and memory (CPU comes "
                    "with it), or let `tote ingest` take the first batch from a machine near the "
                    "database",
        .run = run,
    };

    return handle_step(call, &kind, err);
}

const struct lambda_handler handle_ingest = {
    .name = "ingest",
    .events = EVENT_DIRECT | EVENT_SCHEDULE,
    .needs = {OPTION_SOURCE_URL, OPTION_LAKE_INGESTION},
    .need_count = 2,
    .run = handle,
};
