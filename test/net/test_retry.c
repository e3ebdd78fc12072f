/* Too few attempts and a throttled bucket fails the batch; too many and nobody hears of a dead one.
 */
#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "lib/unit.h"
#include "net/retry.h"

static const struct retry_policy quick = {.attempts_max = 5, .base_us = 100, .cap_us = 1000};

static void attempts_and_the_deadline_end_it(void **state)
{
    const struct retry_policy hasty = {
        .attempts_max = 1000, .budget_us = 100000, .base_us = 1000, .cap_us = 20000};
    struct retry retry;
    struct err err;
    unsigned again = 0;
    (void)state;

    retry_begin(&retry, &quick);
    do
        (void)err_set(&err, ERR_UNAVAILABLE, "no");
    while (retry_again(&retry, 0, &err) && ++again);
    assert_int_equal(again, 4);
    int64_t begin_us = clock_monotonic_us();
    retry_begin(&retry, &hasty);
    do
        (void)err_set(&err, ERR_UNAVAILABLE, "no");
    while (retry_again(&retry, 0, &err));
    assert_in_range(clock_monotonic_us() - begin_us, 0, 1000000);
    /* What the server asks for counts, when there is time for it. */
    retry_begin(&retry, &hasty);
    (void)err_set(&err, ERR_UNAVAILABLE, "no");
    assert_false(retry_again(&retry, 5000000, &err));
}

static void the_message_tells_of_each_reason_once(void **state)
{
    struct retry retry;
    struct err err;
    (void)state;

    retry_begin(&retry, &quick);
    for (int i = 0; i < 5; i++) {
        (void)err_set(&err, ERR_UNAVAILABLE, i < 3 ? "busy" : "gone");
        (void)retry_again(&retry, 0, &err);
    }
    assert_non_null(strstr(err.message, "5 attempts in "));
    assert_non_null(strstr(err.message, ": busy (3 times); then gone (2 times)"));
    retry_begin(&retry, &quick);
    (void)err_set(&err, ERR_DENIED, "denied at once");
    retry_end(&retry, &err);
    assert_string_equal(err.message, "denied at once");
    /* More reasons than there is room for, and long ones. */
    retry_begin(&retry, &(struct retry_policy){.attempts_max = 20, .base_us = 1, .cap_us = 2});
    for (int i = 0; i < 20; i++) {
        (void)err_set(&err, ERR_UNAVAILABLE, "%d %0300d", i, i);
        (void)retry_again(&retry, 0, &err);
    }
    assert_non_null(strstr(err.message, "20 attempts"));
}

static void ctrl_c_ends_a_pause(void **state)
{
    struct retry retry;
    struct err err;
    (void)state;

    retry_begin(&retry, NULL);
    (void)err_set(&err, ERR_UNAVAILABLE, "no");
    cancel_request();
    assert_false(retry_again(&retry, 0, &err));
    cancel_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_and_the_deadline_end_it),
        cmocka_unit_test(the_message_tells_of_each_reason_once),
        cmocka_unit_test(ctrl_c_ends_a_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
