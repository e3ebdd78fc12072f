/* app/publish_bundle.h - which sets of filters a published page offers, and the document of each:
 * every report under these filters.  For publish.c. */
#ifndef APP_PUBLISH_BUNDLE_H
#define APP_PUBLISH_BUNDLE_H

#include "pipeline/report.h"

struct bundle {
    struct report_filters filters;
    const char *key;    /* query string: docs/reference/http-api.md */
    const char *object; /* where it was put; set by the publisher */
};

enum {
    BUNDLES_MAX = 240,
    BUNDLE_CHOICES_MAX = 50, /* a filter with more values than this is not offered */
    BUNDLE_ROWS = 300,       /* of a report */
    BUNDLE_NEWEST = 100,     /* of a list of rows */
};

struct bundle_memo;
struct bundle_set {
    struct bundle bundles[BUNDLES_MAX];
    size_t count;
    const struct report_set *reports;
    const struct report_state *state;
    struct arena *arena;
    struct bundle_memo *memo; /* answers that other bundles have too */
};

struct bundle_plan {
    const struct report_set *reports;
    const struct report_state *state;
    const struct report_choices *choices;
    const char *const
        *filters; /* those that are offered: "currency", "period", …; NULL-terminated */
};
/* No filter; each value of each filter that is offered; each currency with each period. */
struct bundle_set *bundle_set_plan(const struct bundle_plan *plan, struct arena *arena);
/* Asks the warehouse for what the bundles hold, all at once; what cannot be asked so is asked by
 * bundle_write(). After report_prepare(). */
CHECKED enum err_code bundle_set_answer(struct bundle_set *bundles, struct warehouse *warehouse,
                                        struct err *err);
CHECKED enum err_code bundle_write(struct bundle_set *bundles, size_t which,
                                   struct warehouse *warehouse, struct buf *ret_text,
                                   struct err *err);

#endif
