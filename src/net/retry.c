#include "net/retry.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/text.h"

enum {
    ATTEMPTS_MAX = 10,
    BUDGET_US = 120 * 1000 * 1000,
    BASE_US = 100 * 1000,
    CAP_US = 10 * 1000 * 1000
};

void retry_begin(struct retry *retry, const struct retry_policy *policy)
{
    *retry = (struct retry){.policy = policy ? *policy : (struct retry_policy){0}};
    if (!retry->policy.attempts_max)
        retry->policy.attempts_max = ATTEMPTS_MAX;
    if (!retry->policy.budget_us)
        retry->policy.budget_us = BUDGET_US;
    if (!retry->policy.base_us)
        retry->policy.base_us = BASE_US;
    if (!retry->policy.cap_us)
        retry->policy.cap_us = CAP_US;
    retry->pause_us = retry->policy.base_us;
    retry->begun_us = clock_monotonic_us();
    retry->deadline_us = retry->begun_us + retry->policy.budget_us;
}

void retry_note(struct retry *retry, const struct err *err)
{
    size_t i = 0;

    retry->attempts++;
    while (i < retry->reason_count &&
           strncmp(retry->reasons[i].text, err->message, RETRY_REASON_SIZE - 1) != 0)
        i++;
    if (i == RETRY_REASONS_MAX)
        i--;
    else if (i == retry->reason_count)
        retry->reason_count++;
    (void)snprintf(retry->reasons[i].text, RETRY_REASON_SIZE, "%.199s", err->message);
    retry->reasons[i].times++;
}

static void join(struct retry *retry, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    char took[CLOCK_TEXT_MAX];

    if (retry->attempts < 2)
        return;
    clock_format_duration(clock_monotonic_us() - retry->begun_us, took);
    buf_addf(&text, "%u attempts in %s: ", retry->attempts, took);
    for (size_t i = 0; i < retry->reason_count; i++) {
        buf_addf(&text, "%s%s", i ? "; then " : "", retry->reasons[i].text);
        if (retry->reasons[i].times > 1)
            buf_addf(&text, " (%u times)", retry->reasons[i].times);
    }
    (void)snprintf(err->message, sizeof err->message, "%s", text.data);
}

static int64_t next_pause(const struct retry *retry)
{
    int64_t most = retry->pause_us * 3;
    int64_t pause = retry->policy.base_us +
                    (int64_t)(random_u64() % (uint64_t)(most - retry->policy.base_us + 1));

    return pause < retry->policy.cap_us ? pause : retry->policy.cap_us;
}

bool retry_again(struct retry *retry, int64_t at_least_us, struct err *err)
{
    retry_note(retry, err);
    retry->pause_us = next_pause(retry);
    int64_t pause_us = retry->pause_us > at_least_us ? retry->pause_us : at_least_us;
    if (retry->attempts >= retry->policy.attempts_max ||
        clock_monotonic_us() + pause_us >= retry->deadline_us || cancel_requested()) {
        join(retry, err);
        return false;
    }
    clock_sleep_us(pause_us);
    return true;
}

void retry_end(struct retry *retry, struct err *err)
{
    if (retry->attempts && err->code != ERR_CANCELLED) {
        retry_note(retry, err);
        join(retry, err);
    }
}
