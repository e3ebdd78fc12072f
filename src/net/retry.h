/* net/retry.h - trying again: how often, after which pause, until when, and what is said at the
 * end.
 *
 * Pauses are decorrelated jitter (each a random time between the base and three times the last one,
 * at most the cap), so that many runners do not come back together.  One deadline stands over all
 * attempts; cancellation ends a pause. */
#ifndef NET_RETRY_H
#define NET_RETRY_H

#include <stdint.h>

#include "base/mem.h"

struct retry_policy {
    unsigned attempts_max; /* 0: 10 */
    int64_t budget_us;     /* for all attempts together; 0: 2 minutes */
    int64_t base_us;       /* 0: 100 ms */
    int64_t cap_us;        /* 0: 10 s */
};

enum {
    RETRY_REASONS_MAX = 6,
    RETRY_REASON_SIZE = 200
};

struct retry {
    struct retry_policy policy;
    int64_t begun_us;
    int64_t deadline_us; /* of clock_monotonic_us(): for each attempt's request */
    int64_t pause_us;
    unsigned attempts;
    size_t reason_count; /* different ones, in order */
    struct {
        char text[RETRY_REASON_SIZE];
        unsigned times;
    } reasons[RETRY_REASONS_MAX];
};

/* policy NULL: all defaults. */
void retry_begin(struct retry *retry, const struct retry_policy *policy);
/* After an attempt that failed with err and may be repeated: pauses and returns true, or makes
 * err's message tell of all attempts and returns false.  at_least_us: what the server asked for, or
 * 0. */
bool retry_again(struct retry *retry, int64_t at_least_us, struct err *err);
/* Another attempt without a pause, as what was wrong has been put right. */
void retry_note(struct retry *retry, const struct err *err);
/* After an attempt that failed for good: earlier attempts are told of in its message. */
void retry_end(struct retry *retry, struct err *err);

#endif
