#include "app/app.h"

#include "app/database_url.h"
#include "app/telemetry.h"
#include "base/file.h"

struct app {
    const struct config *config;
    struct store *ingestion;
    struct store *processed;
    struct work_dir *work_dir;
    struct ingest_table_options *tables;
    struct aws *aws;
    struct arena *values[OPTION_COUNT]; /* what app_value() was told by others */
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
    for (size_t i = 0; i < COUNT_OF(app->values); i++)
        arena_free(app->values[i]);
    free(app->tables);
    free(app);
}

void app_end_run(struct app *app)
{
    work_dir_close(app->work_dir);
    app->work_dir = NULL;
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

enum err_code app_value(struct app *app, enum option option, const char **ret_value,
                        struct err *err)
{
    const char *value;

    TRY(config_require(app->config, option, err));
    value = config_text(app->config, option);
    if (database_url_is_plain(value)) {
        *ret_value = value;
        return ERR_OK;
    }
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    if (database_url_resolve(app_aws(app), value, arena, &value, err))
        return err_wrap(err, "'%s'", option_info(option)->name);
    arena_free(app->values[option]);
    app->values[option] = STEAL(arena);
    *ret_value = value;
    return ERR_OK;
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
            .cursor_overlap_us = tables[i].cursor_overlap_us,
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
    const char *url, *work_dir;

    TRY(app_value(app, OPTION_SOURCE_URL, &url, err));
    TRY(app_work_dir(app, &work_dir, err));
    *ret_options = (struct ingest_options){
        .source_url = url,
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

enum err_code app_ingest(struct app *app, const struct app_ingest_choice *choice,
                         struct step_report *report, struct err *err)
{
    struct telemetry_run run;

    telemetry_begin(app, TELEMETRY_INGEST, &run);
    enum err_code code = ingest(app, choice, report, err);
    telemetry_end(&run, report, code, err);
    return code;
}
