/* tote publish. */
#include "app/publish.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"

static void print_text(const struct publish_report *report, struct arena *arena, struct buf *out)
{
    char duration[CLOCK_TEXT_MAX];

    if (report->up_to_date) {
        buf_addf(out, "publish  up to date at batch %llu\n", (unsigned long long)report->batch);
        return;
    }
    clock_format_duration(report->duration_us, duration);
    buf_addf(out, "publish  batch %llu   %s written (%s), %s unchanged   %s\n",
             (unsigned long long)report->batch, output_count(arena, report->written, "object"),
             text_bytes(arena, report->bytes), text_count(arena, report->unchanged), duration);
}

static void print_json(const struct publish_report *report, struct buf *out)
{
    struct json_writer json;

    output_json_begin(&json, out, true);
    json_uint(&json, "batch", report->batch);
    json_bool(&json, "up_to_date", report->up_to_date);
    json_uint(&json, "written", report->written);
    json_uint(&json, "unchanged", report->unchanged);
    json_uint(&json, "removed", report->removed);
    json_uint(&json, "bytes", report->bytes);
    json_uint(&json, "bundles", report->bundles);
    output_json_seconds(&json, "duration_seconds", report->duration_us);
    output_json_end(&json);
}

enum err_code command_publish(struct call *call, struct err *err)
{
    CLEANUP(app_free) struct app *app = app_new(call->config);
    struct publish_report report;

    TRY(app_publish(app, call_value(call, "--to"), &report, err));
    if (call->json)
        print_json(&report, call->out);
    else
        print_text(&report, call->arena, call->out);
    return ERR_OK;
}
