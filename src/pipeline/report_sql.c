#include "pipeline/report_sql.h"

#include <ctype.h>
#include <inttypes.h>

#include "base/text.h"

/* Bytes of the literal, quoted name or comment that `at` begins with; 0: none begins here;
 * SIZE_MAX: it has no end. */
static size_t opaque_size(const char *at)
{
    if (text_starts(at, "--"))
        return strcspn(at, "\n");
    if (*at != '\'' && *at != '"')
        return 0;
    for (size_t i = 1; at[i]; i++) {
        if (at[i] != *at)
            continue;
        if (at[i + 1] != *at)
            return i + 1;
        i++;
    }
    return SIZE_MAX;
}

enum err_code report_sql_strip(const char *what, const char *text, struct arena *arena,
                               const char **ret_text, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};

    for (const char *at = text; *at;) {
        size_t size = opaque_size(at);
        if (size == SIZE_MAX)
            return err_set(err, ERR_CONFIG, "%s: a literal or quoted name has no end", what);
        if (size && *at != '-')
            buf_add(&out, at, size);
        else if (!size)
            buf_add_char(&out, *at);
        at += size ? size : 1;
    }
    const char *start = buf_text(&out);
    size_t end = out.size;
    while (end > 0 && (isspace((unsigned char)start[end - 1]) || start[end - 1] == ';'))
        end--;
    while (end > 0 && isspace((unsigned char)*start))
        start++, end--;
    if (!end)
        return err_set(err, ERR_CONFIG, "%s: there is no select", what);
    *ret_text = arena_strndup(arena, start, end);
    return ERR_OK;
}

static const struct report_source *find_set(const struct report_sources *sources, const char *name)
{
    for (size_t i = 0; i < sources->count; i++)
        if (text_equal(sources->sets[i].name, name))
            return &sources->sets[i];
    return NULL;
}

static size_t parameter_index(const char *name, size_t size)
{
    for (size_t i = 0; i < REPORT_PARAMETERS; i++)
        if (strlen(report_parameters[i].name) == size &&
            memcmp(report_parameters[i].name, name, size) == 0)
            return i;
    return REPORT_PARAMETERS;
}

/* Known only when the warehouse is open: stays in the text until it is rendered. */
static size_t first_batch_size(const char *at)
{
    static const char name[] = ":first_batch";
    size_t size = sizeof name - 1;

    return text_starts(at, name) && !islower((unsigned char)at[size]) && at[size] != '_' ? size : 0;
}

/* Whether the answer depends on what is asked. */
static bool has_parameters(const char *text)
{
    for (const char *at = strchr(text, ':'); at; at = strchr(at + 1, ':'))
        if (!first_batch_size(at))
            return true;
    return false;
}

static size_t place_of(struct report_sql *sql, enum report_parameter parameter)
{
    for (size_t i = 0; i < sql->param_count; i++)
        if (sql->params[i] == parameter)
            return i + 1;
    sql->params[sql->param_count++] = parameter;
    return sql->param_count;
}

/* $n, or where many are asked at once, the column of their table. */
static void add_parameter(enum report_parameter parameter, enum report_sql_form form,
                          struct report_sql *sql, struct buf *out)
{
    if (form == REPORT_SQL_MANY)
        buf_addf(out, REPORT_ASKED "." REPORT_ASKED_PREFIX "%s", report_parameters[parameter].name);
    else
        buf_addf(out, "$%zu", place_of(sql, parameter));
}

/* Appends the text with its `:name` replaced. */
static enum err_code add_text(const struct report_source *source, enum report_sql_form form,
                              struct report_sql *sql, struct buf *out, struct err *err)
{
    for (const char *at = source->text; *at;) {
        size_t size = opaque_size(at);
        bool placeholder = *at == ':' && islower((unsigned char)at[1]) &&
                           (at == source->text || at[-1] != ':') && !first_batch_size(at);
        if (placeholder) {
            size = 1 + strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_");
            size_t index = parameter_index(at + 1, size - 1);
            if (index == REPORT_PARAMETERS)
                return err_set(err, ERR_CONFIG, "%s: there is no filter '%.*s'", source->what,
                               (int)size, at);
            add_parameter((enum report_parameter)index, form, sql, out);
        } else if (*at == '$' && isdigit((unsigned char)at[1])) {
            /* report_sql_render() would take it for one of ours */
            return err_set(err, ERR_CONFIG, "%s: '%.2s' stands for no filter: write its :name",
                           source->what, at);
        } else {
            size = size ? size : 1;
            buf_add(out, at, size);
        }
        at += size;
    }
    return ERR_OK;
}

