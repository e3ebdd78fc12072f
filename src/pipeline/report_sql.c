#include "pipeline/report_sql.h"

#include <ctype.h>

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

static size_t place_of(struct report_sql *sql, enum report_parameter parameter)
{
    for (size_t i = 0; i < sql->param_count; i++)
        if (sql->params[i] == parameter)
            return i + 1;
    sql->params[sql->param_count++] = parameter;
    return sql->param_count;
}

/* Appends the text with `:name` as $n. */
static enum err_code add_text(const struct report_source *source, struct report_sql *sql,
                              struct buf *out, struct err *err)
{
    for (const char *at = source->text; *at;) {
        size_t size = opaque_size(at);
        bool placeholder =
            *at == ':' && islower((unsigned char)at[1]) && (at == source->text || at[-1] != ':');
        if (placeholder) {
            size = 1 + strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_");
            size_t index = parameter_index(at + 1, size - 1);
            if (index == REPORT_PARAMETERS)
                return err_set(err, ERR_CONFIG, "%s: there is no filter '%.*s'", source->what,
                               (int)size, at);
            buf_addf(out, "$%zu", place_of(sql, (enum report_parameter)index));
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

/* How a filter compares: null lets every row through. */
static void add_condition(const struct report_source *set, size_t parameter, struct report_sql *sql,
                          struct buf *out)
{
    static const struct {
        const char *type;
        const char *sign;
    } ways[REPORT_PARAMETERS] = {
        [REPORT_FROM] = {"date", ">="},
        [REPORT_TO] = {"date", "<="},
        [REPORT_MONTH] = {"date", "="},
        [REPORT_WEEKDAY] = {"integer", "="},
    };
    const char *type = ways[parameter].type ? ways[parameter].type : "varchar";
    const char *sign = ways[parameter].sign ? ways[parameter].sign : "=";
    size_t place = place_of(sql, (enum report_parameter)parameter);

    buf_addf(out, "(cast($%zu as %s) is null or %s %s cast($%zu as %s))", place, type,
             set->filter_columns[parameter], sign, place, type);
}

static void add_filtered(const struct report_source *set, struct report_sql *sql, struct buf *out)
{
    const char *joint = "where ";

    buf_addf(out, "%s as not materialized (select * from " REPORT_ROWS_PREFIX "%s ", set->name,
             set->name);
    for (size_t i = 0; i < REPORT_PARAMETERS; i++) {
        if (!set->filter_columns[i])
            continue;
        buf_add_text(out, joint);
        add_condition(set, i, sql, out);
        joint = "\n and ";
    }
    buf_add_text(out, ")\n");
}

/* One set as common table expressions: its rows, and those that the filters let through. */
static enum err_code add_set(const struct report_source *set, enum report_sql_form form,
                             struct report_sql *sql, struct buf *out, struct err *err)
{
    bool filtered = report_sql_has_filters(set);
    const struct report_source *text =
        form == REPORT_SQL_BARE && set->otherwise ? set->otherwise : set;

    if (!filtered || form != REPORT_SQL_PREPARED) {
        /* A reader looks at a few columns and rows of a set: it must not be computed whole. */
        buf_addf(out, "%s%s as not materialized (\n", filtered ? REPORT_ROWS_PREFIX : "",
                 set->name);
        TRY(add_text(text, sql, out, err));
        buf_add_text(out, filtered ? "), " : ")\n");
    }
    if (filtered)
        add_filtered(set, sql, out);
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
        /* what only the rows of a prepared set are made of is not asked for again */
        if (form == REPORT_SQL_PREPARED && !uses(report, needed.sets[i]->name))
            continue;
        buf_add_text(&out, out.size ? ", " : "with ");
        TRY(add_set(needed.sets[i], form, &sql, &out, err));
    }
    TRY(add_text(report, &sql, &out, err));
    sql.text = arena_strdup(arena, buf_text(&out));
    *ret_sql = sql;
    return ERR_OK;
}

enum err_code report_sql_rows(const struct report_sources *sources, const struct report_source *set,
                              bool has_needed, struct arena *arena, const char **ret_text,
                              struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    struct report_sql sql = {0};

    TRY(report_sql_assemble(sources, set, has_needed ? REPORT_SQL_WHOLE : REPORT_SQL_BARE, arena,
                            &sql, err));
    /* every parameter is null: tables are not made of parameters */
    for (const char *at = sql.text; *at;) {
        size_t size = opaque_size(at);
        if (*at == '$') {
            buf_add_text(&out, "null");
            at += 1 + strspn(at + 1, "0123456789");
            continue;
        }
        size = size ? size : 1;
        buf_add(&out, at, size);
        at += size;
    }
    *ret_text = arena_strdup(arena, buf_text(&out));
    return ERR_OK;
}
