#include "app/app.h"

#include "app/publish.h"
#include "app/telemetry.h"
#include "base/file.h"
#include "base/text.h"
#include "net/aws.h"
#include "pipeline/load.h"
#include "pipeline/process.h"

struct app {
    const struct config *config;
    struct store *ingestion;
    struct store *processed;
    struct work_dir *work_dir;
    struct ingest_table_options *tables;
    struct aws *aws;
};

struct app *app_new(const struct config *config)
{
    struct app *app = mem_zalloc(1, sizeof *app);

    app->config = config;
    return app;
}

void app_free(struct app *app)
{
    if (!app)
        return;
    store_close(app->ingestion);
    store_close(app->processed);
    work_dir_close(app->work_dir);
    aws_free(app->aws);
    free(app->tables);
    free(app);
}

const struct config *app_config(const struct app *app)
{
    return app->config;
}

struct aws *app_aws(struct app *app)
{
    const struct aws_options options = {
        .profile = config_text(app->config, OPTION_AWS_PROFILE),
        .region = config_text(app->config, OPTION_AWS_REGION),
        .ca_file = config_text(app->config, OPTION_AWS_CA_FILE),
    };

    if (!app->aws)
        app->aws = aws_new(&options);
    return app->aws;
}

enum err_code app_store_open(struct app *app, const char *url, struct store **ret_store,
                             struct err *err)
{
    const struct config *config = app->config;
    const struct store_options options = {
        .aws = app_aws(app),
        .region = config_text(config, OPTION_LAKE_REGION),
        .endpoint = config_text(config, OPTION_LAKE_ENDPOINT),
        .path_style = (enum store_path_style)config_number(config, OPTION_LAKE_PATH_STYLE),
        .dual_stack = config_number(config, OPTION_LAKE_DUAL_STACK) != 0,
        .encryption = (enum store_encryption)config_number(config, OPTION_LAKE_ENCRYPTION),
        .kms_key = config_text(config, OPTION_LAKE_KMS_KEY),
        .storage_class = config_text(config, OPTION_LAKE_STORAGE_CLASS),
        .bucket_owner = config_text(config, OPTION_LAKE_BUCKET_OWNER),
        .lock = (enum store_lock)config_number(config, OPTION_LAKE_LOCK),
        .lock_us = config_number(config, OPTION_LAKE_LOCK_FOR),
        .retry_us = config_number(config, OPTION_LAKE_RETRY_FOR),
    };

    return store_open_with(url, &options, ret_store, err);
}

static enum err_code open_once(struct app *app, enum option option, struct store **store,
                               struct store **ret_store, struct err *err)
{
    TRY(config_require(app->config, option, err));
    if (!*store)
        TRY(app_store_open(app, config_text(app->config, option), store, err));
    *ret_store = *store;
    return ERR_OK;
}

enum err_code app_ingestion(struct app *app, struct store **ret_store, struct err *err)
{
    return open_once(app, OPTION_LAKE_INGESTION, &app->ingestion, ret_store, err);
}

enum err_code app_processed(struct app *app, struct store **ret_store, struct err *err)
{
    return open_once(app, OPTION_LAKE_PROCESSED, &app->processed, ret_store, err);
}

enum err_code app_work_dir(struct app *app, const char **ret_path, struct err *err)
{
    if (!app->work_dir)
        TRY(work_dir_open(config_text(app->config, OPTION_WORK_DIR), &app->work_dir, err));
    *ret_path = work_dir_path(app->work_dir);
    return ERR_OK;
}

bool app_has_warehouse(const struct app *app)
{
    return config_text(app->config, OPTION_WAREHOUSE_URL) != NULL;
}

static enum err_code open_warehouse(struct app *app, struct warehouse_config wanted,
                                    struct warehouse **ret_warehouse, struct err *err)
{
    const struct config *config = app->config;
    const char *processed = config_text(config, OPTION_LAKE_PROCESSED);
    const char *work_dir, *read_dirs[3] = {NULL};

    TRY(config_require(config, OPTION_WAREHOUSE_URL, err));
    TRY(app_work_dir(app, &work_dir, err));
    read_dirs[0] = work_dir;
    if (processed)
        read_dirs[1] = text_starts(processed, "file://") ? processed + strlen("file://")
                       : strstr(processed, "://")        ? NULL
                                                         : processed;
    wanted.url = config_text(config, OPTION_WAREHOUSE_URL);
    wanted.schema = config_text(config, OPTION_WAREHOUSE_SCHEMA);
    wanted.memory_bytes = (uint64_t)config_number(config, OPTION_PROCESS_MEMORY);
    wanted.threads = (unsigned)config_number(config, OPTION_PROCESS_THREADS);
    wanted.work_dir = work_dir;
    wanted.read_dirs = read_dirs;
    return warehouse_open(&wanted, ret_warehouse, err);
}

enum err_code app_warehouse_open(struct app *app, bool read_only, struct warehouse **ret_warehouse,
                                 struct err *err)
{
    struct warehouse_config wanted = {.read_only = read_only};

