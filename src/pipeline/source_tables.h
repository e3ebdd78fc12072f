/* pipeline/source_tables.h - which tables of the source are captured, and the SQL that reads each.
 *
 * Everything is derived from the catalog, the options and, for names that must not change from
 * batch to batch, the last record.  All of it lives in the caller's arena. */
#ifndef PIPELINE_SOURCE_TABLES_H
#define PIPELINE_SOURCE_TABLES_H

#include "pg/catalog.h"
#include "pipeline/copy_row.h"
#include "pipeline/ingest.h"
#include "pipeline/record.h"

struct source_table {
    const struct catalog_table *catalog;
    const struct ingest_table_options *options; /* or NULL */
    struct record_table record;        /* names, columns, key, references, comment; the rest zero */
    struct record_column *key_columns; /* in key order, for the JSON of deleted rows */
    struct row_layout rows;            /* of a line of all columns */
    struct row_layout keys;            /* of a line of the key's columns alone */
    bool keyless;
    bool stable; /* every type's text depends on the row alone */
    enum key_form form;
    /* SQL */
    const char *from;      /* only "public"."sales_order" */
    const char *xmin;      /* 0 where rows have none */
    const char *columns;   /* as the rows' layout */
    const char *key;       /* as the keys' layout */
    const char *key_value; /* one value, as it is hashed */
    const char *key_order;
    uint64_t size_bytes; /* about */
};

struct source_plan {
    struct source_table *tables; /* by record name */
    size_t count;
};

struct source_plan_options {
    const struct ingest_options *ingest;
    const struct record *last; /* or NULL */
    bool utf8;                 /* the server's encoding */
};

/* ERR_DENIED, ERR_CONFIG or ERR_NOT_FOUND, naming table and remedy, when something is not as asked
 * for. */
CHECKED enum err_code source_plan_make(const struct source_plan_options *options,
                                       const struct catalog *catalog, struct arena *arena,
                                       struct source_plan *ret_plan, struct err *err);
/* False when a table was added, dropped or altered in between. */
bool source_plan_equal(const struct source_plan *a, const struct source_plan *b);
/* Logs what is configured for tables that are not there. */
void source_plan_warn(const struct source_plan *plan, const struct ingest_options *ingest);
/* Appends LOCK TABLE statements for all that can be locked. */
void source_plan_lock(const struct source_plan *plan, struct buf *sql);

/* The column that configuration names, or NULL. */
const char *source_table_cursor(const struct source_table *table);
/* Appends hash(key), and hash(key, xmin), as SQL. */
void source_table_key_hash(const struct source_table *table, struct buf *sql);
void source_table_version_hash(const struct source_table *table, struct buf *sql);
/* Appends COPY of rows; filter and order are SQL or "". */
void source_table_copy(const struct source_table *table, const char *filter, const char *order,
                       struct buf *sql);

#endif
