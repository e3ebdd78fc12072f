/* pipeline/lake.h - the tables of the processed bucket while a batch is made: what files they have,
 * what this batch adds and takes away, and how DuckDB reads them.
 *
 * A batch is made in two parts.  First everything is computed into staged files, which only this
 * process knows.  Then lake_publish() puts the files and commits the tables' logs.  An error in the
 * first part leaves nothing behind. */
#ifndef PIPELINE_LAKE_H
#define PIPELINE_LAKE_H

#include "pipeline/delta.h"
#include "pipeline/model.h"
#include "pipeline/processed_record.h"

enum lake_kind {
    LAKE_CLEAN,
    LAKE_FACT,
    LAKE_DIMENSION,
    LAKE_MIRROR,
    LAKE_CALENDAR
};

struct lake_file {
    struct delta_file file;
    uint64_t batch;    /* of its rows; 0: several */
    const char *local; /* absolute path; NULL: not fetched yet */
    bool is_new;       /* by this batch, not yet committed */
    bool is_removed;   /* by this batch */
    bool in_table;     /* false: only load reads it (or it is quarantine) */
    bool for_load;     /* holds just the batch's rows */
    bool is_quarantine;
    const char *key; /* in the store */
};

struct lake_table {
    const char *name;
    enum lake_kind kind;
    const char *generation; /* "<hash of model and inputs>-<batch that began it>" */
    const char *directory;
    const char *app_id;
    int64_t version;                  /* last committed, -1: none */
    struct processed_column *columns; /* without those that tote adds */
    size_t column_count;
    const char **key;
    size_t key_count;
    bool is_replaced; /* the source's table is another: what it does not hold is gone */
    bool is_fresh;    /* its generation begins with this batch */
    bool is_replayed; /* rows that are held back get another try (pipeline/replay.h) */
    const struct lake_file **held; /* those rows, as quarantine files, of a model's table that is
                                      replayed and not fresh */
    size_t held_count;
    bool new_schema; /* metaData goes with the commit */
    bool files_known;
    struct lake_file **files; /* those of the table and this batch's others */
    size_t file_count;
    size_t file_capacity;
    /* This batch. */
    bool is_touched; /* a model's inputs changed; a source table brought rows */
    uint64_t rows;
    uint64_t deleted;
    uint64_t quarantined;
    int64_t duration_us;
    int64_t started_us;                     /* wall clock */
    const struct model *model;              /* NULL for clean tables */
    const struct record_table *source;      /* clean tables: NULL when the source has it no more */
    const struct record_table *ahead;       /* clean tables: as the newest record has it, or NULL */
    const struct processed_table *previous; /* NULL: there was none of this generation */
};

/* What one process_run() holds over its batches. */
struct lake {
    struct store *ingestion;
    struct store *processed;
    struct duck *duck; /* NULL until a batch needs it */
    const struct model_set *models;
    const char *work_dir;
    const char *staging_dir; /* where DuckDB writes what will be put */
    unsigned threads;
    struct arena *arena; /* of the session: some batches long */
    /* The batch under way. */
    uint64_t batch;
    int64_t captured_us;
    const struct record *before; /* ingestion record of the batch before; NULL: not read yet */
    uint64_t row_batch; /* whose rows are made: the batch, or an earlier one when building anew */
    int64_t row_captured_us;
    char attempt[33];
    unsigned serial; /* of files: the last one's */
    unsigned serial_step;
    bool has_quarantine;       /* something is, in this batch or an earlier one */
    struct lake_table *tables; /* clean ones first */
    size_t table_count;
    size_t clean_count;
};

struct lake_table *lake_find_clean(struct lake *lake, const char *name); /* whatever its case */
struct lake_table *lake_find_model(struct lake *lake, const char *name);
const char *lake_kind_name(enum lake_kind kind);

/* All rows are put through the model and not only the batch's: the table is made anew, or rows that
 * are held back get another try. */
static inline bool lake_is_whole(const struct lake_table *table)
{
    return table->is_fresh || table->held_count > 0;
}

/* Makes sure that table->files is known, local paths included. */
CHECKED enum err_code lake_load_files(struct lake *lake, struct lake_table *table, struct err *err);
/* Runs `copy (select) to <new staged file>`; *ret_file NULL when there were no rows. */
CHECKED enum err_code lake_write(struct lake *lake, struct lake_table *table, const char *select,
                                 struct lake_file **ret_file, struct err *err);
/* Takes a staged file back. */
void lake_discard(struct lake *lake, struct lake_table *table, struct lake_file *file);

/* The columns that a kind adds to its model's in the lake. */
size_t lake_added_columns(enum lake_kind kind, const struct delta_column **ret_columns);

/* Which rows of a table. */
enum lake_part {
    LAKE_ALL,    /* the table as it is with this batch */
    LAKE_BATCH,  /* rows of `batch` only */
    LAKE_UP_TO,  /* rows of batches up to `batch` */
    LAKE_LISTED, /* files of the batches listed, which may hold others' rows as well */
};
struct lake_choice {
    enum lake_part part;
    uint64_t batch;
    const uint64_t *listed;
    size_t listed_count;
};
/* Appends a relation in parentheses; files may lack columns that came later. */
void lake_relation(const struct lake_table *table, const struct lake_choice *choice,
                   struct buf *sql);
void lake_file_relation(const struct lake_file *const *files, size_t count, struct buf *sql);

/* Puts staged files, commits the tables' logs (facts last), checkpoints. */
CHECKED enum err_code lake_publish(struct lake *lake, struct err *err);
/* After the batch's record stands: what was new is now the table. */
void lake_settle(struct lake *lake);
/* Removes what was staged and not put. */
void lake_abandon(struct lake *lake);
/* "timestamptz '…'" */
void lake_captured_sql(int64_t captured_us, struct buf *sql);

#endif
