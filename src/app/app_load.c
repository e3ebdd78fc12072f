#include "app/app.h"
#include "pipeline/load.h"

enum err_code app_load(struct app *app, struct step_report *report, struct err *err)
{
    CLEANUP(warehouse_close) struct warehouse *warehouse = NULL;
    struct store *processed;
    struct load_options options = {0};

    TRY(app_processed(app, &processed, err));
    TRY(app_work_dir(app, &options.work_dir, err));
    TRY(app_warehouse_open(app, false, &warehouse, err));
    return load_run(processed, warehouse, &options, report, err);
}
