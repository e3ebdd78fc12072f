/* app/app_replay.h - quarantined rows get another try (pipeline/replay.h), then processing and
 * loading bring it to the warehouse. */
#ifndef APP_APP_REPLAY_H
#define APP_APP_REPLAY_H

#include "app/app.h"
#include "pipeline/replay.h"

/* Commits the record; `report` begins as {.arena = …}.  Needs the lake, not the source. */
CHECKED enum err_code app_replay(struct app *app, const char *const *names, size_t name_count,
                                 struct replay_report *report, struct err *err);

#endif
