/* pipeline/star.h - the star zone: what the models make of a batch. */
#ifndef PIPELINE_STAR_H
#define PIPELINE_STAR_H

#include "pipeline/lake.h"

/* Computes the batch's rows of one model's table into staged files; all of history when the table's
 * generation begins; of a table that is replayed just the rows that were held back, facts with the
 * batch that they came with.  Sets rows, deleted, quarantined and, when they were not known,
 * columns. Tables that it refers to come before it.  ERR_CONFIG names file and line of a model that
 * DuckDB refuses, ERR_TRANSFORM what went wrong with the rows. */
CHECKED enum err_code star_make(struct lake *lake, struct lake_table *table, struct err *err);

/* The model's columns by DuckDB's own judgement, its views being made (star_columns.c). */
CHECKED enum err_code star_columns(struct lake *lake, struct lake_table *table, struct err *err);
/* Puts rows that break a check or a reference into quarantine (star_verify.c): *file is written
 * anew without them, NULL when none is left. */
CHECKED enum err_code star_verify(struct lake *lake, struct lake_table *table,
                                  struct lake_file **file, struct err *err);
/* A row's key as it stands in quarantine; alias NULL: none. */
void star_key_json(const char *alias, const struct lake_table *table, struct buf *sql);
/* ERR_TRANSFORM when two rows of the files have the same key, or none. */
CHECKED enum err_code star_check_keys(struct lake *lake, struct lake_table *table,
                                      const struct lake_file *const *files, size_t count,
                                      struct err *err);
/* Puts upserts (and takes deletions, or NULL) into a table whose files may be replaced
 * (star_merge.c). */
CHECKED enum err_code star_merge(struct lake *lake, struct lake_table *table,
                                 struct lake_file *upserts, struct lake_file *deletions,
                                 struct err *err);

#endif
