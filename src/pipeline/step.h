/* pipeline/step.h - what the three steps have in common: the report of what was done.
 *
 * ingest_run(), process_run() and load_run() each find the last batch done, do what is missing and
 * commit each batch by one record.  They are functions of what they read, never of who called them:
 * the command line, a Lambda handler and a scheduler call the same three. */
#ifndef PIPELINE_STEP_H
#define PIPELINE_STEP_H

#include "base/mem.h"

struct step_table {
    const char *table; /* source table for ingest, model for process and load */
    uint64_t rows;     /* new versions, without deletions */
    uint64_t deleted;
    uint64_t quarantined;
    uint64_t bytes;     /* of objects written */
    int64_t started_us; /* wall clock; 0: not known */
    int64_t duration_us;
};

struct step_batch {
    uint64_t batch;
    int64_t captured_us; /* of its snapshot */
    int64_t started_us;  /* wall clock */
    int64_t duration_us;
    struct step_table *tables; /* those that had something to do */
    size_t table_count;
};

/* Owned by the caller; begins as {.arena = …}; everything in it lives in the arena. */
struct step_report {
    struct arena *arena;
    struct step_batch *batches; /* done by this call, oldest first */
    size_t batch_count;
    uint64_t head; /* last batch that is done in this step now; 0: none */
    int64_t head_captured_us;
    uint64_t source_rows; /* ingest: rows that the snapshot showed, all tables */
    unsigned table_count; /* ingest: tables compared */
    bool models_changed;  /* process: nothing to do, but the models wait for the next batch */
    int64_t duration_us;
};

/* Appends a batch to the report and returns it. */
struct step_batch *step_report_add(struct step_report *report, uint64_t batch, int64_t captured_us);
struct step_table *step_batch_add(struct step_report *report, struct step_batch *batch,
                                  const char *table);

#endif
