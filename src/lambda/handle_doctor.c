#include "lambda/handlers.h"

static enum err_code handle(struct lambda_call *call, struct err *err)
{
    CLEANUP_IN_PLACE(doctor_release) struct doctor doctor = {.arena = call->arena};

    app_doctor(call->app, &doctor);
    return report_doctor(call, &doctor, err);
}

const struct lambda_handler handle_doctor = {
    .name = "doctor",
    .events = EVENT_DIRECT | EVENT_SCHEDULE,
    .run = handle,
};
