#include "pipeline/report_many.h"

#include <string.h>

#include "base/text.h"
#include "pg/pg.h"
#include "pipeline/report_sql.h"

static bool take_number(void *arg, size_t column_count, const char *const *names,
                        const struct span *cells)
{
    char text[24] = "";

    (void)column_count, (void)names;
    if (cells[0].data && cells[0].size < sizeof text)
        memcpy(text, cells[0].data, cells[0].size);
    (void)text_to_i64(text, arg);
    return false;
}

enum err_code report_many_most(const struct report_set *set, struct warehouse *warehouse,
                               size_t *ret_count, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    int64_t rows = 0;

    for (size_t i = 0; i < set->row_count; i++)
        buf_addf(&sql, "%s(select count(*) from %s)", i ? " + " : "select ", set->rows[i].name);
    if (sql.size)
        TRY(warehouse_query(warehouse, sql.data, NULL, 0, take_number, &rows, err));
    *ret_count = (size_t)(REPORT_MANY_ROWS / (rows + 1));
    return ERR_OK;
}

bool report_many_takes(const struct report_filters *filters)
{
    for (size_t i = 0; i < REPORT_PARAMETERS; i++)
        if (filters->values[i] && strchr(filters->values[i], '\\'))
            return false; /* the warehouses do not agree on how it is quoted */
    return !filters->values[REPORT_CONVERT];
}

static void add_asked(struct buf *sql, const struct report_state *state,
                      const struct report_filters *filters, size_t place)
{
    buf_addf(sql, "select cast(%zu as integer) as " REPORT_ASKED_PLACE, place);
    for (size_t i = 0; i < REPORT_PARAMETERS; i++) {
        const char *value = filters->values[i];
        if (!value && i == REPORT_TODAY)
            value = state->today;
        buf_add_text(sql, ", cast(");
        if (value)
            pg_literal(sql, value);
        else
            buf_add_text(sql, "null");
        buf_addf(sql, " as %s) as " REPORT_ASKED_PREFIX "%s",
                 report_sql_type((enum report_parameter)i), report_parameters[i].name);
    }
}

enum err_code report_many_prepare(const struct report_set *set, const struct report_state *state,
                                  const struct report_filters *filters, size_t count,
                                  struct warehouse *warehouse, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};

    for (size_t i = 0; i < count; i++) {
        buf_add_text(&sql, i ? "\nunion all " : "");
        add_asked(&sql, state, &filters[i], i);
    }
    TRY(warehouse_prepare(warehouse, REPORT_ASKED, buf_text(&sql), NULL, err));
    for (size_t i = 0; i < set->row_count; i++) {
        buf_clear(&sql);
        report_sql_asked_rows(&set->rows[i], &sql);
        TRY(warehouse_prepare(warehouse, set->rows[i].asked_name, buf_text(&sql),
                              REPORT_ASKED_PLACE, err));
    }
    return ERR_OK;
}

/* Documents as their rows come by: all of one, then all of the next that is wanted. */
struct answering {
    const struct report_many *many;
    report_many_fn *each;
    void *arg;
    size_t at; /* the document that is open */
    struct json_writer json;
    struct buf text;
    struct report_run run;
    bool mismatched;
};

static void open_document(struct answering *answering, size_t from)
{
    const struct report_many *many = answering->many;

    while (from < many->count && !many->wanted[from])
        from++;
    answering->at = from;
    if (from == many->count)
        return;
    buf_clear(&answering->text);
    answering->run = (struct report_run){.unconverted = -1};
    json_begin(&answering->json, &answering->text, false);
    json_object_begin(&answering->json, NULL);
    json_text(&answering->json, "report", many->report->name);
    report_json_head(many->report, many->state, &many->filters[from], &answering->json);
}

static void close_document(struct answering *answering)
{
    const struct report_many *many = answering->many;

    report_json_foot(&many->filters[answering->at], &answering->run, &answering->json);
    json_object_end(&answering->json);
    answering->each(answering->arg, answering->at, &answering->text);
    open_document(answering, answering->at + 1);
}

static bool has_columns(const struct report *report, size_t column_count, const char *const *names)
{
    bool same = column_count == report->column_count + 2;

    for (size_t i = 0; i < report->column_count && same; i++)
        same = text_equal(names[i + 1], report->columns[i].name);
    return same;
}

/* place, the report's columns, position */
static bool take_row(void *arg, size_t column_count, const char *const *names,
                     const struct span *cells)
{
    struct answering *answering = arg;
    const struct report_many *many = answering->many;
    int64_t place = -1;

    answering->mismatched = !has_columns(many->report, column_count, names);
    if (!answering->mismatched)
        (void)take_number(&place, column_count, names, cells);
    while (!answering->mismatched && answering->at < many->count && (int64_t)answering->at < place)
        close_document(answering);
    answering->mismatched = answering->mismatched || (int64_t)answering->at != place;
    if (answering->mismatched)
        return false;
    if (answering->run.rows == many->limit) {
        answering->run.truncated = true;
        return true;
    }
    answering->run.rows++;
    report_json_row(many->report, cells + 1, &answering->json);
    return true;
}

static void add_query(const struct report_many *many, struct buf *sql)
{
    const struct report_many_sql *parts = &many->report->many;
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    const char *joint = "";

    report_sql_render_plain(parts->shared, many->state->first_batch, sql);
    report_sql_render_plain(parts->text, many->state->first_batch, &text);
    buf_addf(sql,
             "select " REPORT_ASKED "." REPORT_ASKED_PLACE ", answer.* from " REPORT_ASKED
             ", lateral (\nselect q.*, row_number() over (%s) as tote_position from (\n%s) q\n%s"
             "\nlimit %u) answer\nwhere " REPORT_ASKED "." REPORT_ASKED_PLACE " in (",
             parts->order, buf_text(&text), parts->order, many->limit + 1);
    for (size_t i = 0; i < many->count; i++) {
        if (!many->wanted[i])
            continue;
        buf_addf(sql, "%s%zu", joint, i);
        joint = ", ";
    }
    buf_add_text(sql, ")\norder by " REPORT_ASKED "." REPORT_ASKED_PLACE ", answer.tote_position");
}

enum err_code report_many_json(const struct report_many *many, struct warehouse *warehouse,
                               report_many_fn *each, void *arg, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    struct answering answering = {.many = many, .each = each, .arg = arg};

    open_document(&answering, 0);
    if (answering.at == many->count) {
        buf_release(&answering.text);
        return ERR_OK;
    }
    add_query(many, &sql);
    enum err_code code = warehouse_query(warehouse, sql.data, NULL, 0, take_row, &answering, err);
    if (!code && answering.mismatched)
        code = err_set(err, ERR_CONFIG, "%s: the columns are not those of its header",
                       many->report->what);
    while (!code && answering.at < many->count)
        close_document(&answering);
    buf_release(&answering.text);
    return code;
}
