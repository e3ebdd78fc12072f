/* warehouse/warehouse.h - where the star schema is loaded: PostgreSQL or a DuckDB file.  Speaks of
 * tables and batches, not of SQL dialects.
 *
 * Contract, checked for both drivers by test/warehouse/warehouse_contract.c:
 *   - Between begin and commit nothing is visible to other connections.
 *   - The ledger row and the rows of a batch are committed by the same transaction, so loading a
 * batch twice, by one runner or by two at once, changes nothing the second time.
 *   - Names are quoted; any name that PostgreSQL takes is taken.
 *   - Equal content through both drivers gives equal query results.
 *
 * A call order: open → begin → define → load… → commit, for each batch. */
#ifndef WAREHOUSE_WAREHOUSE_H
#define WAREHOUSE_WAREHOUSE_H

#include "base/buf.h"

struct warehouse;

struct warehouse_config {
    const char *url; /* "duckdb:PATH" or "postgresql://…" or a libpq conninfo; holds a secret */
    const char *schema;    /* of the star; NULL: "public", DuckDB "main" */
    uint64_t memory_bytes; /* DuckDB's limit, for the file or for reading Parquet */
    unsigned threads;
    const char *work_dir;         /* for temporary files of DuckDB */
    const char *const *read_dirs; /* NULL-terminated: folders that hold the Parquet files to load */
    bool read_only;
    bool scratch; /* a DuckDB file of the caller's own: what is prepared is stored in it, compressed
                   */
    int64_t lock_wait_us;         /* for a DuckDB file that another process holds */
    int64_t statement_timeout_us; /* of each query, ERR_TIMEOUT after it; 0: none */
};

enum warehouse_kind {
    WAREHOUSE_FACT, /* rows appended, one a version; columns batch_id, captured_at, deleted last */
    WAREHOUSE_DIMENSION, /* upsert by key; nothing removed */
    WAREHOUSE_MIRROR,    /* upsert and delete by key: the file has a column _deleted */
};

struct warehouse_column {
    const char *name;
    const char
        *type; /* DuckDB's name of the type in the Parquet file: "INTEGER", "DECIMAL(10,2)" */
    const char
        *warehouse_type; /* "time", "uuid", "json", "jsonb" where the file has text; or NULL */
    bool not_null;
    const char *comment; /* or NULL */
};

struct warehouse_reference {
    const char **columns;
    const char *table;
    const char **target_columns;
    size_t count;
};

struct warehouse_table {
    const char *name;
    enum warehouse_kind kind;
    const char *comment;   /* or NULL */
    const char *record_id; /* facts: name of the surrogate key column; NULL: "record_id" */
    const struct warehouse_column *columns; /* facts: without batch_id, captured_at, deleted */
    size_t column_count;
    const char **key; /* facts: natural key of the versions */
    size_t key_count;
    const struct warehouse_reference *references;
    size_t reference_count;
};

struct warehouse_batch {
    const char *lake;
    const char *generation;
    uint64_t batch;
    int64_t captured_us;
    bool rebuild; /* every table is loaded whole: begin empties what was there; batches before it
                     need not have been loaded */
};

struct warehouse_load_result {
    uint64_t rows_inserted;
    uint64_t rows_updated;
    uint64_t rows_deleted;
};

/* A cell is NULL data for SQL null; text form; valid during the call.  Return false to stop. */
typedef bool warehouse_row_fn(void *arg, size_t column_count, const char *const *names,
                              const struct span *cells);

CHECKED enum err_code warehouse_open(const struct warehouse_config *config,
                                     struct warehouse **ret_warehouse, struct err *err);
void warehouse_close(struct warehouse *warehouse); /* rolls back */
DEFINE_CLEANUP(struct warehouse *, warehouse_close)
const char *warehouse_url(const struct warehouse *warehouse); /* without password */

/* The last batch of this lake that is loaded, and under which generation; 0: none.
 * ret_generation lives in the arena, "" when none. */
CHECKED enum err_code warehouse_ledger_head(struct warehouse *warehouse, const char *lake,
                                            struct arena *arena, uint64_t *ret_batch,
                                            const char **ret_generation, struct err *err);
/* Begins the transaction of a batch and inserts its ledger row.  ERR_CONFLICT when the batch is
 * there already (nothing begun), or when batch - 1 is not and it is no rebuild. */
CHECKED enum err_code warehouse_begin(struct warehouse *warehouse,
                                      const struct warehouse_batch *batch, struct err *err);
/* Creates or evolves the tables (keys, comments, views <fact>_current and <fact>_history), or
 * checks that what exists can be used.  ERR_WAREHOUSE with the difference when it cannot be done
 * safely.  Parents before children. */
CHECKED enum err_code warehouse_define(struct warehouse *warehouse,
                                       const struct warehouse_table *tables, size_t table_count,
                                       struct err *err);
/* Loads Parquet files (local paths, allowed by read_dirs) whose columns are those of the table. */
CHECKED enum err_code warehouse_load(struct warehouse *warehouse,
                                     const struct warehouse_table *table,
                                     const char *const *parquet_paths, size_t path_count,
                                     uint64_t row_count, struct warehouse_load_result *ret_result,
                                     struct err *err);
/* Checks references that were not checked row by row, restores keys, commits. */
CHECKED enum err_code warehouse_commit(struct warehouse *warehouse, struct err *err);
void warehouse_rollback(struct warehouse *warehouse);
/* What may be done when nothing is to be loaded: validates foreign keys that were added NOT VALID.
 * *ret_done: how many.  Makes the indexes by which readers find few rows in a large
 * fact; one that cannot be made is a warning. */
CHECKED enum err_code warehouse_maintain(struct warehouse *warehouse, unsigned *ret_done,
                                         struct err *err);
/* Whether questions take so long that something is to be done about it: a million rows. */
CHECKED enum err_code warehouse_is_large(struct warehouse *warehouse, bool *ret_large,
                                         struct err *err);
/* Answers that a server shows at once (decision 23) lie in a large PostgreSQL warehouse: a text for
 * each `origin`, of whose inside this layer knows nothing.  Outside of a transaction. */
/* *ret_claimed: the caller shall make those of `version`.  Not while they are there, nor within an
 * hour of the last one who was told to; never for a DuckDB file, which answers soon enough. */
CHECKED enum err_code warehouse_claim_answers(struct warehouse *warehouse, const char *origin,
                                              const char *version, bool *ret_claimed,
                                              struct err *err);
/* version: NULL while some are still missing, so that another will make them. */
CHECKED enum err_code warehouse_leave_answers(struct warehouse *warehouse, const char *origin,
                                              const char *version, const char *text,
                                              struct err *err);
/* "": there are none, or the role may not see them. */
CHECKED enum err_code warehouse_find_answers(struct warehouse *warehouse, const char *origin,
                                             struct buf *ret_text, struct err *err);
/* A temporary table of this connection from a select; on a read-only handle, too.  `name` is a
 * plain word; so is `looked_up`, the column by which its rows are going to be found, or NULL. */
CHECKED enum err_code warehouse_prepare(struct warehouse *warehouse, const char *name,
                                        const char *select, const char *looked_up, struct err *err);
/* One statement that reads; parameters are text. */
CHECKED enum err_code warehouse_query(struct warehouse *warehouse, const char *sql,
                                      const char *const *params, size_t param_count,
                                      warehouse_row_fn *each, void *arg, struct err *err);

#endif
