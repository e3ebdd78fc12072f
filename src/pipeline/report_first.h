/* pipeline/report_first.h - what a page asks when it is opened, and how the answers are called
 * wherever they are kept: in a server's memory, in its file, in the warehouse (decision 23). */
#ifndef PIPELINE_REPORT_FIRST_H
#define PIPELINE_REPORT_FIRST_H

#include "pipeline/report.h"

#define REPORT_CHOICES_KEY "filters"
/* "report NAME?FILTERS" */
void report_answer_key(const struct report *report, const struct report_filters *filters,
                       struct buf *ret_key);
/* Whether it is that of a report or of the choices. */
bool report_is_answer_key(const char *key);
/* The document of api/reports/NAME, fresh. */
CHECKED enum err_code report_answer_json(const struct report *report,
                                         const struct report_state *state,
                                         const struct report_filters *filters,
                                         struct warehouse *warehouse, struct buf *ret_text,
                                         struct err *err);

enum report_first_stage {
    REPORT_FIRST_HEADLINE,
    REPORT_FIRST_OTHERS, /* what they compare with, the panels, and the headline of all days */
};

struct report_first_question {
    const struct report *report;
    struct report_filters filters; /* live in the arena */
    enum report_first_stage stage;
};

struct report_first {
    struct report_choices *choices;
    struct report_first_question *questions; /* in the order in which they are wanted */
    size_t count;
};

/* Reads the choices, as the newest day says which period a page opens with. */
CHECKED enum err_code report_first_read(const struct report_set *set,
                                        const struct report_state *state,
                                        struct warehouse *warehouse, struct arena *arena,
                                        struct report_first *ret_first, struct err *err);

#endif
