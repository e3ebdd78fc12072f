#include "app/app.h"
#include "base/text.h"

enum err_code app_warehouse_open(struct app *app, bool read_only, struct warehouse **ret_warehouse,
                                 struct err *err)
{
    const struct config *config = app_config(app);
    const char *processed = config_text(config, OPTION_LAKE_PROCESSED);
    const char *url, *work_dir, *read_dirs[3] = {NULL};

    TRY(app_value(app, OPTION_WAREHOUSE_URL, &url, err));
    TRY(app_work_dir(app, &work_dir, err));
    read_dirs[0] = work_dir;
    if (processed)
        read_dirs[1] = text_starts(processed, "file://") ? processed + strlen("file://")
                       : strstr(processed, "://")        ? NULL
                                                         : processed;
    struct warehouse_config wanted = {
        .url = url,
        .schema = config_text(config, OPTION_WAREHOUSE_SCHEMA),
        .memory_bytes = (uint64_t)config_number(config, OPTION_PROCESS_MEMORY),
        .threads = (unsigned)config_number(config, OPTION_PROCESS_THREADS),
        .work_dir = work_dir,
        .read_dirs = read_dirs,
        .read_only = read_only,
    };
    return warehouse_open(&wanted, ret_warehouse, err);
}
