/* pipeline/report_many.h - reports under many filters at once: one query a report instead of one
 * for each of its filters.
 *
 * What is asked stands in a temporary table, REPORT_ASKED, a row for each; the rows that each lets
 * through stand in one table for each set (REPORT_ASKED_ROWS_PREFIX), and a report is joined with
 * them laterally.  Answers are those of report_json_members(), byte for byte. */
#ifndef PIPELINE_REPORT_MANY_H
#define PIPELINE_REPORT_MANY_H

#include "pipeline/report.h"

/* Rows of all sets together that may be put into temporary tables at a time. */
#define REPORT_MANY_ROWS INT64_C(4000000)

/* Takes the answer of filters[which]; the text is valid during the call. */
typedef void report_many_fn(void *arg, size_t which, const struct buf *text);

/* How many filters may be prepared at a time; 0: none, so ask them one by one.  After
 * report_prepare(). */
CHECKED enum err_code report_many_most(const struct report_set *set, struct warehouse *warehouse,
                                       size_t *ret_count, struct err *err);
/* Whether filters can be asked in this way: they convert nothing and their values are plain. */
bool report_many_takes(const struct report_filters *filters);
CHECKED enum err_code report_many_prepare(const struct report_set *set,
                                          const struct report_state *state,
                                          const struct report_filters *filters, size_t count,
                                          struct warehouse *warehouse, struct err *err);

struct report_many {
    const struct report *report; /* one with many.text */
    const struct report_state *state;
    const struct report_filters *filters; /* as they were prepared */
    const bool *wanted;                   /* of these, which */
    size_t count;
    unsigned limit; /* rows of each, whatever the filters say */
};
/* Gives each wanted filter's document to `each`, in their order. */
CHECKED enum err_code report_many_json(const struct report_many *many, struct warehouse *warehouse,
                                       report_many_fn *each, void *arg, struct err *err);

#endif
