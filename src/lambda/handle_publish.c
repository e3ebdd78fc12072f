#include "app/publish.h"
#include "base/json_write.h"
#include "lambda/handlers.h"

static void write_answer(const struct publish_report *report, struct buf *answer)
{
    struct json_writer json;

    json_begin(&json, answer, false);
    json_object_begin(&json, NULL);
    json_text(&json, "step", "publish");
    json_uint(&json, "head", report->batch);
    json_bool(&json, "up_to_date", report->up_to_date);
    json_uint(&json, "written", report->written);
    json_uint(&json, "unchanged", report->unchanged);
    json_uint(&json, "removed", report->removed);
    json_uint(&json, "bytes", report->bytes);
    json_object_end(&json);
}

static enum err_code handle(struct lambda_call *call, struct err *err)
{
    struct publish_report report;

    TRY(app_publish(call->app, NULL, &report, err));
    write_answer(&report, call->answer);
    return ERR_OK;
}

const struct lambda_handler handle_publish = {
    .name = "publish",
    .events = EVENT_DIRECT | EVENT_SCHEDULE,
    .needs = {OPTION_LAKE_INGESTION, OPTION_LAKE_PROCESSED, OPTION_WAREHOUSE_URL,
              OPTION_PUBLISH_TO},
    .need_count = 4,
    .run = handle,
};
