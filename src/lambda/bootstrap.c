/* The bootstrap with every handler. */
#include "lambda/handlers.h"

int main(void)
{
    static const struct lambda_handler *const handlers[] = {
        &handle_ingest, &handle_process, &handle_load, &handle_publish, &handle_doctor,
    };

    return lambda_main(handlers, COUNT_OF(handlers));
}
