#include "pipeline/report_first.h"

#include <string.h>

#include "base/text.h"

void report_answer_key(const struct report *report, const struct report_filters *filters,
                       struct buf *ret_key)
{
    buf_addf(ret_key, "report %s?", report->name);
    report_filters_key(report, filters, ret_key);
}

bool report_is_answer_key(const char *key)
{
    return text_equal(key, REPORT_CHOICES_KEY) || text_starts(key, "report ");
}

enum err_code report_answer_json(const struct report *report, const struct report_state *state,
                                 const struct report_filters *filters, struct warehouse *warehouse,
                                 struct buf *ret_text, struct err *err)
{
    struct json_writer json;

    json_begin(&json, ret_text, false);
    TRY(report_json(report, state, filters, warehouse, &json, err));
    json_bool(&json, "stale", false);
    json_object_end(&json);
    return ERR_OK;
}

/* The group "summary" alone, or all but it and the lists of rows. */
static void add_reports(const struct report_set *set, const struct report_filters *filters,
                        bool summary, enum report_first_stage stage, struct report_first *first)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct report *report = &set->reports[i];
        if (report->in_bundle && !text_equal(report->group, "rows") &&
            text_equal(report->group, "summary") == summary)
            first->questions[first->count++] =
                (struct report_first_question){report, *filters, stage};
    }
}

/* The days that a page shows when it is opened; false: there are none. */
static bool first_period(const struct report_choices *choices, struct report_filters *ret_filters)
{
    for (size_t i = 0; i < choices->period_count; i++) {
        if (!text_equal(choices->periods[i].name, REPORT_PERIOD_FIRST))
            continue;
        ret_filters->values[REPORT_FROM] = choices->periods[i].from;
        ret_filters->values[REPORT_TO] = choices->periods[i].to;
        return true;
    }
    return false;
}

enum err_code report_first_read(const struct report_set *set, const struct report_state *state,
                                struct warehouse *warehouse, struct arena *arena,
                                struct report_first *ret_first, struct err *err)
{
    enum {
        TIMES_ASKED = 3 /* at most, each report */
    };
    struct report_filters all = report_filters_none(), asked = all, before;
    struct report_first first = {0};

    TRY(report_choices_read(set, state, warehouse, arena, &first.choices, err));
    first.questions = arena_alloc(arena, (TIMES_ASKED * set->count + 1) * sizeof *first.questions);
    if (first_period(first.choices, &asked)) {
        before = asked;
        add_reports(set, &asked, true, REPORT_FIRST_HEADLINE, &first);
        TRY(report_filters_move_back(&before, arena, err));
        add_reports(set, &before, true, REPORT_FIRST_OTHERS, &first);
        add_reports(set, &asked, false, REPORT_FIRST_OTHERS, &first);
    }
    add_reports(set, &all, true, REPORT_FIRST_OTHERS, &first);
    *ret_first = first;
    return ERR_OK;
}
