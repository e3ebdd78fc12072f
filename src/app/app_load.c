#include "app/answers_left.h"
#include "app/publish.h"
#include "app/telemetry.h"
#include "pipeline/load.h"

static enum err_code load(struct app *app, struct step_report *report, struct err *err)
{
    CLEANUP(warehouse_close) struct warehouse *warehouse = NULL;
    struct store *processed;
    struct load_options options = {0};

    TRY(app_processed(app, &processed, err));
    TRY(app_work_dir(app, &options.work_dir, err));
    TRY(app_warehouse_open(app, false, &warehouse, err));
    return load_run(processed, warehouse, &options, report, err);
}

enum err_code app_load(struct app *app, struct step_report *report, struct err *err)
{
    struct telemetry_run run;

    telemetry_begin(app, TELEMETRY_LOAD, &run);
    enum err_code code = load(app, report, err);
    telemetry_end(&run, report, code, err);
    /* Also when nothing was loaded: an earlier call may have been killed before it had published.
     */
    if (!code && report->head && config_text(app_config(app), OPTION_PUBLISH_TO)) {
        struct publish_report published;
        code = app_publish(app, NULL, &published, err);
    }
    if (!code && report->head && report->batch_count == 0)
        answers_left_make(app);
    return code;
}
