#include <string.h>

#include "base/json_write.h"
#include "base/log.h"
#include "lambda/handlers.h"

static void write_answer(const struct doctor *doctor, struct buf *answer)
{
    static const char *const names[] = {"ok", "warn", "fail"};
    struct json_writer json;

    json_begin(&json, answer, false);
    json_object_begin(&json, NULL);
    json_text(&json, "step", "doctor");
    json_bool(&json, "ok", true);
    json_array_begin(&json, "checks");
    for (size_t i = 0; i < doctor->count; i++) {
        const struct doctor_check *check = &doctor->checks[i];
        json_object_begin(&json, NULL);
        json_text(&json, "level", names[check->level]);
        json_text(&json, "what", check->what);
        json_text(&json, "message", check->message);
        json_text(&json, "hint", *check->hint ? check->hint : NULL);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_object_end(&json);
    redact(answer->data);
    answer->size = strlen(answer->data);
}

enum err_code report_doctor(struct lambda_call *call, const struct doctor *doctor, struct err *err)
{
    const struct doctor_check *first = NULL;
    size_t failed = 0;

    for (size_t i = 0; i < doctor->count; i++) {
        const struct doctor_check *check = &doctor->checks[i];
        if (check->level == DOCTOR_OK)
            log_info("%s: %s", check->what, check->message);
        else
            log_warn("%s: %s%s%s", check->what, check->message, *check->hint ? "; hint: " : "",
                     check->hint);
        first = !first && check->level == DOCTOR_FAIL ? check : first;
        failed += check->level == DOCTOR_FAIL;
    }
    if (!first) {
        write_answer(doctor, call->answer);
        return ERR_OK;
    }
    (void)err_set(err, first->code, "%zu check%s failed, first '%s': %s", failed,
                  failed == 1 ? "" : "s", first->what, first->message);
    return err_hint(err, "%s", first->hint);
}

static enum err_code handle(struct lambda_call *call, struct err *err)
{
    CLEANUP_IN_PLACE(doctor_release) struct doctor doctor = {.arena = call->arena};

    app_doctor_source(call->app, &doctor);
    return report_doctor(call, &doctor, err);
}

const struct lambda_handler handle_doctor_source = {
    .name = "doctor",
    .events = EVENT_DIRECT | EVENT_SCHEDULE,
    .run = handle,
};
