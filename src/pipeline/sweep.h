/* pipeline/sweep.h - removes what killed attempts left in the lake: objects that this program named
 * for a batch up to the head and that no record and no table's log names.
 *
 * The head is read first, then all that is named, then the objects are listed: what a runner writes
 * for the next batch is never looked at, and what a record names is never changed afterwards.  A
 * key that is not of the form that tote gives its objects is left alone, and so are records, logs
 * of tables, hints and pages.  A record or log that cannot be read ends the sweep before anything
 * is removed.  Memory: 8 bytes for each named object, and one page of keys. */
#ifndef PIPELINE_SWEEP_H
#define PIPELINE_SWEEP_H

#include "store/store.h"

struct sweep_store {
    const char *name; /* "ingestion", "processed" */
    uint64_t head;
    uint64_t named;   /* by records and logs */
    uint64_t objects; /* removed, or to be removed */
    uint64_t bytes;
};

typedef enum err_code sweep_found_fn(void *arg, const struct sweep_store *store, const char *key,
                                     uint64_t bytes, struct err *err);

struct sweep {
    int64_t now_us;
    int64_t grace_us; /* younger objects are left; in the processed store a day at least */
    bool dry_run;
    sweep_found_fn *found; /* before it is removed, with others of its page; or NULL */
    void *arg;
    struct sweep_store stores[2];
};

CHECKED enum err_code sweep_ingestion(struct sweep *sweep, struct store *ingestion,
                                      struct err *err);
CHECKED enum err_code sweep_processed(struct sweep *sweep, struct store *processed,
                                      struct err *err);

#endif
