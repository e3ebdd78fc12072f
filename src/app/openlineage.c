#include "app/openlineage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "app/version.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "pg/pg.h"
#include "pipeline/processed_record.h"
#include "pipeline/record.h"

static const char producer[] = "tote:" TOTE_VERSION; /* any URI that tells who speaks */
#define SPEC  "https://openlineage.io/spec/"
#define FACET SPEC "facets/"

/* One event on its way to the file. */
struct event {
    const struct telemetry_run *run;
    const struct config *config;
    struct arena *arena;
    struct buf text;
    struct json_writer json;
};

/* --- parts --- */

static void facet_begin(struct json_writer *json, const char *name, const char *schema)
{
    json_object_begin(json, name);
    json_text(json, "_producer", producer);
    json_text(json, "_schemaURL", schema);
}

static void event_begin(struct event *event, const char *type)
{
    struct json_writer *json = &event->json;

    json_begin(json, &event->text, false);
    json_object_begin(json, NULL);
    json_time(json, "eventTime", clock_now_us());
    json_text(json, "producer", producer);
    json_text(json, "schemaURL", SPEC "2-0-2/OpenLineage.json#/$defs/RunEvent");
    json_text(json, "eventType", type);
    json_object_begin(json, "job");
    json_text(json, "namespace", "tote");
    json_text(json, "name", event->run->name);
    json_object_begin(json, "facets");
    facet_begin(json, "jobType", FACET "2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet");
    json_text(json, "processingType", "BATCH");
    json_text(json, "integration", "TOTE");
    json_text(json, "jobType", "TASK");
    json_object_end(json);
    json_object_end(json);
    json_object_end(json);
    json_object_begin(json, "run");
    json_text(json, "runId", event->run->id);
    json_object_begin(json, "facets");
    facet_begin(json, "processing_engine",
                FACET "1-1-1/ProcessingEngineRunFacet.json#/$defs/ProcessingEngineRunFacet");
    json_text(json, "name", "tote");
    json_text(json, "version", TOTE_VERSION);
    json_object_end(json);
}

/* After the run's facets, of which the caller may have added some. */
static void run_end(struct event *event)
{
    json_object_end(&event->json);
    json_object_end(&event->json);
}

static enum err_code event_append(struct event *event, struct err *err)
{
    const char *path = config_text(event->config, OPTION_TELEMETRY_OPENLINEAGE);

    json_object_end(&event->json);
    buf_add_char(&event->text, '\n');
    CLEANUP(file_close) int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return file_error(err, "opening", path);
    return file_write_all(fd, event->text.data, event->text.size, path, err);
}

/* --- datasets --- */

struct dataset {
    const char *namespace;
    const char *name;
    uint64_t batch;                   /* 0: it has no version */
    const struct step_table *written; /* NULL: nothing is said of rows */
};

/* "s3://bucket" and "prefix/table", "file" and "/lake/table" (OpenLineage, Naming). */
static struct dataset in_store(struct event *event, enum option option, const char *name)
{
    const char *url = config_text(event->config, option);
    const char *scheme_end = strstr(url, "://");
    const char *path = scheme_end ? strchr(scheme_end + 3, '/') : NULL;

    if (!scheme_end || text_starts(url, "file://"))
        return (struct dataset){
            .namespace = "file",
            .name = arena_printf(event->arena, "%s/%s", scheme_end ? scheme_end + 3 : url, name)};
    if (!path || !path[1])
        return (struct dataset){
            .namespace = path ? arena_strndup(event->arena, url, (size_t)(path - url)) : url,
            .name = name};
    return (struct dataset){.namespace = arena_strndup(event->arena, url, (size_t)(path - url)),
                            .name = arena_printf(event->arena, "%s%s%s", path + 1,
                                                 text_ends(path, "/") ? "" : "/", name)};
}

/* A table of a database: "postgres://host:port" and "database.schema.table". */
static struct dataset in_postgres(struct event *event, enum option option, const char *database,
                                  const char *schema, const char *table)
{
    struct pg_address address = {.host = "localhost", .port = "5432"};
    struct err ignored;

    /* what cannot be read is left at its defaults: the step itself has said what is wrong */
    (void)!pg_address_of(config_text(event->config, option), event->arena, &address, &ignored);
    if (!database)
        database = address.database ? address.database : "postgres";
    return (struct dataset){
        .namespace = arena_printf(event->arena, "postgres://%s:%s", address.host, address.port),
        .name = arena_printf(event->arena, "%s.%s.%s", database, schema, table)};
}

