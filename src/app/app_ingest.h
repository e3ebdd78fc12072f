/* app/app_ingest.h - ingest among other runners: a batch that somebody else committed since we
 * began holds what we would have found. */
#ifndef APP_APP_INGEST_H
#define APP_APP_INGEST_H

#include "app/app.h"

/* As app_ingest(), but another runner's newer batch is success: *ret_yielded, report->head is his.
 */
CHECKED enum err_code app_ingest_or_yield(struct app *app, const struct app_ingest_choice *choice,
                                          struct step_report *report, bool *ret_yielded,
                                          struct err *err);

#endif
