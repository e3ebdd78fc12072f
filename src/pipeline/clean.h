/* pipeline/clean.h - the clean zone: JSON lines of a batch, typed and checked, as Parquet.
 *
 * Types come from the source's catalog (pipeline/types.h) and models/clean/<table>.sql.  A value is
 * taken only when it is exactly what its type prints, so that nothing is rounded, cut or guessed; a
 * row with a value that is not, or that fails a check, goes to quarantine with every reason.  A
 * deleted row comes with its last clean content. */
#ifndef PIPELINE_CLEAN_H
#define PIPELINE_CLEAN_H

#include "pipeline/lake.h"
#include "pipeline/record.h"

/* The table's columns as of this batch: the source's, and those that it had before.  *ret_rewrite:
 * files written before have other types or names, so that the table has to be written anew. */
CHECKED enum err_code clean_columns(struct lake *lake, struct lake_table *table,
                                    const struct clean_model *model, bool *ret_rewrite,
                                    struct err *err);
/* The ingestion record of the batch before, read once. */
CHECKED enum err_code clean_record_before(struct lake *lake, const struct record **ret_before,
                                          struct err *err);
/* Adds what one ingestion record says of the table: row_batch's files, into table->files. */
CHECKED enum err_code clean_batch(struct lake *lake, struct lake_table *table,
                                  const struct clean_model *model,
                                  const struct record_table *source, struct err *err);

/* How one column of a record is read into one column of the table (clean_column.c). */
struct clean_column {
    const char *json_name; /* NULL: the record has no such column */
    const char *json_type; /* as which DuckDB reads it */
    const char *typed;     /* SQL of the value, over the raw column */
    const char *is_good;   /* SQL, over raw and typed; NULL: every value is */
};
/* `column` (NULL: none) is the record's, of the type that it had then.  raw and typed are quoted
 * identifiers. */
void clean_column_read(const struct processed_column *target, const struct record_column *column,
                       bool is_trimmed, const char *raw, const char *typed, struct arena *arena,
                       struct clean_column *ret_column);
/* The column as the lake and the warehouse know it. */
CHECKED enum err_code clean_column_type(const struct record_column *column,
                                        const struct clean_model *model, struct arena *arena,
                                        struct processed_column *ret_column, struct err *err);

#endif
