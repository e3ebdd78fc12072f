/* pipeline/ingest.h - the first step: everything that changed in the source, under one snapshot,
 * into immutable JSON objects and one batch record. */
#ifndef PIPELINE_INGEST_H
#define PIPELINE_INGEST_H

#include "pipeline/step.h"
#include "store/store.h"

struct ingest_table_options {
    const char *table;                  /* "name" or "schema.name" */
    const char *cursor;                 /* indexed column, or NULL: compare the whole table */
    int64_t cursor_overlap_us;          /* -1: the usual */
    int64_t compare_every_us;           /* -1: as ingest_options; with a cursor: by fingerprint */
    const char *const *exclude_columns; /* NULL-terminated, or NULL */
    const char *const *hash_columns;    /* NULL-terminated, or NULL */
};

struct ingest_options {
    const char *source_url;     /* libpq URI or conninfo; holds a secret */
    const char *const *include; /* NULL-terminated; NULL: all tables of all user schemas.  "name",
                                   "schema.name", '*' as wildcard.  Views, materialized and foreign
                                   tables only when named here without wildcard */
    const char *const *exclude; /* NULL-terminated, or NULL */
    const struct ingest_table_options *tables;
    size_t table_count;
    unsigned connections; /* workers, 1..16 */
    int64_t lock_timeout_us;
    int64_t statement_timeout_us; /* 0: none */
    uint64_t part_bytes; /* JSON bytes (before compression) after which an object is split */
    uint64_t compress_above_bytes; /* larger objects become .json.zst; UINT64_MAX: never */
    int64_t heartbeat_us;          /* a batch without changes is recorded when the last is older */
    int64_t compare_every_us;      /* full compare by content at least so often; 0: never */
    bool full_compare;             /* now (tote reconcile) */
    bool accept_new_source; /* the lake was fed by another system identifier: go on, comparing
                               content */
    bool record_always;     /* a record even when nothing changed: changed models wait for one */
    const char *work_dir;   /* parent for temporary files; NULL: $TMPDIR or /tmp */
};

/* At most one new batch.  ERR_CONFLICT when another runner committed it first. */
CHECKED enum err_code ingest_run(struct store *ingestion, const struct ingest_options *options,
                                 struct step_report *report, struct err *err);

#endif
