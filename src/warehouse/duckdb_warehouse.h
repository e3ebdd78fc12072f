/* warehouse/duckdb_warehouse.h - what the files of the DuckDB driver share.  Included by them only.
 *
 * The file is opened at the first use and held until close: DuckDB admits one process that writes.
 * Tables are written set-wise, straight from the Parquet files.  There are no foreign keys (DuckDB
 * can neither add nor drop them, and refuses deletes of child and parent in one transaction):
 * references are collected while loading and checked by anti joins before the commit. */
#ifndef WAREHOUSE_DUCKDB_WAREHOUSE_H
#define WAREHOUSE_DUCKDB_WAREHOUSE_H

#include "duck/duck.h"
#include "warehouse/warehouse_driver.h"

struct work_dir;

/* What is in the star's schema already. */
struct existing_column {
    const char *name;
    const char *type; /* DuckDB's name */
    bool required;    /* not null, and no default */
};

struct existing_table {
    const char *name;
    bool made;                       /* by tote */
    const char *described;           /* hash of comments and views; "" when never given any */
    struct existing_column *columns; /* of those tables only that define asks for */
    size_t count;
    size_t capacity;
};

struct existing {
    struct arena *arena;
    struct existing_table *tables;
    size_t count;
    size_t capacity;
};

/* What load needs of a table that define has seen; lives until the next define or rollback. */
struct defined_table {
    const char *name;
    enum warehouse_kind kind;
    const char *record_id; /* NULL: the table has none */
    struct warehouse_reference *references;
    size_t reference_count;
};

/* One anti join to be run at commit. */
struct reference_check {
    struct reference_check *next;
    const char *table;
    const char *columns;
    const char *target;
    const char *sql; /* gives some values without a partner */
};

struct duckdb_warehouse {
    struct warehouse base;
    struct arena *arena;
    struct warehouse_config config; /* strings in arena; url is the path */
    const char *schema;
    struct work_dir *temp;
    struct duck *duck; /* NULL until first used */

    struct arena *define_arena;
    struct defined_table *tables;
    size_t table_count;

    /* The transaction under way. */
    struct arena *batch_arena;
    struct warehouse_batch batch;
    struct warehouse_load_result total;
    struct reference_check *checks;
};

/* Opens the file when it is not. */
CHECKED enum err_code duckdb_warehouse_use(struct duckdb_warehouse *self, struct err *err);

/* duckdb_warehouse_define.c */
CHECKED enum err_code duckdb_warehouse_define(struct warehouse *base,
                                              const struct warehouse_table *tables,
                                              size_t table_count, struct err *err);
const struct defined_table *duckdb_warehouse_find(const struct duckdb_warehouse *self,
                                                  const char *name);

/* duckdb_warehouse_existing.c */
CHECKED enum err_code duckdb_existing_read(struct duckdb_warehouse *self, struct existing *existing,
                                           struct err *err);
CHECKED enum err_code duckdb_existing_read_columns(struct duckdb_warehouse *self,
                                                   struct existing *existing,
                                                   struct existing_table *table, struct err *err);
void duckdb_existing_release(struct existing *existing);
struct existing_table *duckdb_existing_find(const struct existing *existing, const char *name);
const struct existing_column *duckdb_existing_column(const struct existing_table *table,
                                                     const char *name);
void duckdb_existing_add_column(struct existing_table *table, struct existing_column column);

/* duckdb_warehouse_load.c */
CHECKED enum err_code
duckdb_warehouse_load(struct warehouse *base, const struct warehouse_table *table,
                      const char *const *paths, size_t path_count, uint64_t row_count,
                      struct warehouse_load_result *ret_result, struct err *err);
CHECKED enum err_code duckdb_warehouse_check_references(struct duckdb_warehouse *self,
                                                        struct err *err);

/* duckdb_warehouse_sql.c */
void duckdb_sql_table(const struct duckdb_warehouse *self, const char *name, struct buf *sql);
/* The type that a column has in the warehouse. */
const char *duckdb_sql_type(const struct warehouse_column *column);
/* The name of a fact's surrogate key. */
const char *duckdb_sql_record_id(const struct warehouse_table *table);
/* create [or replace] table, with keys. */
void duckdb_sql_create(const struct duckdb_warehouse *self, const struct warehouse_table *table,
                       struct buf *sql);
/* <fact>_current and <fact>_history over the columns named. */
void duckdb_sql_views(const struct duckdb_warehouse *self, const struct warehouse_table *table,
                      const char *const *columns, size_t column_count, struct buf *sql);
/* "a", "b" or s."a", s."b" */
void duckdb_sql_names(const char *prefix, const char *const *names, size_t count, struct buf *sql);

/* The three columns at the end of every fact. */
extern const struct warehouse_column duckdb_fact_columns[3];

#endif
