#include "app/telemetry.h"
#include "pipeline/process.h"

static enum err_code process(struct app *app, struct step_report *report, struct err *err)
{
    struct store *ingestion, *processed;
    struct process_options options = {
        .models_dir = config_text(app_config(app), OPTION_MODELS),
        .memory_bytes = (uint64_t)config_number(app_config(app), OPTION_PROCESS_MEMORY),
        .threads = (unsigned)config_number(app_config(app), OPTION_PROCESS_THREADS),
    };

    TRY(app_ingestion(app, &ingestion, err));
    TRY(app_processed(app, &processed, err));
    TRY(app_work_dir(app, &options.work_dir, err));
    return process_run(ingestion, processed, &options, report, err);
}

enum err_code app_process(struct app *app, struct step_report *report, struct err *err)
{
    struct telemetry_run run;

    telemetry_begin(app, TELEMETRY_PROCESS, &run);
    enum err_code code = process(app, report, err);
    telemetry_end(&run, report, code, err);
    return code;
}
