/* pipeline/clean_reading.h - what the files of clean share: one table of one batch, and SQL over
 * its JSON objects.  Nobody else's. */
#ifndef PIPELINE_CLEAN_READING_H
#define PIPELINE_CLEAN_READING_H

#include "pipeline/clean.h"

/* Everything that the statements of one table and batch are built of. */
struct reading {
    struct lake *lake;
    struct lake_table *table;
    const struct clean_model *model;
    const struct record_table *source;
    struct clean_column *columns; /* of the table */
    const char *const *paths;
    size_t path_count;
    unsigned row_bytes; /* longest line; DuckDB's buffers are twice as large */
};

/* By lake name, by attribute number; NULL: none. */
const struct record_column *clean_find_column(const struct record_table *source, const char *name);
const struct record_column *clean_find_number(const struct record_table *source, int number);

void reading_read_columns(struct reading *reading);
/* A check that DuckDB does not understand is the model's fault, not the rows'. */
CHECKED enum err_code reading_check_conditions(const struct reading *reading, struct err *err);
/* Rows of the JSON objects as "?r0", "?r1", …; only the columns that `wanted` tells, NULL: all. */
void reading_add_raw(const struct reading *reading, const bool *wanted, struct buf *sql);
void reading_add_typed_name(struct buf *sql, size_t i);
void reading_add_stamp(const struct lake *lake, bool deleted, struct buf *sql);
void reading_good_rows_sql(const struct reading *reading, struct buf *sql);
void reading_bad_rows_sql(const struct reading *reading, struct buf *sql);

/* Checks objects against their record and gives their local files (clean.c). */
CHECKED enum err_code clean_fetch_objects(struct lake *lake, const struct record_object *objects,
                                          size_t count, const char *const **ret_paths,
                                          struct err *err);
/* Rows that are gone, with their last content (clean_deleted.c). */
CHECKED enum err_code clean_deleted(struct reading *reading, struct err *err);
CHECKED enum err_code clean_replaced(struct reading *reading, const struct lake_file *live,
                                     struct err *err);

#endif
