/* pg/catalog.h - what tables a database has and what they look like, by one query of the catalog.
 *
 * The query runs in the caller's transaction or outside; the result is plain data in the caller's
 * arena, ordered by schema and name, and two results can be compared. */
#ifndef PG_CATALOG_H
#define PG_CATALOG_H

#include "pg/pg.h"

struct catalog_column {
    const char *name;
    int number;                /* attnum */
    const char *declared_type; /* format_type(): "numeric(10,2)", a domain's own name */
    const char *type; /* pg_type.typname of the base type, domains resolved: "int4", "_text" */
    int typmod;       /* of the base type; -1: none */
    char
        type_class; /* typtype of the base type: b, c(omposite), e(num), r(ange), m(ultirange), p */
    bool not_null;  /* column's or its domain's */
    bool generated;
    const char *comment; /* or NULL */
};

struct catalog_reference {
    const char *name;
    const char **columns;
    const char *target_schema;
    const char *target_relation;
    const char **target_columns;
    size_t count;
};

struct catalog_table {
    uint32_t oid;
    const char *schema;
    const char *name;
    char kind;              /* r(elation), p(artitioned), v(iew), m(aterialized view), f(oreign) */
    bool has_children;      /* plain inheritance: to be read with ONLY */
    bool row_security;      /* row level security applies to us */
    bool can_select;        /* on every column */
    int64_t estimated_rows; /* reltuples, -1: never analyzed */
    int64_t pages;          /* of the main fork; 0 for what has none */
    const char *comment;
    struct catalog_column *columns; /* without dropped ones, by number */
    size_t column_count;
    const char **key; /* primary key, else the smallest unique index on NOT NULL plain columns (not
                         partial, not deferrable), in index order */
    size_t key_count; /* 0: none */
    struct catalog_reference *references;
    size_t reference_count;
    const char *shape; /* hex hash of everything that decides what content and xmin mean: oids of
                          table and leaf partitions (with relfilenode left out), columns (number,
                          name, type, typmod, collation, missing value), enum labels and composite
                          attributes recursively, key */
};

struct catalog {
    struct catalog_table *tables;
    size_t count;
};

/* All tables, views, materialized and foreign tables outside system schemas and extensions' own. */
CHECKED enum err_code catalog_read(struct pg *pg, struct arena *arena, struct catalog *ret_catalog,
                                   struct err *err);

#endif