/* The sets that a report needs, those that others use first. */
struct needed_sets {
    const struct report_source *sets[REPORT_SETS_MAX];
    size_t count;
};

static bool has_set(const struct needed_sets *needed, const char *name)
{
    for (size_t i = 0; i < needed->count; i++)
        if (text_equal(needed->sets[i]->name, name))
            return true;
    return false;
}

/* Adds the sets that `source` uses whose own are there already; *ret_missing: some were not. */
static enum err_code add_ready(const struct report_sources *sources,
                               const struct report_source *source, struct needed_sets *needed,
                               bool *ret_missing, struct err *err)
{
    for (size_t i = 0; i < source->use_count; i++) {
        const struct report_source *set = find_set(sources, source->uses[i]);
        if (!set)
            return err_set(err, ERR_CONFIG, "%s: there is no set '%s' in models/report/sets",
                           source->what, source->uses[i]);
        if (has_set(needed, set->name))
            continue;
        bool ready = true;
        for (size_t j = 0; j < set->use_count; j++)
            ready = ready && has_set(needed, set->uses[j]);
        if (ready)
            needed->sets[needed->count++] = set;
        else
            *ret_missing = true;
    }
    return ERR_OK;
}

static bool uses(const struct report_source *source, const char *name)
{
    for (size_t i = 0; i < source->use_count; i++)
        if (text_equal(source->uses[i], name))
            return true;
    return false;
}

static enum err_code order_sets(const struct report_sources *sources,
                                const struct report_source *report, struct needed_sets *needed,
                                struct err *err)
{
    for (size_t round = 0; round <= REPORT_SETS_MAX; round++) {
        bool missing = false;
        TRY(add_ready(sources, report, needed, &missing, err));
        if (!missing)
            return ERR_OK;
        for (size_t i = 0; i < report->use_count; i++) {
            const struct report_source *set = find_set(sources, report->uses[i]);
            TRY(add_ready(sources, set, needed, &missing, err));
        }
    }
    err_set(err, ERR_CONFIG, "%s: its sets use each other in a circle or too deeply", report->what);
    return err_hint(err, "a set may use sets that use none themselves");
}

bool report_sql_has_filters(const struct report_source *set)
{
    for (size_t i = 0; i < REPORT_PARAMETERS; i++)
        if (set->filter_columns[i])
            return true;
    return false;
}

const char *report_sql_type(enum report_parameter parameter)
{
    static const char *const types[REPORT_PARAMETERS] = {
        [REPORT_FROM] = "date",
        [REPORT_TO] = "date",
        [REPORT_MONTH] = "date",
        [REPORT_WEEKDAY] = "integer",
    };

    return types[parameter] ? types[parameter] : "varchar";
}

static const char *sign_of(enum report_parameter parameter)
{
    return parameter == REPORT_FROM ? ">=" : parameter == REPORT_TO ? "<=" : "=";
}

/* How a filter compares: null lets every row through. */
static void add_condition(const struct report_source *set, enum report_parameter parameter,
                          struct report_sql *sql, struct buf *out)
{
    const char *type = report_sql_type(parameter);
    size_t place = place_of(sql, parameter);

    buf_addf(out, "(cast($%zu as %s) is null or %s %s cast($%zu as %s))", place, type,
             set->filter_columns[parameter], sign_of(parameter), place, type);
}

static void add_filtered(const struct report_source *set, enum report_sql_form form,
                         struct report_sql *sql, struct buf *out)
{
    if (form == REPORT_SQL_MANY) {
        buf_addf(out,
                 "%s as not materialized (select * from " REPORT_ASKED_ROWS_PREFIX
                 "%s rows where rows." REPORT_ASKED_PLACE " = " REPORT_ASKED "." REPORT_ASKED_PLACE
                 ")\n",
                 set->name, set->name);
        return;
    }
    buf_addf(out, "%s as not materialized (select * from " REPORT_ROWS_PREFIX "%s ", set->name,
             set->name);
    const char *joint = "where ";
    for (size_t i = 0; i < REPORT_PARAMETERS; i++) {
        if (!set->filter_columns[i])
            continue;
        buf_add_text(out, joint);
        add_condition(set, (enum report_parameter)i, sql, out);
        joint = "\n and ";
    }
    buf_add_text(out, ")\n");
}

