/* app/app.h - the program put together from its configuration: stores, warehouse, work folder, and
 * the three steps with their options.  Owns nothing of the domain.  What is not needed is not
 * opened. */
#ifndef APP_APP_H
#define APP_APP_H

#include "config/config.h"
#include "pipeline/ingest.h"
#include "pipeline/step.h"
#include "warehouse/warehouse.h"

struct app;

/* The config must outlive the app. */
struct app *app_new(const struct config *config);
void app_free(struct app *app);
/* Between two runs of a program that stays: removes the work folder.  Stores stay open. */
void app_end_run(struct app *app);
DEFINE_CLEANUP(struct app *, app_free)

const struct config *app_config(const struct app *app);
/* Opened at the first call; owned by the app.  ERR_CONFIG where the option is not set. */
CHECKED enum err_code app_ingestion(struct app *app, struct store **ret_store, struct err *err);
CHECKED enum err_code app_processed(struct app *app, struct store **ret_store, struct err *err);
/* Another store with the options of the lake's (lake.endpoint and so on); the caller closes it
 * before the app ends. */
CHECKED enum err_code app_store_open(struct app *app, const char *url, struct store **ret_store,
                                     struct err *err);
/* Credentials and region of AWS as configured; owned by the app. */
struct aws *app_aws(struct app *app);
/* The option's value, after asking whom it refers to: secret:, ssm:, and databases of RDS with IAM
 * tokens.  Asked anew each time, as secrets are rotated; valid until the next call for that option.
 */
CHECKED enum err_code app_value(struct app *app, enum option option, const char **ret_value,
                                struct err *err);
/* A folder of this run's own, removed at the end. */
CHECKED enum err_code app_work_dir(struct app *app, const char **ret_path, struct err *err);
bool app_has_warehouse(const struct app *app);
/* Opens another handle each time: a DuckDB file is held no longer than needed. */
CHECKED enum err_code app_warehouse_open(struct app *app, bool read_only,
                                         struct warehouse **ret_warehouse, struct err *err);

/* For a server: a handle that reads, waits `lock_wait_us` for a DuckDB file that is being written,
 * and gives each query `timeout_us`. */
CHECKED enum err_code app_warehouse_reader(struct app *app, int64_t lock_wait_us,
                                           int64_t timeout_us, struct warehouse **ret_warehouse,
                                           struct err *err);

/* A DuckDB file of this run's own, to be loaded. */
CHECKED enum err_code app_warehouse_copy(struct app *app, const char *path,
                                         struct warehouse **ret_warehouse, struct err *err);

struct app_ingest_choice {
    bool full_compare;
    bool accept_new_source;
    bool record_always; /* a batch is recorded even when nothing changed */
};

/* The options of a step as the configuration has them; strings live as long as the config,
 * the source's address until the next call. */
CHECKED enum err_code app_ingest_options(struct app *app, const struct app_ingest_choice *choice,
                                         struct ingest_options *ret_options, struct err *err);

/* The three steps.  `report` begins as {.arena = …}. */
CHECKED enum err_code app_ingest(struct app *app, const struct app_ingest_choice *choice,
                                 struct step_report *report, struct err *err);
CHECKED enum err_code app_process(struct app *app, struct step_report *report, struct err *err);
/* Publishes the dashboard, too, where publish.to is set. */
CHECKED enum err_code app_load(struct app *app, struct step_report *report, struct err *err);

#endif
