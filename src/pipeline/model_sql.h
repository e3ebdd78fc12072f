/* pipeline/model_sql.h - the text of a model, looked at as tokens: which tables it reads, which
 * output columns are plain columns, and whether it keeps to the portable subset.
 *
 * The subset is what DuckDB, Trino and Spark read alike and answer alike (DESIGN.md, section 4). It
 * is not a parser: DuckDB judges the grammar, this judges words. */
#ifndef PIPELINE_MODEL_SQL_H
#define PIPELINE_MODEL_SQL_H

#include "base/mem.h"

enum sql_token_kind {
    SQL_END,
    SQL_WORD,
    SQL_QUOTED,
    SQL_STRING,
    SQL_NUMBER,
    SQL_SYMBOL
};

struct sql_token {
    enum sql_token_kind kind;
    const char *text; /* words in lower case, quoted names and strings without their quotes */
    int line;         /* from 1 */
    size_t start;     /* where it begins in the text */
};

struct sql_tokens {
    const char *what;         /* names the file in errors: "models/dim_design.sql" */
    struct sql_token *tokens; /* ends with SQL_END */
    size_t count;             /* without the end */
};

/* Comments are dropped.  ERR_CONFIG with file and line for a literal or comment without an end. */
CHECKED enum err_code model_sql_read(const char *what, const char *text, struct arena *arena,
                                     struct sql_tokens *ret_tokens, struct err *err);
/* ERR_CONFIG with file, line and what to write instead. */
CHECKED enum err_code model_sql_check(const struct sql_tokens *tokens, struct err *err);

/* A table that the model reads: changes.t, source.t, history.t or seed.t. */
struct model_input {
    const char *schema;
    const char *table;
    int line;
};
void model_sql_inputs(const struct sql_tokens *tokens, struct arena *arena,
                      struct model_input **ret_inputs, size_t *ret_count);

/* An output column that is a column of the table as it is. */
struct plain_column {
    const char *output;
    const char *column;
};
/* What is known of a model of the form `select … from schema.t [alias] [where …]`, one row for each
 * row of t: false for every other form. */
bool model_sql_plain(const struct sql_tokens *tokens, struct arena *arena,
                     struct plain_column **ret_columns, size_t *ret_count);

#endif
