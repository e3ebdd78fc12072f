#include "pipeline/report_file.h"

#include "base/text.h"

static const char *const kind_names[REPORT_KINDS] = {
    [REPORT_KIND_MONEY] = "money",       [REPORT_KIND_NUMBER] = "number",
    [REPORT_KIND_COUNT] = "count",       [REPORT_KIND_KEY] = "key",
    [REPORT_KIND_LABEL] = "label",       [REPORT_KIND_TEXT] = "text",
    [REPORT_KIND_CURRENCY] = "currency", [REPORT_KIND_DATE] = "date",
    [REPORT_KIND_INSTANT] = "instant",   [REPORT_KIND_MONTH] = "month",
    [REPORT_KIND_WEEKDAY] = "weekday",   [REPORT_KIND_FLAG] = "flag",
    [REPORT_KIND_PERCENT] = "percent",
};
static const char *const groups[] = {"summary", "sales",   "purchases", "payments",
                                     "history", "quality", "rows"};
static const char *const charts[] = {"figure", "bar", "ranking", "line", "heat", "table"};

const char *report_kind_name(enum report_kind kind)
{
    return kind_names[kind];
}

struct header {
    struct arena *arena;
    int line;
    const char *value;
    struct report_source *source;
    struct report *report; /* NULL: a set */
};

typedef enum err_code directive_fn(struct header *header, struct err *err);

static enum err_code bad_value(const struct header *header, const char *expected, struct err *err)
{
    err_set(err, ERR_CONFIG, "%s:%d: '%s' is not what this directive takes", header->source->what,
            header->line, header->value);
    return err_hint(err, "expected %s", expected);
}

/* The next word; NULL at the end. */
static const char *take_word(const struct header *header, const char **at)
{
    const char *start = *at + strspn(*at, " \t");
    size_t size = strcspn(start, " \t");

    *at = start + size;
    return size ? arena_strndup(header->arena, start, size) : NULL;
}

/* "name=value" in two; false when it is not that. */
static bool split_pair(const struct header *header, const char *word, const char **ret_name,
                       const char **ret_value)
{
    const char *sign = strchr(word, '=');

    if (!sign || sign == word || !sign[1])
        return false;
    *ret_name = arena_strndup(header->arena, word, (size_t)(sign - word));
    *ret_value = sign + 1;
    return true;
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(word, words[i]))
            return true;
    return false;
}

static enum err_code take_title(struct header *header, struct err *err)
{
    (void)err;
    header->report->title = header->value;
    return ERR_OK;
}

static enum err_code take_question(struct header *header, struct err *err)
{
    (void)err;
    header->report->question = header->value;
    return ERR_OK;
}

static enum err_code take_group(struct header *header, struct err *err)
{
    if (!is_one_of(header->value, groups, COUNT_OF(groups)))
        return bad_value(header, "summary, sales, purchases, payments, history, quality or rows",
                         err);
    header->report->group = header->value;
    return ERR_OK;
}

static enum err_code take_place(struct header *header, struct err *err)
{
    return text_to_i64(header->value, &header->report->place)
               ? ERR_OK
               : bad_value(header, "a number: the place within the group", err);
}

static enum err_code take_chart(struct header *header, struct err *err)
{
    static const char expected[] =
        "figure, bar, ranking, line, heat or table, then x=, y= and by= with columns";
    const char *at = header->value, *name, *value;
    const char *word = take_word(header, &at);

    if (!is_one_of(word, charts, COUNT_OF(charts)))
        return bad_value(header, expected, err);
    header->report->chart = word;
    while ((word = take_word(header, &at))) {
        if (!split_pair(header, word, &name, &value))
            return bad_value(header, expected, err);
        if (text_equal(name, "x"))
            header->report->chart_x = value;
        else if (text_equal(name, "y"))
            header->report->chart_y = value;
        else if (text_equal(name, "by"))
            header->report->chart_by = value;
        else
            return bad_value(header, expected, err);
    }
    return ERR_OK;
}

