/* The bootstrap without DuckDB: it starts at once and fits a function of 128 MB. */
#include "lambda/handlers.h"

int main(void)
{
    static const struct lambda_handler *const handlers[] = {&handle_ingest, &handle_doctor_source};

    return lambda_main(handlers, COUNT_OF(handlers));
}
