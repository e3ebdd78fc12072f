#include "app/app.h"
#include "base/text.h"

static enum err_code open_warehouse(struct app *app, struct warehouse_config wanted,
                                    struct warehouse **ret_warehouse, struct err *err)
{
    const struct config *config = app_config(app);
    const char *processed = config_text(config, OPTION_LAKE_PROCESSED);
    const char *url, *work_dir, *read_dirs[3] = {NULL};

    if (!wanted.url) {
        TRY(app_value(app, OPTION_WAREHOUSE_URL, &url, err));
        wanted.url = url;
        wanted.schema = config_text(config, OPTION_WAREHOUSE_SCHEMA);
    }
    TRY(app_work_dir(app, &work_dir, err));
    read_dirs[0] = work_dir;
    if (processed)
        read_dirs[1] = text_starts(processed, "file://") ? processed + strlen("file://")
                       : strstr(processed, "://")        ? NULL
                                                         : processed;
    wanted.memory_bytes = (uint64_t)config_number(config, OPTION_PROCESS_MEMORY);
    wanted.threads = (unsigned)config_number(config, OPTION_PROCESS_THREADS);
    wanted.work_dir = work_dir;
    if (!wanted.lock_wait_us)
        wanted.lock_wait_us = config_number(config, OPTION_WAREHOUSE_LOCK_WAIT);
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

enum err_code app_warehouse_copy(struct app *app, const char *path,
                                 struct warehouse **ret_warehouse, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf url = {0};

    buf_addf(&url, "duckdb:%s", path);
    struct warehouse_config wanted = {.url = buf_text(&url), .scratch = true};
    return open_warehouse(app, wanted, ret_warehouse, err);
}
