/* Reports asked of a warehouse. */
#include "base/clock.h"
#include "base/text.h"
#include "pipeline/report_sql.h"
#include "sql.h"

struct state_row {
    struct arena *arena;
    struct report_state *state;
    struct err *err;
    enum err_code code;
};

static bool is_true(const struct span *cell)
{
    return cell->data && cell->size && *cell->data == 't';
}

static bool take_state(void *arg, size_t column_count, const char *const *names,
                       const struct span *cells)
{
    struct state_row *row = arg;
    struct report_state *state = row->state;
    const char *texts[5];

    (void)column_count, (void)names;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        texts[i] = arena_strndup(row->arena, cells[i].data ? cells[i].data : "", cells[i].size);
    (void)text_to_u64(texts[0], &state->batch);
    state->generation = texts[1];
    state->lake = texts[2];
    row->code = clock_parse(texts[3], &state->captured_us, row->err);
    state->today = texts[4];
    state->has_rates = is_true(&cells[5]);
    return false;
}

static bool take_count(void *arg, size_t column_count, const char *const *names,
                       const struct span *cells)
{
    char text[24] = "0";

    (void)column_count, (void)names;
    if (cells[0].data && cells[0].size < sizeof text) {
        memcpy(text, cells[0].data, cells[0].size);
        text[cells[0].size] = '\0';
    }
    (void)text_to_i64(text, arg);
    return false;
}

/* FNV-1a over what names it. */
uint64_t report_state_version(const struct report_state *state)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ state->batch;
    const char *const parts[] = {state->lake, state->generation};

    for (size_t i = 0; i < COUNT_OF(parts); i++)
        for (const char *at = parts[i]; *at; at++)
            hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    hash = (hash ^ state->batch) * UINT64_C(1099511628211);
    return hash ? hash : 1;
}

enum err_code report_state_read(const struct report_set *set, struct warehouse *warehouse,
                                struct arena *arena, struct report_state *ret_state,
                                struct err *err)
{
    return report_state_read_again(set, warehouse, arena, 0, 0, ret_state, err);
}

enum err_code report_state_read_again(const struct report_set *set, struct warehouse *warehouse,
                                      struct arena *arena, uint64_t known_version,
                                      int64_t known_first_batch, struct report_state *ret_state,
                                      struct err *err)
{
    struct report_state state = {.generation = "", .lake = "", .today = NULL};
    const char *params[] = {set->needs ? set->needs : ""};
    struct state_row row = {.arena = arena, .state = &state, .err = err};
    int64_t ledgers = 0;

    TRY(warehouse_query(warehouse, sql_report_ledger, NULL, 0, take_count, &ledgers, err));
    if (ledgers)
        TRY(warehouse_query(warehouse, sql_report_state, params, 1, take_state, &row, err));
    TRY(row.code);
    if (state.batch && report_state_version(&state) == known_version)
        state.first_batch = known_first_batch;
    else if (state.batch && set->first_batch)
        TRY(warehouse_query(warehouse, set->first_batch, NULL, 0, take_count, &state.first_batch,
                            err));
    *ret_state = state;
    return ERR_OK;
}

enum err_code report_prepare(const struct report_set *set, struct warehouse *warehouse,
                             struct report_state *state, struct err *err)
{
    const char *const nothing[REPORT_PARAMETERS] = {0};
    const char *params[REPORT_PARAMETERS];

    for (size_t i = 0; i < set->row_count; i++) {
        CLEANUP_IN_PLACE(buf_release) struct buf select = {0};
        (void)report_sql_render(&set->rows[i].sql, nothing, state->first_batch, &select, params);
        TRY(warehouse_prepare(warehouse, set->rows[i].name, buf_text(&select), NULL, err));
    }
    state->prepared = true;
    return ERR_OK;
}

struct limited {
    warehouse_row_fn *each;
    void *arg;
    const struct report *report;
    uint64_t limit;
    uint64_t rows;
    bool truncated;
    bool mismatched; /* the select's columns are not those declared */
};

static bool hand_on(void *arg, size_t column_count, const char *const *names,
                    const struct span *cells)
{
    struct limited *limited = arg;

    limited->mismatched = column_count != limited->report->column_count;
    for (size_t i = 0; i < column_count && !limited->mismatched; i++)
        limited->mismatched = !text_equal(names[i], limited->report->columns[i].name);
    if (limited->mismatched)
        return false;
    if (limited->rows == limited->limit) {
        limited->truncated = true;
        return false;
    }
    limited->rows++;
    return limited->each(limited->arg, column_count, names, cells);
}

/* One statement with its parameters, for what was asked. */
struct asked {
    struct buf text;
    const char *params[REPORT_PARAMETERS];
    size_t count;
};

static void asked_release(struct asked *asked)
{
    buf_release(&asked->text);
}

static void render(const struct report_sql *sql, const struct report_filters *filters,
                   const struct report_state *state, struct asked *ret_asked)
{
    const char *values[REPORT_PARAMETERS];

    memcpy(values, filters->values, sizeof values);
    if (!values[REPORT_TODAY])
        values[REPORT_TODAY] = state->today;
    ret_asked->count =
        report_sql_render(sql, values, state->first_batch, &ret_asked->text, ret_asked->params);
}

static enum err_code check(const struct report *report, const struct report_state *state,
                           const struct report_filters *filters, struct err *err)
{
    if (report->takes[REPORT_KEY] && !filters->values[REPORT_KEY])
        return err_set(err, ERR_USAGE, "report '%s' needs the filter 'key'", report->name);
    if (filters->values[REPORT_CONVERT] && !state->has_rates) {
        err_set(err, ERR_USAGE, "money cannot be converted: the warehouse has no table of rates");
        return err_hint(err, "docs/reference/reports.md says what it looks like");
    }
    if (!state->batch) {
        err_set(err, ERR_UNAVAILABLE, "the warehouse is empty");
        return err_hint(err, "`tote run` fills it");
    }
    return ERR_OK;
}

enum err_code report_run(const struct report *report, const struct report_state *state,
                         const struct report_filters *filters, struct warehouse *warehouse,
                         warehouse_row_fn *each, void *arg, struct report_run *ret_run,
                         struct err *err)
{
    bool converts = filters->values[REPORT_CONVERT] != NULL;
    const struct report_sql *sql = &report->sql[converts          ? REPORT_SQL_WHOLE
                                                : state->prepared ? REPORT_SQL_PREPARED
                                                                  : REPORT_SQL_BARE];
    CLEANUP_IN_PLACE(asked_release) struct asked asked = {0}, counted = {0};
    struct limited limited = {.each = each, .arg = arg, .report = report, .limit = filters->limit};
    struct report_run run = {.unconverted = -1};

    TRY(check(report, state, filters, err));
    render(sql, filters, state, &asked);
    buf_addf(&asked.text, "\nlimit %u", filters->limit + 1);
    if (warehouse_query(warehouse, buf_text(&asked.text), asked.params, asked.count, hand_on,
                        &limited, err))
        return err_wrap(err, "report '%s'", report->name);
    if (limited.mismatched) {
        err_set(err, ERR_CONFIG, "%s: the columns of the select are not those of its header",
                report->what);
        return err_hint(err, "one '-- column:' for each, in the same order");
    }
    if (converts && report->unconverted.text) {
        render(&report->unconverted, filters, state, &counted);
        TRY(warehouse_query(warehouse, buf_text(&counted.text), counted.params, counted.count,
                            take_count, &run.unconverted, err));
    }
    run.rows = limited.rows;
    run.truncated = limited.truncated;
    *ret_run = run;
    return ERR_OK;
}
