/* pipeline/model.h - the models of a folder: what each file says of the table it makes.
 *
 *   models/<model>.sql        a star table: header of directives, one select
 *   models/clean/<table>.sql  what the catalog does not say of a source table: directives only
 *   models/seeds/<name>.csv   a small lookup, seen by models as seed.<name>, every column text
 *
 * A directive is a line `-- word: value` before the first line of SQL; docs/reference/models.md
 * lists them.  Other comment lines are free.  Everything is checked when it is read, so that a
 * batch never begins with a set of models that cannot work: ERR_CONFIG with file, line and hint. */
#ifndef PIPELINE_MODEL_H
#define PIPELINE_MODEL_H

#include "pipeline/model_sql.h"

enum model_kind {
    MODEL_FACT,
    MODEL_DIMENSION,
    MODEL_MIRROR,
    MODEL_CALENDAR
};
enum {
    MODEL_HASH_DIGITS = 12,
    MODEL_NAME_MAX_BYTES = 63 /* of a table or column; PostgreSQL cuts off what is longer */
};

struct model_reference {
    const char **columns;
    const char *table;
    const char **target_columns; /* the target's key when the directive names none */
    size_t count;
    int line;
};

struct model_check {
    const char *condition; /* SQL over the model's columns; false breaks it, null does not */
    int line;
};

struct model_column {
    const char *name;
    const char *text; /* a type or a comment */
    int line;
};

struct model {
    const char *name;
    const char *what; /* "models/dim_design.sql", for messages */
    const char *text; /* the file as it is, without a ';' at its end */
    enum model_kind kind;
    const char **key;
    size_t key_count;
    struct model_reference *references;
    size_t reference_count;
    struct model_check *checks;
    size_t check_count;
    struct model_column *types; /* type of the warehouse where the lake holds text */
    size_t type_count;
    struct model_column *comments;
    size_t comment_count;
    const char *comment;   /* or NULL */
    const char *row_of;    /* source table, or NULL */
    const char *record_id; /* or NULL */
    struct model_input *inputs;
    size_t input_count;
    struct plain_column *plain; /* NULL: not one row for each row of one table */
    size_t plain_count;
    bool is_plain;
    const char
        *hash; /* of its directives and SQL and the seeds it reads: MODEL_HASH_DIGITS digits */
};

/* models/clean/<table>.sql.  Types: DuckDB's names, or "text" for the source's own text. */
struct clean_model {
    const char *table;
    const char *what;
    struct model_column *types;
    size_t type_count;
    const char **trimmed; /* text columns of which blanks at both ends are cut */
    size_t trim_count;
    struct model_check *checks; /* over the clean columns */
    size_t check_count;
    const char *hash;
};

struct seed {
    const char *name;
    const char *path; /* absolute */
    const char *hash;
};

struct model_set {
    struct model
        *models; /* parents before children; calendars and dimensions before facts and mirrors */
    size_t model_count;
    struct clean_model *clean;
    size_t clean_count;
    struct seed *seeds;
    size_t seed_count;
    const char *dir; /* absolute */
};

/* Reads the folder.  ERR_CONFIG, or ERR_NOT_FOUND when there is no such folder. */
CHECKED enum err_code model_set_read(const char *dir, struct arena *arena,
                                     struct model_set **ret_set, struct err *err);
const char *model_kind_name(enum model_kind kind);
const struct model *model_find(const struct model_set *set, const char *name);
const struct clean_model *model_find_clean(const struct model_set *set,
                                           const char *table); /* or NULL */
const struct seed *model_find_seed(const struct model_set *set, const char *name);
bool model_reads(const struct model *model, const char *schema, const char *table); /* NULL: any */
/* NULL when there is none. */
const struct model_column *model_column_find(const struct model_column *columns, size_t count,
                                             const char *name);
/* The table's column that an output column is, when the model is plain; else NULL. */
const char *model_plain_column(const struct model *model, const char *output);

/* One file's text (model_file.c).  `text` must live as long as the arena. */
CHECKED enum err_code model_parse(const char *name, const char *what, const char *text,
                                  struct arena *arena, struct model *ret_model, struct err *err);
CHECKED enum err_code model_parse_clean(const char *table, const char *what, const char *text,
                                        struct arena *arena, struct clean_model *ret_model,
                                        struct err *err);

#endif
