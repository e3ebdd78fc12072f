/* pipeline/process_plan.h - what a batch is about to do: which tables there are, which generation
 * each has, what has to be made anew; and, when it is done, the record that says so. */
#ifndef PIPELINE_PROCESS_PLAN_H
#define PIPELINE_PROCESS_PLAN_H

#include "pipeline/lake.h"

/* Sets lake->tables for the record's batch.  Files known from the batch before are carried over.
 * previous: NULL for batch 1.  ahead: the newest ingestion record, whose tables and columns models
 * may know before their time; NULL when this is it. */
CHECKED enum err_code process_plan(struct lake *lake, const struct record *record,
                                   const struct record *ahead,
                                   const struct processed_record *previous, struct err *err);
/* After the plan of a replay: fetches the quarantine files of the tables that it names. */
CHECKED enum err_code process_plan_held(struct lake *lake, const struct record *record,
                                        const struct processed_record *previous, struct err *err);
/* Generation of the whole set, as the record names it; without the batch that began each. */
const char *process_generation(const struct lake *lake);
/* True when the models are not those that the record was made with, or tables' inputs differ. */
bool process_models_differ(const struct model_set *set, const struct processed_record *head,
                           struct arena *arena);
/* The record of what lake->tables now hold. */
CHECKED enum err_code process_record(struct lake *lake, const struct processed_record *previous,
                                     const char *lake_id, struct processed_record *ret_record,
                                     struct err *err);

#endif
