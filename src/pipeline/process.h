/* pipeline/process.h - the second step: ingestion batches into clean and star tables, all that are
 * missing, in order. */
#ifndef PIPELINE_PROCESS_H
#define PIPELINE_PROCESS_H

#include "pipeline/step.h"
#include "store/store.h"

struct process_options {
    const char *models_dir; /* folder with *.sql, clean/, seeds/ */
    uint64_t memory_bytes;  /* DuckDB's limit */
    unsigned threads;       /* 0: as many as cores */
    const char *work_dir;   /* parent for temporary files; NULL: $TMPDIR or /tmp */
};

CHECKED enum err_code process_run(struct store *ingestion, struct store *processed,
                                  const struct process_options *options, struct step_report *report,
                                  struct err *err);

#endif
