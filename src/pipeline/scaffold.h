/* pipeline/scaffold.h - a working project for a database that nobody has described yet: tote.yaml,
 * .env, .gitignore and a model of kind mirror for each table, so that the warehouse gets one
 * current table for each table of the source.
 *
 * Files that are there are kept unless `force` is set; .env, which may hold other things too, only
 * gets the variables that it lacks. */
#ifndef PIPELINE_SCAFFOLD_H
#define PIPELINE_SCAFFOLD_H

#include "pipeline/source_tables.h"

struct scaffold_options {
    const char *source_url;    /* holds a secret */
    const char *warehouse_url; /* NULL: duckdb:./warehouse.duckdb */
    const char *directory;     /* absolute; made when it is not there */
    bool force;
};

struct scaffold_file {
    const char *path; /* below the directory */
    bool kept;        /* it was there */
};

struct scaffold {
    struct scaffold_file *files;
    size_t file_count;
    size_t table_count;
    const char **excluded; /* tables that the role cannot read, NULL-terminated */
    const char **keyless;  /* tables without a key, NULL-terminated */
    const char *database;
};

CHECKED enum err_code scaffold_write(const struct scaffold_options *options, struct arena *arena,
                                     struct scaffold *ret_scaffold, struct err *err);

/* Appends the model that mirrors a table. */
void scaffold_model(const struct record_table *table, const struct source_plan *plan,
                    struct buf *out);
/* Appends a name as SQL and directives take it: bare where that is safe, else in double quotes. */
void scaffold_name(struct buf *out, const char *name);

#endif
