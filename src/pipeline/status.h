/* pipeline/status.h - how far each step is and what each stage holds; and the batches one by one.
 * Only reads: records of both logs, the warehouse's ledger and its tables' row counts. */
#ifndef PIPELINE_STATUS_H
#define PIPELINE_STATUS_H

#include "base/json_write.h"
#include "store/store.h"
#include "warehouse/warehouse.h"

/* A table of the source. */
struct status_source {
    const char *table;
    uint64_t rows;          /* as of the last batch */
    int64_t clean_versions; /* -1: not processed yet */
    int64_t quarantined;    /* held back now; -1: not processed yet */
    const char *cursor;     /* column, or NULL */
    int64_t compared_us;    /* with a cursor: the last compare of the whole table */
};

/* A table that a model makes. */
struct status_model {
    const char *model;
    const char *kind;
    uint64_t versions;      /* rows written to the lake: a fact's rows, a dimension's insertions and
                               updates */
    uint64_t quarantined;   /* held back now */
    int64_t warehouse_rows; /* -1: not known */
};

struct status_step {
    uint64_t head;       /* 0: none */
    int64_t captured_us; /* of the head's snapshot */
};

struct status {
    struct status_step ingest;
    struct status_step process;
    struct status_step load;
    const char *lake;     /* identity, or NULL */
    const char *database; /* of the source, or NULL */
    int64_t now_us;
    struct status_source *sources;
    size_t source_count;
    struct status_model *models;
    size_t model_count;
    bool warehouse_read; /* false: none was given */
};

/* warehouse may be NULL.  Everything lives in the arena. */
CHECKED enum err_code status_read(struct store *ingestion, struct store *processed,
                                  struct warehouse *warehouse, const char *schema,
                                  struct arena *arena, struct status *ret_status, struct err *err);

struct history_table {
    const char *table;
    uint64_t rows; /* in the source */
    uint64_t changed;
    uint64_t deleted;
    uint64_t quarantined;
    const char *compare; /* "full", "fingerprint" or "cursor" */
};

struct history_batch {
    uint64_t batch;
    const char *kind; /* "ingest" or "replay" */
    int64_t captured_us;
    int64_t ingest_us; /* durations */
    int64_t process_us;
    uint64_t source_rows;
    uint64_t changed;
    uint64_t deleted;
    uint64_t quarantined;
    bool processed;
    bool rebuilt;                 /* models had changed: everything was built anew */
    struct history_table *tables; /* that changed */
    size_t table_count;
};

struct history {
    struct history_batch *batches; /* newest first */
    size_t count;
    uint64_t head;
};

/* batch 0: the last `limit` ones; else just that one, ERR_NOT_FOUND when there is none. */
CHECKED enum err_code history_read(struct store *ingestion, struct store *processed, uint64_t batch,
                                   size_t limit, struct arena *arena, struct history *ret_history,
                                   struct err *err);

/* The members of a batch, into an open object; what process says of it is 0, null or false before
 * it is processed. */
void history_json_batch(struct json_writer *json, const struct history_batch *batch);

#endif
