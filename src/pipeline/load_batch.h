/* pipeline/load_batch.h - one batch into the warehouse: its objects fetched and checked, its tables
 * loaded, one transaction.  Used by load.c. */
#ifndef PIPELINE_LOAD_BATCH_H
#define PIPELINE_LOAD_BATCH_H

#include "pipeline/processed_record.h"
#include "pipeline/step.h"
#include "store/store.h"
#include "warehouse/warehouse.h"

struct load_job {
    struct store *store;
    struct warehouse *warehouse;
    const char *work_parent; /* NULL: $TMPDIR or /tmp */
    const struct processed_record *record;
    bool rebuild; /* everything that was there is replaced */
    bool whole;   /* load the tables as they are in the lake, not just the batch's rows */
};

/* ERR_CONFLICT when the batch is in the ledger already.  Adds the batch to the report. */
CHECKED enum err_code load_batch(const struct load_job *job, struct step_report *report,
                                 struct err *err);

/* load_tables.c: what the warehouse has to know of a record's tables, "clean" ones left out; in
 * their order.  ret_sources[i] is the table that ret_tables[i] was made from.  Borrows from the
 * record. */
CHECKED enum err_code load_tables(const struct processed_record *record, struct arena *arena,
                                  struct warehouse_table **ret_tables,
                                  const struct processed_table ***ret_sources, size_t *ret_count,
                                  struct err *err);

#endif
