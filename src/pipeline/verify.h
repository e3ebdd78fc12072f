/* pipeline/verify.h - is the lake still what its records say: every object that a record names is
 * there, has its size and its SHA-256, and the Delta tables' current files too.  Only reads.  One
 * batch's record is held at a time. */
#ifndef PIPELINE_VERIFY_H
#define PIPELINE_VERIFY_H

#include "store/store.h"

enum {
    VERIFY_PROBLEMS_SHOWN = 100
};

struct verify_problem {
    const char *message; /* names the store, the batch and the object */
};

struct verify_store {
    const char *name; /* "ingestion", "processed" */
    uint64_t batches;
    uint64_t objects;
    uint64_t bytes; /* read, or with `quick` only measured */
};

struct verify {
    struct arena *arena; /* set by the caller; everything lives in it */
    bool quick;          /* set by the caller: sizes only */
    struct verify_store stores[2];
    struct verify_problem problems[VERIFY_PROBLEMS_SHOWN];
    uint64_t problem_count; /* all of them; the first are shown */
};

/* What is wrong with an object is a problem in the report, never an error; what keeps it from being
 * looked at (a network, a right) is one. */
CHECKED enum err_code verify_ingestion(struct verify *verify, struct store *ingestion,
                                       struct err *err);
CHECKED enum err_code verify_processed(struct verify *verify, struct store *processed,
                                       struct err *err);

#endif
