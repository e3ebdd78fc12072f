/* pipeline/report_sql.h - puts the SQL of a report together: the sets that it uses in front,
 * `:name` replaced by $n.  Included by the report modules only. */
#ifndef PIPELINE_REPORT_SQL_H
#define PIPELINE_REPORT_SQL_H

#include "pipeline/report.h"

enum {
    REPORT_USES_MAX = 8,
    REPORT_SETS_MAX = 64
};

struct report_source {
    const char *name;
    const char *what;
    const char *text; /* without comments and the ';' at the end */
    const char *uses[REPORT_USES_MAX];
    size_t use_count;
    const char
        *filter_columns[REPORT_PARAMETERS]; /* a set: the column that a filter compares, or NULL */
    const char *needs;                      /* a set: a table of the warehouse, or NULL */
    const struct report_source *otherwise;  /* a set: what stands in without it */
};

struct report_sources {
    struct report_source sets[REPORT_SETS_MAX];
    size_t count;
};

/* The text without comments and without white space and ';' at its ends.  ERR_CONFIG for a literal
 * without an end. */
CHECKED enum err_code report_sql_strip(const char *what, const char *text, struct arena *arena,
                                       const char **ret_text, struct err *err);
/* How sets are put in front of a report. */
enum report_sql_form {
    REPORT_SQL_BARE, /* converts nothing: substitutes of the sets that need a table for that */
    REPORT_SQL_WHOLE,
    REPORT_SQL_PREPARED, /* the rows of sets with filters stand in temporary tables, unconverted */
    REPORT_SQL_FORMS,
    REPORT_SQL_MANY, /* asked at once for every row of REPORT_ASKED (report_many.h) */
};
/* ERR_CONFIG for a set or a filter that there is not. */
CHECKED enum err_code report_sql_assemble(const struct report_sources *sources,
                                          const struct report_source *report,
                                          enum report_sql_form form, struct arena *arena,
                                          struct report_sql *ret_sql, struct err *err);
/* The rows of one set, for report_sql_render() without values: what its temporary table is made of.
 */
CHECKED enum err_code report_sql_rows(const struct report_sources *sources,
                                      const struct report_source *set, struct arena *arena,
                                      struct report_sql *ret_sql, struct err *err);
/* For report_many.h: the rows of a set that each row of REPORT_ASKED lets through. */
void report_sql_asked_rows(const struct report_rows *rows, struct buf *ret_sql);
/* Leaves it empty for a report that is not ordered at its end. */
CHECKED enum err_code report_sql_many(const struct report_sources *sources,
                                      const struct report_source *report, struct arena *arena,
                                      struct report_many_sql *ret_sql, struct err *err);
/* Appends the statement for these values: what nobody asks for is null in the text itself, and
 * :first_batch its number, so that planners see which conditions and joins they can leave out and
 * how few later versions are.  The rest become parameters, whose number is returned, with what they
 * are bound to in `ret_params`. */
size_t report_sql_render(const struct report_sql *sql, const char *const values[REPORT_PARAMETERS],
                         int64_t first_batch, struct buf *ret_text,
                         const char *ret_params[REPORT_PARAMETERS]);
/* The same for a text that takes no values. */
void report_sql_render_plain(const char *text, int64_t first_batch, struct buf *ret_text);
/* What a filter's value is to SQL. */
const char *report_sql_type(enum report_parameter parameter);
bool report_sql_has_filters(const struct report_source *set);

#endif