static bool is_prepared(enum report_sql_form form)
{
    return form == REPORT_SQL_PREPARED || form == REPORT_SQL_MANY;
}

/* Made of other sets, and the same whatever is asked: of many at once it is made once. */
static bool is_made_once(const struct report_sources *sources, const struct report_source *set)
{
    bool once = set->use_count && !report_sql_has_filters(set) && !has_parameters(set->text);

    for (size_t i = 0; i < set->use_count && once; i++) {
        const struct report_source *used = find_set(sources, set->uses[i]);
        once = used && !report_sql_has_filters(used) && !has_parameters(used->text);
    }
    return once;
}

/* What only the rows of a prepared set are made of is not asked for again. */
static bool is_asked(const struct needed_sets *needed, const struct report_source *report,
                     const struct report_source *set, enum report_sql_form form)
{
    bool asked = !is_prepared(form) || uses(report, set->name);

    for (size_t i = 0; i < needed->count && !asked; i++) {
        const struct report_source *user = needed->sets[i];
        asked = !report_sql_has_filters(user) && uses(report, user->name) && uses(user, set->name);
    }
    return asked;
}

/* One set as common table expressions: its rows, and those that the filters let through. */
static enum err_code add_set(const struct report_source *set, enum report_sql_form form,
                             struct report_sql *sql, struct buf *out, struct err *err)
{
    bool filtered = report_sql_has_filters(set);
    const struct report_source *text =
        form == REPORT_SQL_BARE && set->otherwise ? set->otherwise : set;

    if (!filtered || !is_prepared(form)) {
        /* A reader looks at a few columns and rows of a set: it must not be computed whole. */
        buf_addf(out, "%s%s as not materialized (\n", filtered ? REPORT_ROWS_PREFIX : "",
                 set->name);
        TRY(add_text(text, form, sql, out, err));
        buf_add_text(out, filtered ? "), " : ")\n");
    }
    if (filtered)
        add_filtered(set, form, sql, out);
    return ERR_OK;
}

enum err_code report_sql_assemble(const struct report_sources *sources,
                                  const struct report_source *report, enum report_sql_form form,
                                  struct arena *arena, struct report_sql *ret_sql, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    struct needed_sets needed = {0};
    struct report_sql sql = {0};

    TRY(order_sets(sources, report, &needed, err));
    for (size_t i = 0; i < needed.count; i++) {
        if (!is_asked(&needed, report, needed.sets[i], form) ||
            (form == REPORT_SQL_MANY && is_made_once(sources, needed.sets[i])))
            continue;
        buf_add_text(&out, out.size ? ", " : "with ");
        TRY(add_set(needed.sets[i], form, &sql, &out, err));
    }
    TRY(add_text(report, form, &sql, &out, err));
    sql.text = arena_strdup(arena, buf_text(&out));
    *ret_sql = sql;
    return ERR_OK;
}

size_t report_sql_render(const struct report_sql *sql, const char *const values[REPORT_PARAMETERS],
                         int64_t first_batch, struct buf *ret_text,
                         const char *ret_params[REPORT_PARAMETERS])
{
    size_t places[REPORT_PARAMETERS] = {0}; /* by that of the text; 0: null */
    size_t count = 0;

    for (size_t i = 0; i < sql->param_count; i++) {
        if (!values[sql->params[i]])
            continue;
        ret_params[count] = values[sql->params[i]];
        places[i] = ++count;
    }
    for (const char *at = sql->text; *at;) {
        size_t size = opaque_size(at), digits = *at == '$' ? strspn(at + 1, "0123456789") : 0;
        size_t place = digits ? places[strtoul(at + 1, NULL, 10) - 1] : 0;
        if (place)
            buf_addf(ret_text, "$%zu", place);
        else if (digits)
            buf_add_text(ret_text, "null");
        else if (first_batch_size(at))
            buf_addf(ret_text, "%" PRId64, first_batch);
        else
            buf_add(ret_text, at, size ? size : 1);
        size = digits ? 1 + digits : first_batch_size(at) ? first_batch_size(at) : size;
        at += size ? size : 1;
    }
    return count;
}