static enum err_code take_uses(struct header *header, struct err *err)
{
    struct report_source *source = header->source;
    const char *at = header->value, *word;

    while ((word = take_word(header, &at))) {
        if (source->use_count == REPORT_USES_MAX)
            return bad_value(header, "at most eight sets", err);
        source->uses[source->use_count++] = word;
    }
    return ERR_OK;
}

static enum err_code take_needs(struct header *header, struct err *err)
{
    (void)err;
    header->source->needs = header->value;
    return ERR_OK;
}

/* `date=created_date currency=order_currency country`: what the set's rows are filtered by */
static enum err_code take_filters(struct header *header, struct err *err)
{
    static const char expected[] = "filters, each with =column where it is called otherwise";
    const char **columns = header->source->filter_columns;
    const char *at = header->value, *word, *name, *column;

    while ((word = take_word(header, &at))) {
        size_t found = 0;
        if (!split_pair(header, word, &name, &column))
            name = column = word;
        if (column[strspn(column, "abcdefghijklmnopqrstuvwxyz0123456789_")])
            return bad_value(header, expected, err);
        if (text_equal(name, "date")) {
            columns[REPORT_FROM] = columns[REPORT_TO] = column;
            columns[REPORT_MONTH] = "month";
            continue;
        }
        while (found < REPORT_PARAMETERS && !text_equal(report_parameters[found].name, name))
            found++;
        if (found == REPORT_PARAMETERS)
            return bad_value(header, expected, err);
        columns[found] = column;
    }
    return ERR_OK;
}

/* `revenue money(currency) money that came in` */
static enum err_code take_column(struct header *header, struct err *err)
{
    static const char expected[] = "'name kind' or 'name money(currency column)', then a title";
    struct report *report = header->report;
    const char *at = header->value;
    struct report_column column = {.name = take_word(header, &at)};
    const char *kind = take_word(header, &at);

    if (!kind || report->column_count == REPORT_COLUMNS_MAX)
        return bad_value(header, expected, err);
    const char *open = strchr(kind, '(');
    if (open) {
        column.currency = arena_strndup(header->arena, open + 1, strcspn(open + 1, ")"));
        kind = arena_strndup(header->arena, kind, (size_t)(open - kind));
    }
    while (column.kind < REPORT_KINDS && !text_equal(kind_names[column.kind], kind))
        column.kind++;
    if (column.kind == REPORT_KINDS ||
        (column.kind == REPORT_KIND_MONEY) != (column.currency != NULL))
        return bad_value(header, expected, err);
    at += strspn(at, " \t");
    char *title = arena_strdup(header->arena, *at ? at : column.name);
    for (char *c = title; !*at && *c; c++)
        *c = *c == '_' ? ' ' : *c;
    column.title = title;
    report->columns[report->column_count++] = column;
    return ERR_OK;
}

static enum err_code take_drill(struct header *header, struct err *err)
{
    static const char expected[] = "a report, then filter=column or filter=:value, …";
    struct report_drill *drill = &header->report->drill;
    const char *at = header->value, *word, *value;

    drill->report = take_word(header, &at);
    while ((word = take_word(header, &at))) {
        if (drill->count == REPORT_DRILLS_MAX ||
            !split_pair(header, word, &drill->filters[drill->count], &value))
            return bad_value(header, expected, err);
        if (*value == ':')
            drill->values[drill->count] = value + 1;
        else
            drill->columns[drill->count] = value;
        drill->count++;
    }
    return ERR_OK;
}

static enum err_code take_bundle(struct header *header, struct err *err)
{
    if (!text_equal(header->value, "no"))
        return bad_value(header, "'no'", err);
    header->report->in_bundle = false;
    return ERR_OK;
}

static const struct directive {
    const char *word;
    bool in_set;
    bool in_report;
    directive_fn *take;
} directives[] = {
    {"title", false, true, take_title},   {"question", false, true, take_question},
    {"group", false, true, take_group},   {"place", false, true, take_place},
    {"chart", false, true, take_chart},   {"uses", true, true, take_uses},
    {"needs", true, false, take_needs},   {"filters", true, false, take_filters},
    {"column", false, true, take_column}, {"drill", false, true, take_drill},
    {"bundle", false, true, take_bundle},
};

