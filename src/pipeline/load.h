/* pipeline/load.h - the third step: processed batches into the warehouse, each exactly once. */
#ifndef PIPELINE_LOAD_H
#define PIPELINE_LOAD_H

#include "pipeline/step.h"
#include "store/store.h"
#include "warehouse/warehouse.h"

struct load_options {
    const char *work_dir; /* parent for temporary files; NULL: $TMPDIR or /tmp */
};

CHECKED enum err_code load_run(struct store *processed, struct warehouse *warehouse,
                               const struct load_options *options, struct step_report *report,
                               struct err *err);

#endif
