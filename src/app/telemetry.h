/* app/telemetry.h - what a step says about itself to other programs: log lines with fields, spans
 * to an OpenTelemetry collector (otlp.h), OpenLineage events (openlineage.h).
 *
 * app_ingest(), app_process() and app_load() call both functions, so that the command line, a
 * Lambda handler and a server tell the same.  Nothing here fails a step: what cannot be told is
 * warned about once, and waits for nobody longer than TELEMETRY_TIMEOUT_US. */
#ifndef APP_TELEMETRY_H
#define APP_TELEMETRY_H

#include "app/app.h"

enum {
    TELEMETRY_TIMEOUT_US = 2000000
};

enum telemetry_step {
    TELEMETRY_INGEST,
    TELEMETRY_PROCESS,
    TELEMETRY_LOAD
};

/* One run of a step, from begin to end; on the caller's stack. */
struct telemetry_run {
    struct app *app;
    enum telemetry_step step;
    const char *name;   /* "ingest" */
    int64_t started_us; /* wall clock */
    char id[37];        /* a UUID of version 7: the run in OpenLineage */
};

void telemetry_begin(struct app *app, enum telemetry_step step, struct telemetry_run *ret_run);
/* `err` is read when code is not ERR_OK. */
void telemetry_end(const struct telemetry_run *run, const struct step_report *report,
                   enum err_code code, const struct err *err);

/* True when the code says that the work was left to another runner or to a later run: no fault. */
bool telemetry_is_yield(enum err_code code);

#endif
