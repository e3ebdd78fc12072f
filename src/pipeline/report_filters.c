/* What a reader may ask a report for. */
#include <ctype.h>

#include "base/clock.h"
#include "base/text.h"
#include "pipeline/report.h"

const struct report_parameter_info report_parameters[REPORT_PARAMETERS] = {
    [REPORT_FROM] = {"from", "DATE", "from this day on"},
    [REPORT_TO] = {"to", "DATE", "up to this day, included"},
    [REPORT_CURRENCY] = {"currency", "CODE", "orders and payments in this currency"},
    [REPORT_COUNTRY] = {"country", "NAME", "where goods are delivered"},
    [REPORT_CITY] = {"city", "NAME", "where goods are delivered"},
    [REPORT_DEPARTMENT] = {"department", "NAME", "of who sold or bought"},
    [REPORT_STAFF] = {"staff", "NAME", "who sold or bought: first and last name"},
    [REPORT_DESIGN] = {"design", "NAME", "what was sold"},
    [REPORT_COUNTERPARTY] = {"counterparty", "NAME", "legal name of the other company"},
    [REPORT_MONTH] = {"month", "DATE", "one month: its first day"},
    [REPORT_WEEKDAY] = {"weekday", "1-7", "one day of the week: 1 is Monday"},
    [REPORT_DIRECTION] = {"direction", "in|out", "payments that come in or go out"},
    [REPORT_PAID] = {"paid", "yes|no", "payments that were made, or are still due"},
    [REPORT_KEY] = {"key", "ID", "of one row, for its history"},
    [REPORT_CONVERT] = {"convert", "CODE",
                        "money in this currency, by the warehouse's dated rates"},
    [REPORT_TODAY] = {"today", "DATE", "what counts as past due (day of the snapshot)"},
};

static bool is_number(const char *text, size_t size, int64_t least, int64_t most)
{
    int64_t value = 0;

    for (size_t i = 0; i < size; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
        value = value * 10 + (text[i] - '0');
    }
    return value >= least && value <= most;
}

/* "2024-02-29", a day that is in the calendar. */
static bool is_date(const char *text)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-' || !is_number(text, 4, 1, 9999) ||
        !is_number(text + 5, 2, 1, 12))
        return false;
    int year =
        (text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 + text[3] - '0';
    int month = (text[5] - '0') * 10 + text[6] - '0';
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return is_number(text + 8, 2, 1, days[month - 1] - (month == 2 && !leap));
}

static bool is_code(const char *text)
{
    for (size_t i = 0; text[i]; i++)
        if (i == 16 || !isalnum((unsigned char)text[i]))
            return false;
    return true;
}

/* NULL: it is; else what would be. */
static const char *wrong_value(enum report_parameter parameter, const char *value)
{
    switch (parameter) {
    case REPORT_FROM:
    case REPORT_TO:
    case REPORT_MONTH:
    case REPORT_TODAY:
        return is_date(value) ? NULL : "a day of the calendar, as 2024-11-15";
    case REPORT_WEEKDAY:
        return strlen(value) == 1 && *value >= '1' && *value <= '7' ? NULL : "a number from 1 to 7";
    case REPORT_CURRENCY:
    case REPORT_CONVERT:
        return is_code(value) ? NULL : "a currency's code, as EUR";
    case REPORT_DIRECTION:
        return text_equal(value, "in") || text_equal(value, "out") ? NULL : "'in' or 'out'";
    case REPORT_PAID:
        return text_equal(value, "yes") || text_equal(value, "no") ? NULL : "'yes' or 'no'";
    case REPORT_KEY:
        return strlen(value) <= 9 && is_number(value, strlen(value), 0, INT32_MAX)
                   ? NULL
                   : "the number that identifies a row";
    default:
        return text_is_utf8(value, strlen(value)) && strlen(value) <= REPORT_VALUE_MAX
                   ? NULL
                   : "at most 400 bytes of UTF-8";
    }
}

struct report_filters report_filters_none(void)
{
    return (struct report_filters){.limit = REPORT_ROWS};
}

static enum err_code set_limit(struct report_filters *filters, const char *value, struct err *err)
{
    uint64_t limit;

    if (!text_to_u64(value, &limit) || limit < 1 || limit > REPORT_ROWS_MAX)
        return err_set(err, ERR_USAGE, "limit: expected a number from 1 to %d", REPORT_ROWS_MAX);
    filters->limit = (unsigned)limit;
    return ERR_OK;
}

enum err_code report_filters_set(struct report_filters *filters, const char *name,
                                 const char *value, struct err *err)
{
    const char *names[REPORT_PARAMETERS];

    if (text_equal(name, "limit"))
        return *value ? set_limit(filters, value, err) : ERR_OK;
    for (size_t i = 0; i < REPORT_PARAMETERS; i++) {
        names[i] = report_parameters[i].name;
        if (!text_equal(name, names[i]))
            continue;
        if (filters->values[i])
            return err_set(err, ERR_USAGE, "filter '%s' is given twice", name);
        const char *expected = *value ? wrong_value((enum report_parameter)i, value) : NULL;
        if (expected)
            return err_set(err, ERR_USAGE, "filter '%s': expected %s", name, expected);
        filters->values[i] = *value ? value : NULL;
        return ERR_OK;
    }
    err_set(err, ERR_USAGE, "there is no filter '%.40s'", name);
    const char *closest = text_closest(name, names, REPORT_PARAMETERS);
    return closest ? err_hint(err, "did you mean '%s'?", closest) : err->code;
}

/* As JavaScript's encodeURIComponent. */
static void add_encoded(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (isalnum((unsigned char)*text) || strchr("-_.!~*'()", *text))
            buf_add_char(out, *text);
        else
            buf_addf(out, "%%%02X", (unsigned char)*text);
    }
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void report_filters_key(const struct report *report, const struct report_filters *filters,
                        struct buf *ret_key)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    const char *pairs[REPORT_PARAMETERS + 1];
    size_t count = 0;

    for (size_t i = 0; i < REPORT_PARAMETERS; i++) {
        CLEANUP_IN_PLACE(buf_release) struct buf pair = {0};
        if (!filters->values[i] || (report && !report->takes[i]))
            continue;
        buf_addf(&pair, "%s=", report_parameters[i].name);
        add_encoded(&pair, filters->values[i]);
        pairs[count++] = arena_strdup(scratch, buf_text(&pair));
    }
    if (filters->limit != REPORT_ROWS)
        pairs[count++] = arena_printf(scratch, "limit=%u", filters->limit);
    qsort(pairs, count, sizeof *pairs, compare_texts);
    for (size_t i = 0; i < count; i++)
        buf_addf(ret_key, "%s%s", i ? "&" : "", pairs[i]);
}

enum err_code report_filters_move_back(struct report_filters *filters, struct arena *arena,
                                       struct err *err)
{
    static const int64_t day_us = INT64_C(86400) * 1000000;
    int64_t from_us, to_us;
    char from[CLOCK_TEXT_MAX], to[CLOCK_TEXT_MAX];

    TRY(clock_parse(arena_printf(arena, "%s 00:00:00", filters->values[REPORT_FROM]), &from_us,
                    err));
    TRY(clock_parse(arena_printf(arena, "%s 00:00:00", filters->values[REPORT_TO]), &to_us, err));
    clock_format(from_us - day_us - (to_us - from_us), from);
    clock_format(from_us - day_us, to);
    filters->values[REPORT_FROM] = arena_strndup(arena, from, 10);
    filters->values[REPORT_TO] = arena_strndup(arena, to, 10);
    return ERR_OK;
}
