/* pipeline/drift.h - how the source's tables changed from one batch to the next. */
#ifndef PIPELINE_DRIFT_H
#define PIPELINE_DRIFT_H

#include "pipeline/record.h"

struct drift_change {
    uint64_t batch; /* that saw it first */
    const char *table;
    const char
        *change; /* "table added", "table gone", "column added", "column gone", "type changed" */
    const char *column; /* NULL: the whole table */
    const char *detail; /* the type, or "int4 -> int8"; or NULL */
};

enum {
    DRIFT_CHANGES_MAX = 200
};

struct drift {
    struct drift_change changes[DRIFT_CHANGES_MAX];
    size_t count;
};

/* Adds what `after` has otherwise than `before`, the record of the batch before it. */
void drift_compare(const struct record *before, const struct record *after, struct arena *arena,
                   struct drift *drift);

#endif
