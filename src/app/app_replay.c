#include "app/app_replay.h"

enum err_code app_replay(struct app *app, const char *const *names, size_t name_count,
                         struct replay_report *report, struct err *err)
{
    struct store *ingestion, *processed;

    TRY(app_ingestion(app, &ingestion, err));
    TRY(app_processed(app, &processed, err));
    return replay_run(ingestion, processed, names, name_count, report, err);
}
