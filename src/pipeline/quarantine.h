/* pipeline/quarantine.h - what is held back, and why: a summary of the quarantine objects that a
 * processed record names. */
#ifndef PIPELINE_QUARANTINE_H
#define PIPELINE_QUARANTINE_H

#include "pipeline/processed_record.h"
#include "store/store.h"

struct quarantine_reason {
    uint64_t batch;
    const char *table;
    const char *reason;
    uint64_t rows;
    const char *keys; /* a JSON array with at most three of them */
};

enum {
    QUARANTINE_REASONS_MAX = 200,
    QUARANTINE_OBJECTS_MAX = 64 /* of one batch that are looked into */
};

struct quarantine_summary {
    struct quarantine_reason reasons[QUARANTINE_REASONS_MAX];
    size_t count;
};

/* Adds the reasons of one batch, those with most rows first. */
CHECKED enum err_code quarantine_summarize(struct store *processed,
                                           const struct processed_record *record,
                                           const char *work_dir, struct arena *arena,
                                           struct quarantine_summary *summary, struct err *err);

#endif
