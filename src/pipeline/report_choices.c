/* What the filters of reports can be set to. */
#include "base/clock.h"
#include "base/text.h"
#include "pipeline/report.h"

#define DAY_US (INT64_C(86400) * 1000000)

struct texts {
    struct arena *arena;
    const char **values;
    size_t count;
    size_t most;
};

static bool take_text(void *arg, size_t column_count, const char *const *names,
                      const struct span *cells)
{
    struct texts *texts = arg;

    (void)names;
    for (size_t i = 0; i < column_count && texts->count < texts->most; i++)
        texts->values[texts->count++] =
            cells[i].data ? arena_strndup(texts->arena, cells[i].data, cells[i].size) : NULL;
    return texts->count < texts->most;
}

/* The days of [last - days + 1, last]. */
static void add_days(struct report_choices *choices, struct arena *arena, const char *name,
                     int64_t last_us, int64_t days)
{
    char text[CLOCK_TEXT_MAX];

    clock_format(last_us - (days - 1) * DAY_US, text);
    choices->periods[choices->period_count++] =
        (struct report_period){name, arena_strndup(arena, text, 10), choices->last_day};
}

static enum err_code add_periods(struct report_choices *choices, struct arena *arena,
                                 struct err *err)
{
    int64_t last_us, first_year, last_year;

    TRY(clock_parse(arena_printf(arena, "%s 00:00:00", choices->last_day), &last_us, err));
    add_days(choices, arena, "last 30 days", last_us, 30);
    add_days(choices, arena, "last 90 days", last_us, 90);
    add_days(choices, arena, REPORT_PERIOD_FIRST, last_us, 365);
    if (!text_to_i64(arena_strndup(arena, choices->first_day, 4), &first_year) ||
        !text_to_i64(arena_strndup(arena, choices->last_day, 4), &last_year))
        return ERR_OK;
    for (int64_t year = last_year; year >= first_year && choices->period_count < REPORT_PERIODS_MAX;
         year--)
        choices->periods[choices->period_count++] = (struct report_period){
            arena_printf(arena, "%04d", (int)year), arena_printf(arena, "%04d-01-01", (int)year),
            arena_printf(arena, "%04d-12-31", (int)year)};
    return ERR_OK;
}

static enum err_code read_dates(const struct report_set *set, struct warehouse *warehouse,
                                struct arena *arena, struct report_choices *choices,
                                struct err *err)
{
    const char *days[2] = {NULL, NULL};
    struct texts texts = {.arena = arena, .values = days, .most = 2};

    if (!set->dates)
        return ERR_OK;
    TRY(warehouse_query(warehouse, set->dates, NULL, 0, take_text, &texts, err));
    if (!days[0] || !days[1])
        return ERR_OK;
    choices->first_day = days[0];
    choices->last_day = days[1];
    return add_periods(choices, arena, err);
}

enum err_code report_choices_read(const struct report_set *set, const struct report_state *state,
                                  struct warehouse *warehouse, struct arena *arena,
                                  struct report_choices **ret_choices, struct err *err)
{
    struct report_choices *choices = arena_alloc(arena, sizeof *choices);

    if (state->batch)
        TRY(read_dates(set, warehouse, arena, choices, err));
    for (size_t i = 0; i < REPORT_PARAMETERS && state->batch; i++) {
        if (!set->choices[i] || (i == REPORT_CONVERT && !state->has_rates))
            continue;
        struct texts texts = {.arena = arena, .most = REPORT_CHOICES_MAX};
        texts.values = arena_alloc(arena, REPORT_CHOICES_MAX * sizeof *texts.values);
        TRY(warehouse_query(warehouse, set->choices[i], NULL, 0, take_text, &texts, err));
        choices->values[i] = texts.values;
        choices->counts[i] = texts.count;
    }
    *ret_choices = choices;
    return ERR_OK;
}

static void write_texts(struct json_writer *json, const struct report_choices *choices,
                        size_t which)
{
    json_array_begin(json, report_parameters[which].name);
    for (size_t i = 0; i < choices->counts[which]; i++)
        json_text(json, NULL, choices->values[which][i]);
    json_array_end(json);
}

static void write_days(struct json_writer *json, const struct report_choices *choices)
{
    if (!choices->first_day) {
        json_none(json, "dates");
    } else {
        json_object_begin(json, "dates");
        json_text(json, "from", choices->first_day);
        json_text(json, "to", choices->last_day);
        json_object_end(json);
    }
    json_array_begin(json, "periods");
    for (size_t i = 0; i < choices->period_count; i++) {
        json_object_begin(json, NULL);
        json_text(json, "name", choices->periods[i].name);
        json_text(json, "from", choices->periods[i].from);
        json_text(json, "to", choices->periods[i].to);
        json_object_end(json);
    }
    json_array_end(json);
}

void report_choices_json(const struct report_choices *choices, const struct report_state *state,
                         struct buf *ret_text)
{
    struct json_writer json;

    json_begin(&json, ret_text, false);
    json_object_begin(&json, NULL);
    json_int(&json, "schema", 1);
    json_uint(&json, "batch", state->batch);
    json_text(&json, "today", state->today);
    write_days(&json, choices);
    json_object_begin(&json, "choices");
    for (size_t i = 0; i < REPORT_PARAMETERS; i++)
        if (i != REPORT_CONVERT && choices->counts[i])
            write_texts(&json, choices, i);
    json_object_end(&json);
    write_texts(&json, choices, REPORT_CONVERT);
    json_object_end(&json);
}
