/* lambda/handlers.h - what a function may be.  Each stands in a file of its own, so that a
 * bootstrap is linked with what its handlers need and nothing else: ingest must start without
 * DuckDB. */
#ifndef LAMBDA_HANDLERS_H
#define LAMBDA_HANDLERS_H

#include "app/app_doctor.h"
#include "lambda/lambda.h"

extern const struct lambda_handler handle_ingest;
extern const struct lambda_handler handle_process;
extern const struct lambda_handler handle_load;
extern const struct lambda_handler handle_publish;
extern const struct lambda_handler handle_doctor;
extern const struct lambda_handler handle_doctor_source; /* of what ingest needs */

/* What the three steps of the pipeline differ in. */
struct step_kind {
    const char *name;
    enum option announced; /* the store whose records wake it up */
    const char *too_slow;  /* the hint when not even one batch was done in time */
    enum err_code (*run)(struct lambda_call *call, struct step_report *report, struct err *err);
};
CHECKED enum err_code handle_step(struct lambda_call *call, const struct step_kind *kind,
                                  struct err *err);
/* Fails with what the doctor found, after logging each finding. */
CHECKED enum err_code report_doctor(struct lambda_call *call, const struct doctor *doctor,
                                    struct err *err);

#endif
