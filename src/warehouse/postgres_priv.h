/* warehouse/postgres_priv.h - what the files of the PostgreSQL driver share.
 *
 * A batch makes a struct target of every table that it was told of: the model joined with what
 * stands in the database, in the batch's arena.  Files: postgres_warehouse (ledger, transaction),
 * postgres_target (looks and compares), postgres_define (creates and alters), postgres_load (COPY
 * and merge), postgres_keys (keys and references that are built or checked at the end),
 * postgres_answers (what servers find). */
#ifndef WAREHOUSE_POSTGRES_PRIV_H
#define WAREHOUSE_POSTGRES_PRIV_H

#include "duck/duck.h"
#include "pg/pg.h"
#include "warehouse/copy_binary.h"
#include "warehouse/warehouse_driver.h"

struct target_column {
    const char *name;     /* in the model and its files */
    const char *spelling; /* in the table; differs by case only */
    const char *type;     /* PostgreSQL's */
    enum copy_kind kind;
    bool json; /* has no equality */
    bool not_null;
    bool missing; /* to be added */
    bool loosen;  /* was not null, may be null now */
    const char *comment;
};

struct target_constraint {
    const char *name;
    char type; /* p, u, f */
    const char **columns;
    size_t count;
    const char *target; /* f: table of the same schema, or NULL */
    const char **target_columns;
};

struct target_reference {
    struct target *target;       /* NULL: not among the tables that are loaded */
    const char **names;          /* of the columns, in the model and its files */
    const char **columns;        /* spellings */
    const char **target_columns; /* spellings */
    size_t count;
    const char *name;        /* of the foreign key; NULL: it never had one */
    bool absent;             /* there is no foreign key now: add it at the end */
    const char *check_table; /* temporary table of the values to look up, or NULL */
};

struct target {
    const char *name;
    enum warehouse_kind kind;
    const char *wanted_comment;
    struct target_column *columns;
    size_t column_count;
    const char **key; /* spellings */
    size_t key_count;
    struct target_reference *references;
    size_t reference_count;
    struct target_constraint *constraints; /* that stand now */
    size_t constraint_count;

    const char **view_columns; /* facts: order of the table */
    size_t view_column_count;
    bool present;
    bool created; /* by this transaction */
    bool owned;
    bool made_here;  /* by tote, now or earlier */
    bool registered; /* in tote."table" */
    bool empty;
    bool outdated;     /* stands with another shape, and may be made anew */
    const char *views; /* hash of the views that stand */
    bool views_present;
    const char *comment;

    /* facts */
    const char *record_id; /* NULL: none */
    unsigned record_id_bytes;
    bool record_id_always; /* generated always */
    const char *sequence;  /* behind record_id, as regclass text; NULL: none */
    const char
        *side; /* table of schema tote that holds batch_id, captured_at, deleted; NULL: none */

    bool key_missing;     /* primary key to be built at the end */
    const char *key_name; /* that it had, or NULL */
    bool sequence_ours;   /* we may set it */
    int64_t last_id;      /* that we sent; 0: none */
    bool was_empty;       /* before this batch */
    bool relaxed;         /* foreign keys were taken off for this load */
    uint64_t rows;        /* loaded by this batch */
};

struct postgres_warehouse {
    struct warehouse base;
    struct pg *pg;
    struct duck *duck; /* reads Parquet; opened when first needed */
    char *schema;
    uint64_t memory_bytes;
    unsigned threads;
    char *work_dir;
    const char **read_dirs;
    int64_t statement_timeout_us; /* 0: none */
    /* The batch under way. */
    struct arena *batch_arena;
    struct warehouse_batch batch;
    struct target *targets;
    size_t target_count;
    size_t temporary_count;
    bool schema_present;
    bool schema_can_create;
    struct warehouse_load_result total;
};

static inline struct postgres_warehouse *postgres_of(struct warehouse *warehouse)
{
    return WAREHOUSE_DRIVER(struct postgres_warehouse, warehouse);
}