static struct dataset in_warehouse(struct event *event, const char *table)
{
    const char *url = config_text(event->config, OPTION_WAREHOUSE_URL);
    const char *schema = config_text(event->config, OPTION_WAREHOUSE_SCHEMA);

    if (!text_starts(url, "duckdb:"))
        return in_postgres(event, OPTION_WAREHOUSE_URL, NULL, schema ? schema : "public", table);
    return (struct dataset){
        .namespace = arena_printf(event->arena, "duckdb://%s", url + strlen("duckdb:")),
        .name = arena_printf(event->arena, "%s.%s", schema ? schema : "main", table)};
}

/* The caller writes the fields of the schema and calls dataset_end(). */
static void dataset_begin(struct event *event, const struct dataset *dataset)
{
    struct json_writer *json = &event->json;

    json_object_begin(json, NULL);
    json_text(json, "namespace", dataset->namespace);
    json_text(json, "name", dataset->name);
    if (dataset->written) {
        json_object_begin(json, "outputFacets");
        facet_begin(json, "outputStatistics",
                    FACET "1-0-2/OutputStatisticsOutputDatasetFacet.json"
                          "#/$defs/OutputStatisticsOutputDatasetFacet");
        json_uint(json, "rowCount", dataset->written->rows + dataset->written->deleted);
        json_uint(json, "size", dataset->written->bytes);
        json_object_end(json);
        json_object_end(json);
    }
    json_object_begin(json, "facets");
    if (dataset->batch) {
        facet_begin(json, "version",
                    FACET
                    "1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet");
        json_text(json, "datasetVersion", arena_printf(event->arena, "%" PRIu64, dataset->batch));
        json_object_end(json);
    }
    facet_begin(json, "schema", FACET "1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet");
    json_array_begin(json, "fields");
}

static void field(struct json_writer *json, const char *name, const char *type, const char *comment)
{
    json_object_begin(json, NULL);
    json_text(json, "name", name);
    json_text(json, "type", type);
    if (comment)
        json_text(json, "description", comment);
    json_object_end(json);
}

static void dataset_end(struct event *event)
{
    json_array_end(&event->json);
    json_object_end(&event->json);
    json_object_end(&event->json);
    json_object_end(&event->json);
}

static void source_dataset(struct event *event, const struct dataset *dataset,
                           const struct record_table *table, bool in_lake)
{
    dataset_begin(event, dataset);
    for (size_t i = 0; i < table->column_count; i++) {
        const struct record_column *column = &table->columns[i];
        if (in_lake || column->number)
            field(&event->json, in_lake ? column->lake_name : column->name, column->type,
                  column->comment);
    }
    dataset_end(event);
}

static void model_dataset(struct event *event, const struct dataset *dataset,
                          const struct processed_table *table)
{
    dataset_begin(event, dataset);
    for (size_t i = 0; i < table->column_count; i++) {
        const struct processed_column *column = &table->columns[i];
        field(&event->json, column->name, column->type, column->comment);
    }
    if (text_equal(table->kind, "fact")) {
        field(&event->json, "batch_id", "BIGINT", NULL);
        field(&event->json, "captured_at", "TIMESTAMP", NULL);
        field(&event->json, "deleted", "BOOLEAN", NULL);
    }
    dataset_end(event);
}

/* What the run wrote to a table, summed over its batches; NULL: nothing. */
static const struct step_table *written(struct event *event, const struct step_report *report,
                                        const char *name)
{
    struct step_table *sum = NULL;

    for (size_t i = 0; i < report->batch_count; i++)
        for (size_t k = 0; k < report->batches[i].table_count; k++) {
            const struct step_table *table = &report->batches[i].tables[k];
            if (!text_equal(table->table, name))
                continue;
            if (!sum)
                sum = arena_alloc(event->arena, sizeof *sum);
            sum->rows += table->rows;
            sum->deleted += table->deleted;
            sum->bytes += table->bytes;
        }
    return sum;
}

/* --- what the steps read and write --- */

static void objects_of(struct event *event, const struct record *record,
                       const struct step_report *report)
{
    for (size_t i = 0; i < record->table_count; i++) {
        const struct record_table *table = &record->tables[i];
        struct dataset dataset = in_store(event, OPTION_LAKE_INGESTION, table->name);
        if (table->gone)
            continue;
        dataset.batch = record->batch;
        dataset.written = report ? written(event, report, table->name) : NULL;
        source_dataset(event, &dataset, table, true);
    }
}

static enum err_code ingest_datasets(struct event *event, const struct step_report *report,
                                     struct err *err)
{
    struct json_writer *json = &event->json;
    struct store *store;
    struct record *record;