    return open_warehouse(app, wanted, ret_warehouse, err);
}

enum err_code app_warehouse_reader(struct app *app, int64_t lock_wait_us, int64_t timeout_us,
                                   struct warehouse **ret_warehouse, struct err *err)
{
    struct warehouse_config wanted = {
        .read_only = true, .lock_wait_us = lock_wait_us, .statement_timeout_us = timeout_us};

    return open_warehouse(app, wanted, ret_warehouse, err);
}

static void table_options(struct app *app, struct ingest_options *options)
{
    size_t count;
    const struct config_table *tables = config_tables(app->config, &count);

    if (!app->tables)
        app->tables = mem_zalloc(count + 1, sizeof *app->tables);
    for (size_t i = 0; i < count; i++)
        app->tables[i] = (struct ingest_table_options){
            .table = tables[i].name,
            .cursor = tables[i].cursor,
            .compare_every_us = tables[i].compare_every_us,
            .exclude_columns = tables[i].exclude_columns,
            .hash_columns = tables[i].hash_columns,
        };
    options->tables = app->tables;
    options->table_count = count;
}

enum err_code app_ingest_options(struct app *app, const struct app_ingest_choice *choice,
                                 struct ingest_options *ret_options, struct err *err)
{
    const struct config *config = app->config;
    const char *work_dir;

    TRY(config_require(config, OPTION_SOURCE_URL, err));
    TRY(app_work_dir(app, &work_dir, err));
    *ret_options = (struct ingest_options){
        .source_url = config_text(config, OPTION_SOURCE_URL),
        .include = config_list(config, OPTION_SOURCE_INCLUDE),
        .exclude = config_list(config, OPTION_SOURCE_EXCLUDE),
        .connections = (unsigned)config_number(config, OPTION_SOURCE_CONNECTIONS),
        .lock_timeout_us = config_number(config, OPTION_SOURCE_LOCK_TIMEOUT),
        .statement_timeout_us = config_number(config, OPTION_SOURCE_STATEMENT_TIMEOUT),
        .part_bytes = (uint64_t)config_number(config, OPTION_LAKE_PART_SIZE),
        .compress_above_bytes = (uint64_t)config_number(config, OPTION_LAKE_COMPRESS_ABOVE),
        .heartbeat_us = config_number(config, OPTION_SCHEDULE_HEARTBEAT),
        .compare_every_us = config_number(config, OPTION_SCHEDULE_COMPARE_EVERY),
        .full_compare = choice && choice->full_compare,
        .accept_new_source = choice && choice->accept_new_source,
        .record_always = choice && choice->record_always,
        .work_dir = work_dir,
    };
    table_options(app, ret_options);
    return ERR_OK;
}

static enum err_code ingest(struct app *app, const struct app_ingest_choice *choice,
                            struct step_report *report, struct err *err)
{
    struct ingest_options options;
    struct store *ingestion;

    TRY(app_ingestion(app, &ingestion, err));
    TRY(app_ingest_options(app, choice, &options, err));
    return ingest_run(ingestion, &options, report, err);
}

static enum err_code process(struct app *app, struct step_report *report, struct err *err)
{
    struct store *ingestion, *processed;
    struct process_options options = {
        .models_dir = config_text(app->config, OPTION_MODELS),
        .memory_bytes = (uint64_t)config_number(app->config, OPTION_PROCESS_MEMORY),
        .threads = (unsigned)config_number(app->config, OPTION_PROCESS_THREADS),
    };

    TRY(app_ingestion(app, &ingestion, err));
    TRY(app_processed(app, &processed, err));
    TRY(app_work_dir(app, &options.work_dir, err));
    return process_run(ingestion, processed, &options, report, err);
}

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

enum err_code app_ingest(struct app *app, const struct app_ingest_choice *choice,
                         struct step_report *report, struct err *err)
{
    struct telemetry_run run;

    telemetry_begin(app, TELEMETRY_INGEST, &run);
    enum err_code code = ingest(app, choice, report, err);
    telemetry_end(&run, report, code, err);
    return code;
}

enum err_code app_process(struct app *app, struct step_report *report, struct err *err)
{
    struct telemetry_run run;

    telemetry_begin(app, TELEMETRY_PROCESS, &run);
    enum err_code code = process(app, report, err);
    telemetry_end(&run, report, code, err);
    return code;
}

enum err_code app_load(struct app *app, struct step_report *report, struct err *err)
{
    struct telemetry_run run;

    telemetry_begin(app, TELEMETRY_LOAD, &run);
    enum err_code code = load(app, report, err);
    telemetry_end(&run, report, code, err);
    /* Also when nothing was loaded: an earlier call may have been killed before it had published.
     */
    if (!code && report->head && config_text(app->config, OPTION_PUBLISH_TO)) {
        struct publish_report published;
        code = app_publish(app, NULL, &published, err);
    }
    return code;
}
