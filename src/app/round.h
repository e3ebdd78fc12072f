/* app/round.h - one round of the whole way: ingest, process, load.
 *
 * A step that fails does not keep the next ones from catching up with what was committed before.  A
 * conflict means that another runner is at work: the steps yield to it. */
#ifndef APP_ROUND_H
#define APP_ROUND_H

#include "app/app.h"

enum {
    ROUND_INGEST,
    ROUND_PROCESS,
    ROUND_LOAD,
    ROUND_STEPS
};

struct round_step {
    const char *name; /* "ingest" */
    bool ran;
    bool yielded;        /* another runner did the batch */
    const char *skipped; /* why it was not tried, or NULL */
    struct err err;      /* code ERR_OK: it went well */
    struct step_report report;
};

struct round {
    struct round_step steps[ROUND_STEPS];
};

/* Runs the steps whose bit is set in `steps` (1 << ROUND_INGEST | …).  Returns the first error that
 * a step met; the others stand in the round.  Reports live in the arena. */
struct run_reporter;
/* The same, telling `reporter` (or NULL) which step is at work. */
CHECKED enum err_code round_run_told(struct app *app, unsigned steps,
                                     const struct app_ingest_choice *choice, struct arena *arena,
                                     struct run_reporter *reporter, struct round *ret_round,
                                     struct err *err);
CHECKED enum err_code round_run(struct app *app, unsigned steps,
                                const struct app_ingest_choice *choice, struct arena *arena,
                                struct round *ret_round, struct err *err);

#endif
