#include <sys/stat.h>

#include "app/app_doctor.h"
#include "base/file.h"

static void check_files(struct app *app, struct doctor *doctor)
{
    const struct config *config = app_config(app);
    const char *file = config_file(config), *work_dir;
    const char *dotenv = file_resolve(doctor->arena, config_directory(config), ".env");
    struct stat info;
    struct err err;

    doctor_add(doctor, DOCTOR_OK, "config", "", "%s",
               file ? file : "no tote.yaml: flags and variables");
    if (stat(dotenv, &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO)))
        doctor_add(doctor, DOCTOR_WARN, "config",
                   arena_printf(doctor->arena, "chmod 600 %s", dotenv),
                   "'%s' can be read by others on this machine", dotenv);
    if (app_work_dir(app, &work_dir, &err))
        doctor_fail(doctor, "work_dir", &err);
}

static void check_ingestion(struct app *app, struct doctor *doctor)
{
    struct store *store;
    struct err err;

    if (app_ingestion(app, &store, &err)) {
        doctor_fail(doctor, "lake.ingestion", &err);
        return;
    }
    doctor_store(doctor, "lake.ingestion", store);
    doctor_lake(doctor, store);
}

void app_doctor_source(struct app *app, struct doctor *doctor)
{
    struct ingest_options options;
    struct err err;

    check_files(app, doctor);
    if (app_ingest_options(app, NULL, &options, &err))
        doctor_fail(doctor, "source", &err);
    else
        doctor_source(doctor, &options);
    check_ingestion(app, doctor);
}