static inline bool target_is_fact(const struct target *target)
{
    return target->kind == WAREHOUSE_FACT;
}

/* postgres_target.c: fills warehouse->targets; ERR_WAREHOUSE with the difference when a table that
 * is there cannot be used. */
CHECKED enum err_code targets_look(struct postgres_warehouse *warehouse,
                                   const struct warehouse_table *tables, size_t table_count,
                                   struct err *err);
struct target *target_find(const struct postgres_warehouse *warehouse, const char *name);
const struct target_column *target_column_find(const struct target *target, const char *name);
/* Appends "a", "b": spellings, or with `prefix` t."a", t."b". */
void target_add_names(struct buf *sql, const char *prefix, const char *const *names, size_t count);
void target_add_qualified(const struct postgres_warehouse *warehouse, struct buf *sql,
                          const struct target *target);
/* postgres_type.c: PostgreSQL's type for a column of a model. */
CHECKED enum err_code target_type_of(const struct warehouse_column *column, struct arena *arena,
                                     struct target_column *ret_column, struct err *err);
/* Whether a column of the type `present` holds all that `wanted` may hold, unchanged. */
bool target_type_fits(const char *wanted, const char *present);
/* <fact>_current and the like, cut in front of the suffix where PostgreSQL would cut it off. */
char *target_view_name(struct arena *arena, const char *table, const char *suffix);

/* postgres_define.c */
enum err_code postgres_define(struct warehouse *warehouse, const struct warehouse_table *tables,
                              size_t table_count, struct err *err);

/* postgres_load.c */
enum err_code postgres_load(struct warehouse *warehouse, const struct warehouse_table *table,
                            const char *const *paths, size_t path_count, uint64_t row_count,
                            struct warehouse_load_result *ret_result, struct err *err);
/* Copies a query of DuckDB into a table: `copy` is the whole COPY statement. */
struct copy_job {
    const char *query;
    const char *copy;
    const struct copy_column *columns;
    size_t column_count;
    int64_t first_id; /* with id_bytes: numbers of the rows */
    unsigned id_bytes;
};
CHECKED enum err_code postgres_copy(struct postgres_warehouse *warehouse,
                                    const struct copy_job *job, uint64_t *ret_rows,
                                    struct err *err);
/* Appends read_parquet(['…', …]). */
void postgres_add_files(struct buf *sql, const char *const *paths, size_t path_count);

/* postgres_keys.c: takes off the foreign keys (and a fact's primary key) that would cost more row
 * by row, and collects what is to be checked instead. */
CHECKED enum err_code keys_relax(struct postgres_warehouse *warehouse, struct target *target,
                                 uint64_t row_count, struct err *err);
CHECKED enum err_code keys_collect(struct postgres_warehouse *warehouse, struct target *target,
                                   const char *const *paths, size_t path_count, uint64_t row_count,
                                   struct err *err);
/* Builds, checks and puts back; what is left is to commit. */
CHECKED enum err_code keys_restore(struct postgres_warehouse *warehouse, struct err *err);
/* Builds a key that is still missing, because it is needed now. */
CHECKED enum err_code keys_build_now(struct postgres_warehouse *warehouse, struct target *target,
                                     struct err *err);
/* Violations of constraints are the data's fault. */
enum err_code postgres_blame_data(enum err_code code, struct err *err);

/* postgres_answers.c */
CHECKED enum err_code postgres_is_large(struct warehouse *base, bool *ret_large, struct err *err);
CHECKED enum err_code postgres_claim_answers(struct warehouse *base, const char *origin,
                                             const char *version, bool *ret_claimed,
                                             struct err *err);
CHECKED enum err_code postgres_leave_answers(struct warehouse *base, const char *origin,
                                             const char *version, const char *text,
                                             struct err *err);
CHECKED enum err_code postgres_find_answers(struct warehouse *base, const char *origin,
                                            struct buf *ret_text, struct err *err);

#endif
