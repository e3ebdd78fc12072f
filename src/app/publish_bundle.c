#include "app/publish_bundle.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "pipeline/report_many.h"

/* Answers by report and the filters that it takes: a report that takes none is asked once. */
struct bundle_memo {
    struct answer {
        const char *key;
        const char *text;
    } * answers;
    size_t count, capacity;
};

static void add_bundle(struct bundle_set *set, struct report_filters filters)
{
    CLEANUP_IN_PLACE(buf_release) struct buf key = {0};

    if (set->count == BUNDLES_MAX)
        return;
    report_filters_key(NULL, &filters, &key);
    set->bundles[set->count++] =
        (struct bundle){.filters = filters, .key = arena_strdup(set->arena, buf_text(&key))};
}

static struct report_filters with(struct report_filters filters, enum report_parameter parameter,
                                  const char *value)
{
    filters.values[parameter] = value;
    return filters;
}

static struct report_filters within(struct report_filters filters,
                                    const struct report_period *period)
{
    return with(with(filters, REPORT_FROM, period->from), REPORT_TO, period->to);
}

static bool is_offered(const struct bundle_plan *plan, const char *filter)
{
    for (const char *const *at = plan->filters; at && *at; at++)
        if (text_equal(*at, filter))
            return true;
    return false;
}

/* One bundle a value, unless there are too many of them. */
static void add_values(struct bundle_set *set, const struct bundle_plan *plan,
                       enum report_parameter parameter)
{
    const struct report_choices *choices = plan->choices;
    size_t count = choices->counts[parameter];

    if (!is_offered(plan, report_parameters[parameter].name) || count > BUNDLE_CHOICES_MAX)
        return;
    for (size_t i = 0; i < count; i++)
        if (choices->values[parameter][i])
            add_bundle(set, with(report_filters_none(), parameter, choices->values[parameter][i]));
}

static void add_periods(struct bundle_set *set, const struct bundle_plan *plan)
{
    const struct report_choices *choices = plan->choices;
    const struct report_filters none = report_filters_none();
    size_t currencies = is_offered(plan, "currency") ? choices->counts[REPORT_CURRENCY] : 0;

    for (size_t i = 0; i < choices->period_count && is_offered(plan, "period"); i++) {
        add_bundle(set, within(none, &choices->periods[i]));
        for (size_t j = 0; j < currencies && currencies <= BUNDLE_CHOICES_MAX; j++)
            add_bundle(set, within(with(none, REPORT_CURRENCY, choices->values[REPORT_CURRENCY][j]),
                                   &choices->periods[i]));
    }
}

struct bundle_set *bundle_set_plan(const struct bundle_plan *plan, struct arena *arena)
{
    struct bundle_set *set = arena_alloc(arena, sizeof *set);

    set->reports = plan->reports;
    set->state = plan->state;
    set->arena = arena;
    set->memo = arena_alloc(arena, sizeof *set->memo);
    add_bundle(set, report_filters_none());
    add_values(set, plan, REPORT_CURRENCY);
    add_periods(set, plan);
    for (size_t i = 0; i < REPORT_PARAMETERS; i++)
        if (i != REPORT_CURRENCY && i != REPORT_CONVERT)
            add_values(set, plan, (enum report_parameter)i);
    return set;
}

static const struct answer *remembered(const struct bundle_memo *memo, const char *key)
{
    for (size_t i = 0; i < memo->count; i++)
        if (text_equal(memo->answers[i].key, key))
            return &memo->answers[i];
    return NULL;
}

static void remember(struct bundle_set *set, const char *key, const char *text)
{
    struct bundle_memo *memo = set->memo;

    if (memo->count == memo->capacity) {
        size_t capacity = memo->capacity ? memo->capacity * 2 : 64;
        struct answer *answers = arena_alloc(set->arena, capacity * sizeof *answers);
        if (memo->count)
            memcpy(answers, memo->answers, memo->count * sizeof *answers);
        memo->answers = answers;
        memo->capacity = capacity;
    }
    memo->answers[memo->count++] = (struct answer){key, text};
}

static unsigned rows_of(const struct report *report)
{
    return text_equal(report->group, "rows") ? BUNDLE_NEWEST : BUNDLE_ROWS;
}

static const char *memo_key(const struct bundle_set *set, const struct report *report,
                            struct report_filters filters)
{
    CLEANUP_IN_PLACE(buf_release) struct buf key = {0};

    filters.limit = rows_of(report);
    buf_addf(&key, "%s?", report->name);
    report_filters_key(report, &filters, &key);
    return arena_strdup(set->arena, key.data);
}

/* The document of a report under filters, as text; asked of the warehouse at most once. */
static enum err_code answer_of(struct bundle_set *set, const struct report *report,
                               struct report_filters filters, struct warehouse *warehouse,
                               const char **ret_text, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    struct json_writer json;
    const char *key = memo_key(set, report, filters);
    const struct answer *known = remembered(set->memo, key);

    filters.limit = rows_of(report);
    if (!known) {
        json_begin(&json, &text, false);
        json_object_begin(&json, NULL);
        json_text(&json, "report", report->name);
        TRY(report_json_members(report, set->state, &filters, warehouse, &json, err));
        json_object_end(&json);
        remember(set, key, arena_strdup(set->arena, text.data));
        known = &set->memo->answers[set->memo->count - 1];
    }
    *ret_text = known->text;
    return ERR_OK;
}