void report_sql_render_plain(const char *text, int64_t first_batch, struct buf *ret_text)
{
    const struct report_sql sql = {.text = text};
    const char *const nothing[REPORT_PARAMETERS] = {0};
    const char *params[REPORT_PARAMETERS];

    (void)report_sql_render(&sql, nothing, first_batch, ret_text, params);
}

enum err_code report_sql_rows(const struct report_sources *sources, const struct report_source *set,
                              struct arena *arena, struct report_sql *ret_sql, struct err *err)
{
    return report_sql_assemble(sources, set, REPORT_SQL_BARE, arena, ret_sql, err);
}

void report_sql_asked_rows(const struct report_rows *rows, struct buf *ret_sql)
{
    const char *joint = " where ";

    buf_addf(ret_sql,
             "select " REPORT_ASKED "." REPORT_ASKED_PLACE ", rows.* from " REPORT_ASKED
             " cross join %s rows",
             rows->name);
    for (size_t i = 0; i < REPORT_PARAMETERS; i++) {
        if (!rows->filter_columns[i])
            continue;
        const char *name = report_parameters[i].name;
        buf_addf(ret_sql,
                 "%s(" REPORT_ASKED "." REPORT_ASKED_PREFIX "%s is null or rows.%s %s " REPORT_ASKED
                 "." REPORT_ASKED_PREFIX "%s)",
                 joint, name, rows->filter_columns[i], sign_of((enum report_parameter)i), name);
        joint = "\n and ";
    }
    buf_add_text(ret_sql, "\norder by " REPORT_ASKED "." REPORT_ASKED_PLACE);
}

/* The last `order by` outside of brackets, to the end; NULL: there is none, or a limit follows. */
static const char *find_order(const char *text)
{
    const char *order = NULL;
    int depth = 0;

    for (const char *at = text; *at;) {
        size_t size = opaque_size(at);
        bool word = at == text || isspace((unsigned char)at[-1]) || at[-1] == ')';
        depth += (*at == '(') - (*at == ')');
        if (!size && depth == 0 && word) {
            if (text_starts(at, "order by "))
                order = at;
            else if (text_starts(at, "limit ") || text_starts(at, "offset ") ||
                     text_starts(at, "fetch ") || text_starts(at, "union "))
                return NULL;
        }
        at += size ? size : 1;
    }
    return order;
}

static bool is_used(const struct needed_sets *needed, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (uses(needed->sets[i], name))
            return true;
    return false;
}

/* "with x as materialized (...), ..." of the sets that are made once and what they use, or "". */
static enum err_code add_shared(const struct report_sources *sources,
                                const struct report_source *report, struct buf *out,
                                struct err *err)
{
    struct needed_sets needed = {0}, once = {0};

    TRY(order_sets(sources, report, &needed, err));
    for (size_t i = 0; i < needed.count; i++)
        if (uses(report, needed.sets[i]->name) && is_made_once(sources, needed.sets[i]))
            once.sets[once.count++] = needed.sets[i];
    for (size_t i = 0; i < needed.count; i++) {
        const struct report_source *set = needed.sets[i];
        bool made = has_set(&once, set->name);
        if (made || is_used(&once, once.count, set->name))
            buf_addf(out, "%s%s as %smaterialized (\n%s)\n", out->size ? ", " : "with ", set->name,
                     made ? "" : "not ", set->text);
    }
    return ERR_OK;
}

enum err_code report_sql_many(const struct report_sources *sources,
                              const struct report_source *report, struct arena *arena,
                              struct report_many_sql *ret_sql, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf shared = {0};
    struct report_source unordered = *report;
    const char *order = find_order(report->text);
    struct report_sql sql;

    if (!order)
        return ERR_OK;
    unordered.text = arena_strndup(arena, report->text, (size_t)(order - report->text));
    TRY(report_sql_assemble(sources, &unordered, REPORT_SQL_MANY, arena, &sql, err));
    TRY(add_shared(sources, report, &shared, err));
    *ret_sql = (struct report_many_sql){arena_strdup(arena, buf_text(&shared)), sql.text, order};
    return ERR_OK;
}
