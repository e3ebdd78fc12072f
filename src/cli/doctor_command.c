/* tote doctor. */
#include "app/app_doctor.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"

static const char *const level_names[] = {"ok", "warn", "FAIL"};

static void print_text(const struct doctor *doctor, struct buf *out)
{
    size_t warnings = 0, failures = 0;

    for (size_t i = 0; i < doctor->count; i++) {
        const struct doctor_check *check = &doctor->checks[i];
        warnings += check->level == DOCTOR_WARN;
        failures += check->level == DOCTOR_FAIL;
        buf_addf(out, "%-5s %s: %s\n", level_names[check->level], check->what, check->message);
        if (*check->hint)
            buf_addf(out, "      hint: %s\n", check->hint);
    }
    if (!warnings && !failures)
        buf_add_text(out, "all is well\n");
    else
        buf_addf(out, "%zu failed, %zu warning%s\n", failures, warnings, warnings == 1 ? "" : "s");
}

static void print_json(const struct doctor *doctor, struct buf *out)
{
    static const char *const names[] = {"ok", "warn", "fail"};
    struct json_writer json;

    output_json_begin(&json, out, true);
    json_bool(&json, "ok", doctor_verdict(doctor) == ERR_OK);
    json_array_begin(&json, "checks");
    for (size_t i = 0; i < doctor->count; i++) {
        const struct doctor_check *check = &doctor->checks[i];
        json_object_begin(&json, NULL);
        json_text(&json, "level", names[check->level]);
        json_text(&json, "what", check->what);
        json_text(&json, "message", check->message);
        json_text(&json, "hint", *check->hint ? check->hint : NULL);
        json_text(&json, "code", check->code ? err_name(check->code) : NULL);
        json_object_end(&json);
    }
    json_array_end(&json);
    output_json_end(&json);
}

enum err_code command_doctor(struct call *call, struct err *err)
{
    CLEANUP(app_free) struct app *app = app_new(call->config);
    CLEANUP_IN_PLACE(doctor_release) struct doctor doctor = {.arena = call->arena};

    app_doctor(app, &doctor);
    size_t begin = call->out->size;
    if (call->json)
        print_json(&doctor, call->out);
    else
        print_text(&doctor, call->out);
    redact(call->out->data + begin);
    call->out->size = begin + strlen(call->out->data + begin);
    enum err_code code = doctor_verdict(&doctor);
    if (code)
        return err_set(err, code, "not everything is as it should be");
    return ERR_OK;
}