static bool is_wanted(const struct report *report, bool summary_only)
{
    return report->in_bundle && (!summary_only || text_equal(report->group, "summary"));
}

static enum err_code write_reports(struct bundle_set *set, const struct report_filters *filters,
                                   bool summary_only, struct warehouse *warehouse,
                                   struct json_writer *json, struct err *err)
{
    for (size_t i = 0; i < set->reports->count; i++) {
        const struct report *report = &set->reports->reports[i];
        const char *text;
        if (!is_wanted(report, summary_only))
            continue;
        TRY(answer_of(set, report, *filters, warehouse, &text, err));
        json_raw(json, report->name, text);
    }
    return ERR_OK;
}

/* --- many bundles at once --- */

struct asked {
    struct report_filters filters[2 * BUNDLES_MAX];
    bool summary_only[2 * BUNDLES_MAX];
    size_t count;
};

static void ask(struct asked *asked, const struct report_filters *filters, bool summary_only)
{
    if (!report_many_takes(filters))
        return;
    asked->filters[asked->count] = *filters;
    asked->summary_only[asked->count++] = summary_only;
}

/* What bundle_write() is going to ask. */
static enum err_code collect_asked(const struct bundle_set *set, struct asked *asked,
                                   struct err *err)
{
    for (size_t i = 0; i < set->count; i++) {
        struct report_filters filters = set->bundles[i].filters;
        ask(asked, &filters, false);
        if (!filters.values[REPORT_FROM] || !filters.values[REPORT_TO])
            continue;
        TRY(report_filters_move_back(&filters, set->arena, err));
        ask(asked, &filters, true);
    }
    return ERR_OK;
}

struct remembering {
    struct bundle_set *set;
    const char **keys;
};

static void remember_answer(void *arg, size_t which, const struct buf *text)
{
    struct remembering *remembering = arg;

    remember(remembering->set, remembering->keys[which],
             arena_strdup(remembering->set->arena, text->data));
}

static bool is_among(const char **keys, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (keys[i] && text_equal(keys[i], key))
            return true;
    return false;
}

/* Filters that a report does not take make no other answer: each is asked once. */
static enum err_code answer_many(struct bundle_set *set, const struct report *report,
                                 const struct asked *asked, size_t first, size_t count,
                                 struct warehouse *warehouse, struct err *err)
{
    bool wanted[2 * BUNDLES_MAX] = {false};
    const char *keys[2 * BUNDLES_MAX] = {NULL};
    struct remembering remembering = {set, keys};
    const struct report_many many = {report, set->state, &asked->filters[first],
                                     wanted, count,      rows_of(report)};

    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(report, asked->summary_only[first + i]))
            continue;
        const char *key = memo_key(set, report, asked->filters[first + i]);
        wanted[i] = !is_among(keys, i, key) && !remembered(set->memo, key);
        keys[i] = wanted[i] ? key : NULL;
    }
    return report_many_json(&many, warehouse, remember_answer, &remembering, err);
}

enum err_code bundle_set_answer(struct bundle_set *set, struct warehouse *warehouse,
                                struct err *err)
{
    struct asked *asked = arena_alloc(set->arena, sizeof *asked);
    size_t most, count;

    TRY(report_many_most(set->reports, warehouse, &most, err));
    TRY(collect_asked(set, asked, err));
    for (size_t first = 0; most && first < asked->count; first += count) {
        count = asked->count - first < most ? asked->count - first : most;
        TRY(report_many_prepare(set->reports, set->state, &asked->filters[first], count, warehouse,
                                err));
        for (size_t i = 0; i < set->reports->count; i++) {
            const struct report *report = &set->reports->reports[i];
            if (!report->in_bundle || !report->many.text)
                continue;
            enum err_code code = answer_many(set, report, asked, first, count, warehouse, err);
            if (code == ERR_CANCELLED || code == ERR_TIMEOUT)
                return code;
            if (code) /* a select that cannot be joined is asked for each bundle */
                log_debug("report '%s' is asked bundle by bundle: %s", report->name, err->message);
        }
    }
    return ERR_OK;
}

enum err_code bundle_write(struct bundle_set *set, size_t which, struct warehouse *warehouse,
                           struct buf *ret_text, struct err *err)
{
    struct report_filters filters = set->bundles[which].filters;
    struct json_writer json;

    json_begin(&json, ret_text, false);
    json_object_begin(&json, NULL);
    json_int(&json, "schema", 1);
    json_object_begin(&json, "filters");
    for (size_t i = 0; i < REPORT_PARAMETERS; i++)
        if (filters.values[i])
            json_text(&json, report_parameters[i].name, filters.values[i]);
    json_object_end(&json);
    json_object_begin(&json, "reports");
    TRY(write_reports(set, &filters, false, warehouse, &json, err));
    json_object_end(&json);
    if (filters.values[REPORT_FROM] && filters.values[REPORT_TO]) {
        TRY(report_filters_move_back(&filters, set->arena, err));
        json_object_begin(&json, "previous");
        TRY(write_reports(set, &filters, true, warehouse, &json, err));
        json_object_end(&json);
    }
    json_object_end(&json);
    return ERR_OK;
}
