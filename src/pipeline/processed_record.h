/* pipeline/processed_record.h - the batch record of the processed bucket: what models made of one
 * ingestion batch.  It is the truth across tables; each table's Delta log is the truth for the
 * table. Tables that the batch did not touch stand in it with their Delta version and no objects.
 */
#ifndef PIPELINE_PROCESSED_RECORD_H
#define PIPELINE_PROCESSED_RECORD_H

#include "pipeline/record.h"

/* What load needs to know of a column, without reading the model. */
struct processed_column {
    const char *name;
    const char *type; /* as DuckDB names it: "INTEGER", "DECIMAL(10,2)", "VARCHAR" */
    const char
        *warehouse_type; /* "time", "uuid", "json", "jsonb" where text stands for it, else NULL */
    bool not_null;
    const char *comment; /* or NULL */
};

struct processed_reference {
    const char **columns;
    const char *table;
    const char **target_columns;
    size_t count;
};

struct processed_table {
    const char *name;       /* model's */
    const char *kind;       /* "clean", "fact", "dimension", "mirror", "calendar" */
    const char *generation; /* hash of the model and its inputs */
    const char *directory;  /* of the Delta table in the store: "clean/sales_order/…" */
    int64_t delta_version;  /* -1: no commit yet */
    const char *comment;    /* or NULL */
    const char *record_id;  /* facts: name of the surrogate key in the warehouse, or NULL */
    struct processed_column *columns; /* without batch_id, captured_at, deleted */
    size_t column_count;
    const char **key;
    size_t key_count;
    struct processed_reference *references;
    size_t reference_count;
    /* This batch. */
    uint64_t rows;
    uint64_t deleted;
    uint64_t quarantined;
    bool replayed; /* what earlier batches had quarantined got another try: only what this one
                      quarantined is held back still */
    struct record_object
        *objects; /* Parquet with just the batch's rows: facts (with batch_id,
                     captured_at, deleted), rows to upsert, for a mirror with a column
                     "_deleted" */
    size_t object_count;
};

struct processed_record {
    int format;
    uint64_t batch;
    const char *attempt;
    const char *program;
    const char *lake; /* identity of the lake: attempt id of the ingestion bucket's first batch */
    const char *generation; /* hash over all models' generations */
    bool rebuilt;           /* models changed: tables were built anew from history */
    int64_t captured_us;
    int64_t started_us;
    int64_t duration_us;
    struct processed_table
        *tables; /* clean first, then in the order in which load must take them */
    size_t table_count;
    struct record_object *quarantine; /* Parquet: table, key, reason, row */
    size_t quarantine_count;
};

void processed_record_write(const struct processed_record *record, struct buf *ret_text);
CHECKED enum err_code processed_record_parse(const char *text, size_t size, struct arena *arena,
                                             struct processed_record **ret_record, struct err *err);
CHECKED enum err_code processed_record_read(struct store *store, uint64_t batch,
                                            struct arena *arena,
                                            struct processed_record **ret_record, struct err *err);

#endif
