/* pipeline/replay.h - quarantined rows get another try: a record of kind "replay" in the ingestion
 * log, which processing meets in its turn like any other batch.
 *
 * The record carries the source's state of the batch before it unchanged, with no objects, and the
 * names of what is tried again; nobody asks the source.  process then puts just the rows that are
 * held back through their models once more (pipeline/star.h), each with the batch that it came
 * with; what is good joins what is there, and nothing that is there is taken away.
 *
 * The verdict on a row of a clean table depends on row, contract and program alone.  A contract
 * that changes makes the table anew by itself; so clean tables are tried again (built anew from
 * history) only when another version of tote put rows aside, or when they are named. */
#ifndef PIPELINE_REPLAY_H
#define PIPELINE_REPLAY_H

#include "base/mem.h"
#include "store/store.h"

struct replay_table {
    const char *name; /* a model's, or "clean.<source table>" */
    uint64_t rows;    /* held back now */
    bool tried;       /* false: it would end as before */
};

/* Begins as {.arena = …}; everything in it lives in the arena. */
struct replay_report {
    struct arena *arena;
    uint64_t batch;              /* that has been, or is to be processed; 0: none */
    bool waiting;                /* it was there already, not processed yet */
    struct replay_table *tables; /* that hold rows back; with `waiting` not known */
    size_t count;
};

/* Commits the record when there is something to try.  `names` (none: all) are tables as the report
 * names them, or source tables; what refers to them and holds rows back is tried too. ERR_NOT_FOUND
 * when there is no such table, ERR_CONFLICT when other runners were quicker again and again. */
CHECKED enum err_code replay_run(struct store *ingestion, struct store *processed,
                                 const char *const *names, size_t name_count,
                                 struct replay_report *report, struct err *err);

#endif
