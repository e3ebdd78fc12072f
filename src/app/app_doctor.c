#include "app/app_doctor.h"

#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

static void check_processed(struct app *app, struct doctor *doctor)
{
    struct store *store;
    struct err err;

    if (app_processed(app, &store, &err))
        doctor_fail(doctor, "lake.processed", &err);
    else
        doctor_store(doctor, "lake.processed", store);
}

/* A DuckDB file that is not there is made by the first load, and not by a doctor. */
static bool check_duckdb_file(const char *url, struct doctor *doctor)
{
    const char *path = url + strlen("duckdb:");
    const char *slash = strrchr(path, '/');

    if (!text_starts(url, "duckdb:") || !slash || file_exists(path))
        return false;
    const char *folder =
        slash == path ? "/" : arena_strndup(doctor->arena, path, (size_t)(slash - path));
    if (access(folder, W_OK) == 0)
        doctor_add(doctor, DOCTOR_OK, "warehouse", "", "'%s' will be made by the first load", path);
    else
        doctor_add(doctor, DOCTOR_FAIL, "warehouse", "make the folder, or correct warehouse.url",
                   "folder '%s' of '%s' cannot be written", folder, path);
    return true;
}

static void check_warehouse(struct app *app, struct doctor *doctor)
{
    CLEANUP(warehouse_close) struct warehouse *warehouse = NULL;
    const struct config *config = app_config(app);
    struct err err;

    if (!app_has_warehouse(app)) {
        doctor_add(doctor, DOCTOR_WARN, "warehouse", "set warehouse.url, or load elsewhere",
                   "'warehouse.url' is not set: nothing is loaded");
        return;
    }
    if (check_duckdb_file(config_text(config, OPTION_WAREHOUSE_URL), doctor))
        return;
    if (app_warehouse_open(app, true, &warehouse, &err))
        doctor_fail(doctor, "warehouse", &err);
    else
        doctor_warehouse(doctor, warehouse, config_text(config, OPTION_WAREHOUSE_SCHEMA));
}

void app_doctor(struct app *app, struct doctor *doctor)
{
    app_doctor_source(app, doctor);
    check_processed(app, doctor);
    doctor_models(doctor, config_text(app_config(app), OPTION_MODELS));
    check_warehouse(app, doctor);
}
