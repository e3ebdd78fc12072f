/* pipeline/report.h - the reports of a models folder: questions asked of the warehouse.
 *
 *   models/report/<name>.sql       a report: header of directives, one select
 *   models/report/sets/<name>.sql  rows that reports share, with their filters: `uses: <name>`
 *   models/report/choices/<filter>.sql  the values that a filter can take; dates.sql: first and
 * last day; first_batch.sql: :first_batch
 *
 * `:name` in the SQL is a filter (report_parameters); it is bound as a parameter, null where the
 * reader gave none, and never becomes text of the statement; `:first_batch` is a number.  A
 * report's own SQL is put behind the sets that it uses, as common table expressions.  A set that
 * `needs` a table which the warehouse does not have is replaced by <name>_none.sql.
 * docs/reference/reports.md says how to write one; the documents are those of
 * docs/reference/http-api.md. */
#ifndef PIPELINE_REPORT_H
#define PIPELINE_REPORT_H

#include "base/json_write.h"
#include "warehouse/warehouse.h"

enum report_parameter {
    REPORT_FROM,
    REPORT_TO,
    REPORT_CURRENCY,
    REPORT_COUNTRY,
    REPORT_CITY,
    REPORT_DEPARTMENT,
    REPORT_STAFF,
    REPORT_DESIGN,
    REPORT_COUNTERPARTY,
    REPORT_MONTH,
    REPORT_WEEKDAY,
    REPORT_DIRECTION,
    REPORT_PAID,
    REPORT_KEY,
    REPORT_CONVERT,
    REPORT_TODAY,
    REPORT_PARAMETERS
};

struct report_parameter_info {
    const char *name;
    const char *placeholder; /* of its value in help: "DATE" */
    const char *doc;
};
extern const struct report_parameter_info report_parameters[REPORT_PARAMETERS];

enum {
    REPORT_ROWS = 1000, /* when nothing else is asked for */
    REPORT_ROWS_MAX = 10000,
    REPORT_VALUE_MAX = 400, /* bytes of a filter's value */
    REPORT_COLUMNS_MAX = 32,
    REPORT_DRILLS_MAX = 8,
};
/* What a set's rows are called before they are filtered. */
#define REPORT_ROWS_PREFIX "tote_rows_of_"
/* Where many filters are asked at once (report_many.h): their table, and a set's rows by them. */
#define REPORT_ASKED             "tote_asked"
#define REPORT_ASKED_PLACE       "tote_place"
#define REPORT_ASKED_PREFIX      "tote_" /* of a filter: no column of a report's is called so */
#define REPORT_ASKED_ROWS_PREFIX "tote_asked_rows_of_"

enum report_kind {
    REPORT_KIND_MONEY,
    REPORT_KIND_NUMBER,
    REPORT_KIND_COUNT,
    REPORT_KIND_KEY,
    REPORT_KIND_LABEL,
    REPORT_KIND_TEXT,
    REPORT_KIND_CURRENCY,
    REPORT_KIND_DATE,
    REPORT_KIND_INSTANT,
    REPORT_KIND_MONTH,
    REPORT_KIND_WEEKDAY,
    REPORT_KIND_FLAG,
    REPORT_KIND_PERCENT,
    REPORT_KINDS
};
const char *report_kind_name(enum report_kind kind);

struct report_column {
    const char *name;
    enum report_kind kind;
    const char *currency; /* of money: the column that names it */
    const char *title;
};

struct report_drill {
    const char *report; /* NULL: there is none */
    const char *filters[REPORT_DRILLS_MAX];
    const char *columns[REPORT_DRILLS_MAX]; /* the row's value of it, or */
    const char *values[REPORT_DRILLS_MAX];  /* a value that is always the same */
    size_t count;
};

/* One assembled statement. */
struct report_sql {
    const char *text;                                /* with $1, $2 … */
    enum report_parameter params[REPORT_PARAMETERS]; /* what $1, $2 … are */
    size_t param_count;
};

/* A report under many filters at once (report_many.h). */
struct report_many_sql {
    const char *shared; /* "with ..." of the sets that filters do not touch, or "" */
    const char *text;   /* without its order; NULL: it cannot be asked so */
    const char *order;
};

struct report {
    const char *name;
    const char *what; /* "models/report/x.sql", for messages */
    const char *title;
    const char *question;
    const char *group;
    int64_t place; /* within the group */
    const char *chart;
    const char *chart_x, *chart_y, *chart_by; /* or NULL */
    struct report_column columns[REPORT_COLUMNS_MAX];
    size_t column_count;
    struct report_drill drill;
    bool in_bundle;
    bool takes[REPORT_PARAMETERS];
    struct report_sql sql[3]; /* by enum report_sql_form (report_sql.h) */
    struct report_many_sql many;
    struct report_sql unconverted; /* counts the rows that have no rate; text NULL: no money */
};

struct report_set {
    struct report *reports; /* in the order in which a page shows them */
    size_t count;
    const char *digest; /* of all files, in hex */
    const char *needs;  /* the table that a set needs, or NULL */
    /* What a reader can choose from: one column of texts; NULL where there is no such file. */
    const char *choices[REPORT_PARAMETERS];
    const char *dates;       /* first and last day, or NULL */
    const char *first_batch; /* that of the oldest versions, or NULL */
    struct report_rows {
        const char *name; /* of the temporary table */
        struct report_sql sql;
        const char *asked_name;            /* report_many.h */
        const char *const *filter_columns; /* by parameter, or NULL */
    } * rows;                              /* of the sets with filters */
    size_t row_count;
};

/* Reads the folder below `models_dir`; no such folder: no reports.  ERR_CONFIG with file and line.
 */
