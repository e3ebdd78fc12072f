/* pipeline/doctor.h - finds what is misconfigured before it bites.  Each check adds one line to the
 * report; none of them ends it.  Writes nothing but a probe object in each bucket, which it
 * removes. */
#ifndef PIPELINE_DOCTOR_H
#define PIPELINE_DOCTOR_H

#include "pipeline/ingest.h"
#include "pipeline/model.h"
#include "pipeline/source_tables.h"
#include "warehouse/warehouse.h"

enum doctor_level {
    DOCTOR_OK,
    DOCTOR_WARN,
    DOCTOR_FAIL
};

struct doctor_check {
    enum doctor_level level;
    const char *what; /* "source", "lake", "models", "warehouse" */
    const char *message;
    const char *hint;   /* or "" */
    enum err_code code; /* of a failure */
};

struct doctor {
    struct arena *arena; /* set by the caller; everything lives in it */
    struct doctor_check *checks;
    size_t count;
    size_t capacity;
    /* What checks learn for those that follow. */
    char system_identifier[24];
    struct source_plan plan;
    bool planned;
};

void doctor_release(struct doctor *doctor);
void doctor_add(struct doctor *doctor, enum doctor_level level, const char *what, const char *hint,
                const char *fmt, ...) PRINTF_LIKE(5, 6);
void doctor_fail(struct doctor *doctor, const char *what, const struct err *err);
/* The first failure's code, ERR_OK when there is none. */
enum err_code doctor_verdict(const struct doctor *doctor);

/* Reachable, version, rights, row security, keys, clocks, forgotten transactions. */
void doctor_source(struct doctor *doctor, const struct ingest_options *options);
/* Writable, readable, listable; `name` is "lake.ingestion" or "lake.processed". */
void doctor_store(struct doctor *doctor, const char *name, struct store *store);
/* The lake is fed by the same source as before, and its newest record can be read. */
void doctor_lake(struct doctor *doctor, struct store *ingestion);
/* Models can be read, and read what is captured.  After doctor_source. */
void doctor_models(struct doctor *doctor, const char *dir);
/* Reachable, rights.  schema NULL: the default. */
void doctor_warehouse(struct doctor *doctor, struct warehouse *warehouse, const char *schema);

#endif
