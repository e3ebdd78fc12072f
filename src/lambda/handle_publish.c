#include "lambda/handlers.h"

static enum err_code handle(struct lambda_call *call, struct err *err)
{
    (void)call;
    return err_set(err, ERR_CONFIG, "'publish' is not part of this version");
}

const struct lambda_handler handle_publish = {
    .name = "publish",
    .events = EVENT_DIRECT | EVENT_SCHEDULE,
    .run = handle,
};