CHECKED enum err_code report_set_read(const char *models_dir, struct arena *arena,
                                      struct report_set **ret_set, struct err *err);
/* ERR_NOT_FOUND with the closest name as the hint. */
CHECKED enum err_code report_find(const struct report_set *set, const char *name,
                                  const struct report **ret_report, struct err *err);

/* What the reader asked for.  values: NULL where nothing was given. */
struct report_filters {
    const char *values[REPORT_PARAMETERS];
    unsigned limit;
};
/* Begins without filters. */
struct report_filters report_filters_none(void);
/* Takes `name=value`, "limit" included; an empty value is none.  ERR_USAGE for an unknown name, a
 * value that is not what the filter takes, or one given twice.  `value` must outlive the filters.
 */
CHECKED enum err_code report_filters_set(struct report_filters *filters, const char *name,
                                         const char *value, struct err *err);
/* The same number of days, just before; both days are given.  The texts live in the arena. */
CHECKED enum err_code report_filters_move_back(struct report_filters *filters, struct arena *arena,
                                               struct err *err);
/* The filters that the report takes, sorted by name and percent-encoded: "currency=EUR&from=…";
 * with the limit when it is another than REPORT_ROWS. */
void report_filters_key(const struct report *report, const struct report_filters *filters,
                        struct buf *ret_key);

/* What the warehouse holds, asked before reports so that each answer can say it. */
struct report_state {
    uint64_t batch; /* 0: nothing is loaded */
    const char *generation;
    const char *lake;
    int64_t captured_us;
    bool has_rates;      /* the table that sets need is there */
    const char *today;   /* day of the snapshot */
    int64_t first_batch; /* versions of it supersede no others */
    bool prepared;       /* report_prepare() was called on this connection */
};
CHECKED enum err_code report_state_read(const struct report_set *set, struct warehouse *warehouse,
                                        struct arena *arena, struct report_state *ret_state,
                                        struct err *err);
/* The same for who read it before: its first batch, for which facts without index are looked
 * through, is asked for again only where another batch is loaded. */
CHECKED enum err_code report_state_read_again(const struct report_set *set,
                                              struct warehouse *warehouse, struct arena *arena,
                                              uint64_t known_version, int64_t known_first_batch,
                                              struct report_state *ret_state, struct err *err);
/* Another number for another content of the warehouse; never 0. */
uint64_t report_state_version(const struct report_state *state);

/* Puts the rows of the sets into temporary tables of this connection: for those who are about to
 * ask many reports.  Sets state->prepared. */
CHECKED enum err_code report_prepare(const struct report_set *set, struct warehouse *warehouse,
                                     struct report_state *state, struct err *err);

struct report_run {
    uint64_t rows;
    bool truncated;
    int64_t unconverted; /* -1: nothing was to be converted */
};
/* Gives at most filters->limit rows to `each`, as the warehouse writes them.  ERR_USAGE when a
 * filter that the report needs is missing or money cannot be converted. */
CHECKED enum err_code report_run(const struct report *report, const struct report_state *state,
                                 const struct report_filters *filters, struct warehouse *warehouse,
                                 warehouse_row_fn *each, void *arg, struct report_run *ret_run,
                                 struct err *err);

/* --- documents (report_json.c) --- */

void report_catalogue_json(const struct report_set *set, struct buf *ret_text);
/* The whole document of one report, run now; without "stale", which the caller knows: it is left
 * open, and the caller adds members and ends the object. */
CHECKED enum err_code report_json(const struct report *report, const struct report_state *state,
                                  const struct report_filters *filters, struct warehouse *warehouse,
                                  struct json_writer *json, struct err *err);
/* Its members without rows: before them, in an open object, and after them. */
void report_json_head(const struct report *report, const struct report_state *state,
                      const struct report_filters *filters, struct json_writer *json);
void report_json_foot(const struct report_filters *filters, const struct report_run *run,
                      struct json_writer *json);
void report_json_row(const struct report *report, const struct span *cells,
                     struct json_writer *json);
/* The members of that document which do not change while the rows do not, into an open object: for
 * documents whose names are made of their content. */
CHECKED enum err_code report_json_members(const struct report *report,
                                          const struct report_state *state,
                                          const struct report_filters *filters,
                                          struct warehouse *warehouse, struct json_writer *json,
                                          struct err *err);
/* A cell as JSON, by the kind of its column. */
void report_json_cell(struct json_writer *json, enum report_kind kind, const struct span *cell);

/* --- what can be chosen (report_choices.c) --- */

/* docs/reference/http-api.md, api/filters. */
enum {
    REPORT_CHOICES_MAX = 5000,
    REPORT_PERIODS_MAX = 8
};
struct report_period {
    const char *name;
    const char *from, *to;
};
/* The period of a page that is asked for nothing: web/src/filters.js says the same. */
#define REPORT_PERIOD_FIRST "last 12 months"
struct report_choices {
    const char **values[REPORT_PARAMETERS]; /* sorted */
    size_t counts[REPORT_PARAMETERS];
    const char *first_day, *last_day; /* NULL: no orders */
    struct report_period periods[REPORT_PERIODS_MAX];
    size_t period_count;
};
CHECKED enum err_code report_choices_read(const struct report_set *set,
                                          const struct report_state *state,
                                          struct warehouse *warehouse, struct arena *arena,
                                          struct report_choices **ret_choices, struct err *err);
void report_choices_json(const struct report_choices *choices, const struct report_state *state,
                         struct buf *ret_text);

/* docs/reference/reports.md */
void report_print_markdown(const struct report_set *set, struct buf *out);

#endif
