#include "app/app_ingest.h"

#include "pipeline/batch_log.h"

static enum err_code ingestion_head(struct app *app, uint64_t *ret_head, struct err *err)
{
    struct store *ingestion;

    TRY(app_ingestion(app, &ingestion, err));
    return batch_log_head(ingestion, ret_head, err);
}

enum err_code app_ingest_or_yield(struct app *app, const struct app_ingest_choice *choice,
                                  struct step_report *report, bool *ret_yielded, struct err *err)
{
    uint64_t before = 0, after = 0;
    struct err ignored;

    TRY(ingestion_head(app, &before, err));
    enum err_code code = app_ingest(app, choice, report, err);
    if (code != ERR_CONFLICT || ingestion_head(app, &after, &ignored) || after <= before)
        return code;
    *ret_yielded = true;
    report->head = after;
    return ERR_OK;
}
