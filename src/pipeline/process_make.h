/* pipeline/process_make.h - makes the tables of a planned batch: first the clean ones, then the
 * star in waves, each after what it refers to.
 *
 * A small batch is made by several DuckDBs of one thread each, table beside table: most of its time
 * is DuckDB's preparation of many small statements, and DuckDB's own second thread would only spin.
 * A large one gets one DuckDB with all threads and all memory, table after table. */
#ifndef PIPELINE_PROCESS_MAKE_H
#define PIPELINE_PROCESS_MAKE_H

#include "pipeline/lake.h"

struct maker;

struct maker_options {
    struct store *ingestion;
    struct store *processed;
    const char *models_dir; /* absolute */
    uint64_t memory_bytes;
    unsigned threads;
    const char *work_dir; /* parent for temporary files, or NULL */
};

struct maker *maker_new(const struct maker_options *options);
void maker_free(struct maker *maker); /* removes temporary files; NULL is fine */
DEFINE_CLEANUP(struct maker *, maker_free)

/* Computes everything that the plan wants into staged files.  Opens DuckDB only when there is work.
 * previous: NULL for batch 1.  Sets lake->duck, work_dir and staging_dir for what follows. */
CHECKED enum err_code maker_run(struct maker *maker, struct lake *lake, const struct record *record,
                                const struct processed_record *previous, struct err *err);
/* Frees what the lakes of this session's batches hold in memory. */
void maker_end_session(struct maker *maker);

#endif