    TRY(app_ingestion(event->run->app, &store, err));
    TRY(record_read(store, report->head, event->arena, &record, err));
    json_array_begin(json, "inputs");
    for (size_t i = 0; i < record->table_count; i++) {
        const struct record_table *table = &record->tables[i];
        const struct dataset dataset =
            in_postgres(event, OPTION_SOURCE_URL, record->database, table->schema, table->relation);
        if (!table->gone)
            source_dataset(event, &dataset, table, false);
    }
    json_array_end(json);
    json_array_begin(json, "outputs");
    objects_of(event, record, report);
    json_array_end(json);
    return ERR_OK;
}

/* Models only for load: the clean tables stay in the lake. */
static void lake_tables_of(struct event *event, const struct processed_record *record,
                           const struct step_report *report, bool models_only)
{
    for (size_t i = 0; i < record->table_count; i++) {
        const struct processed_table *table = &record->tables[i];
        bool clean = text_equal(table->kind, "clean");
        if (clean && models_only)
            continue;
        struct dataset dataset = in_store(event, OPTION_LAKE_PROCESSED, table->directory);
        dataset.batch = record->batch;
        dataset.written = report && !clean ? written(event, report, table->name) : NULL;
        model_dataset(event, &dataset, table);
    }
}

static enum err_code process_datasets(struct event *event, const struct step_report *report,
                                      struct err *err)
{
    struct json_writer *json = &event->json;
    struct store *ingestion, *processed;
    struct processed_record *made;
    struct record *read;

    TRY(app_ingestion(event->run->app, &ingestion, err));
    TRY(app_processed(event->run->app, &processed, err));
    TRY(record_read(ingestion, report->head, event->arena, &read, err));
    TRY(processed_record_read(processed, report->head, event->arena, &made, err));
    json_array_begin(json, "inputs");
    objects_of(event, read, NULL);
    json_array_end(json);
    json_array_begin(json, "outputs");
    lake_tables_of(event, made, report, false);
    json_array_end(json);
    return ERR_OK;
}

static enum err_code load_datasets(struct event *event, const struct step_report *report,
                                   struct err *err)
{
    struct json_writer *json = &event->json;
    struct processed_record *record;
    struct store *processed;

    TRY(app_processed(event->run->app, &processed, err));
    TRY(processed_record_read(processed, report->head, event->arena, &record, err));
    json_array_begin(json, "inputs");
    lake_tables_of(event, record, NULL, true);
    json_array_end(json);
    json_array_begin(json, "outputs");
    for (size_t i = 0; i < record->table_count; i++) {
        const struct processed_table *table = &record->tables[i];
        if (text_equal(table->kind, "clean"))
            continue;
        struct dataset dataset = in_warehouse(event, table->name);
        dataset.batch = record->batch;
        dataset.written = written(event, report, table->name);
        model_dataset(event, &dataset, table);
    }
    json_array_end(json);
    return ERR_OK;
}

/* --- events --- */

enum err_code openlineage_begin(const struct telemetry_run *run, struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct event event = {.run = run, .config = app_config(run->app), .arena = arena};

    event_begin(&event, "START");
    run_end(&event);
    enum err_code code = event_append(&event, err);
    buf_release(&event.text);
    return code;
}

static enum err_code end_event(struct event *event, const struct step_report *report,
                               enum err_code code, const struct err *step_err, struct err *err)
{
    struct json_writer *json = &event->json;

    event_begin(event, !code ? "COMPLETE" : telemetry_is_yield(code) ? "ABORT" : "FAIL");
    if (code) {
        facet_begin(json, "errorMessage",
                    FACET "1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet");
        json_text(json, "message", redact_copy(event->arena, step_err->message));
        json_text(json, "programmingLanguage", "C");
        json_object_end(json);
    }
    run_end(event);
    if (!code && report->batch_count)
        switch (event->run->step) {
        case TELEMETRY_INGEST:
            TRY(ingest_datasets(event, report, err));
            break;
        case TELEMETRY_PROCESS:
            TRY(process_datasets(event, report, err));
            break;
        case TELEMETRY_LOAD:
            TRY(load_datasets(event, report, err));
            break;
        }
    return event_append(event, err);
}

enum err_code openlineage_end(const struct telemetry_run *run, const struct step_report *report,
                              enum err_code code, const struct err *step_err, struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct event event = {.run = run, .config = app_config(run->app), .arena = arena};

    enum err_code told = end_event(&event, report, code, step_err, err);
    buf_release(&event.text);
    return told;
}