static enum err_code unknown_directive(const struct header *header, const char *word,
                                       struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf known = {0};

    for (size_t i = 0; i < COUNT_OF(directives); i++)
        if (header->report ? directives[i].in_report : directives[i].in_set)
            buf_addf(&known, "%s%s", known.size ? ", " : "", directives[i].word);
    err_set(err, ERR_CONFIG, "%s:%d: unknown directive '%s'", header->source->what, header->line,
            word);
    return err_hint(err, "known here: %s; begin a plain comment with a capital letter",
                    buf_text(&known));
}

static enum err_code take_line(struct header *header, const char *line, struct err *err)
{
    const char *at = line + 2 + strspn(line + 2, " \t");
    size_t size = strspn(at, "abcdefghijklmnopqrstuvwxyz-");

    if (size == 0 || at[size] != ':')
        return ERR_OK;
    const char *word = arena_strndup(header->arena, at, size);
    at += size + 1;
    at += strspn(at, " \t");
    size_t end = strlen(at);
    while (end > 0 && strchr(" \t\r", at[end - 1]))
        end--;
    header->value = arena_strndup(header->arena, at, end);
    for (size_t i = 0; i < COUNT_OF(directives); i++) {
        bool here = header->report ? directives[i].in_report : directives[i].in_set;
        if (!here || !text_equal(word, directives[i].word))
            continue;
        if (!end)
            return err_set(err, ERR_CONFIG, "%s:%d: directive '%s' has no value",
                           header->source->what, header->line, word);
        return directives[i].take(header, err);
    }
    return unknown_directive(header, word, err);
}

static const struct report_column *find_column(const struct report *report, const char *name)
{
    for (size_t i = 0; i < report->column_count; i++)
        if (text_equal(report->columns[i].name, name))
            return &report->columns[i];
    return NULL;
}

static enum err_code need_column(const struct report *report, const char *directive,
                                 const char *name, struct err *err)
{
    if (!name || find_column(report, name))
        return ERR_OK;
    err_set(err, ERR_CONFIG, "%s: '%s' names a column '%s' that is not declared", report->what,
            directive, name);
    return err_hint(err, "add a line '-- column: %s label'", name);
}

static enum err_code check_report(const struct report *report, struct err *err)
{
    const char *missing = !report->title          ? "title"
                          : !report->question     ? "question"
                          : !report->group        ? "group"
                          : !report->chart        ? "chart"
                          : !report->column_count ? "column"
                                                  : NULL;
    if (missing) {
        err_set(err, ERR_CONFIG, "%s:1: the header names no %s", report->what, missing);
        return err_hint(err, "add a line '-- %s: …'", missing);
    }
    TRY(need_column(report, "chart", report->chart_x, err));
    TRY(need_column(report, "chart", report->chart_y, err));
    TRY(need_column(report, "chart", report->chart_by, err));
    for (size_t i = 0; i < report->column_count; i++)
        TRY(need_column(report, "column", report->columns[i].currency, err));
    for (size_t i = 0; i < report->drill.count; i++)
        TRY(need_column(report, "drill", report->drill.columns[i], err));
    return ERR_OK;
}

enum err_code report_file_parse(const char *text, struct arena *arena, struct report_source *source,
                                struct report *report, struct err *err)
{
    struct header header = {.arena = arena, .source = source, .report = report};

    for (const char *at = text; *at;) {
        size_t size = strcspn(at, "\n");
        const char *line = arena_strndup(arena, at, size);
        line += strspn(line, " \t");
        header.line++;
        if (text_starts(line, "--"))
            TRY(take_line(&header, line, err));
        else if (*line && *line != '\r')
            break;
        at += size + (at[size] == '\n');
    }
    TRY(report_sql_strip(source->what, text, arena, &source->text, err));
    if (report)
        TRY(check_report(report, err));
    return ERR_OK;
}
