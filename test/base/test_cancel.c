/* Without these, Ctrl-C would leave the program hanging in a wait, or tear it in the middle. */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "lib/unit.h"

static bool readable(void)
{
    struct pollfd waker = {.fd = cancel_fd(), .events = POLLIN};
    return poll(&waker, 1, 0) == 1;
}

static void a_request_is_seen_by_checks_and_by_poll(void **state)
{
    struct err err;
    (void)state;

    assert_int_equal(cancel_check(&err), ERR_OK);
    assert_false(readable());
    cancel_request();
    assert_true(cancel_requested());
    assert_true(readable());
    assert_int_equal(cancel_check(&err), ERR_CANCELLED);
    assert_string_equal(err.message, "interrupted");
    cancel_clear();
    assert_false(cancel_requested());
    assert_false(readable());
}

static int status_after(int signals)
{
    pid_t child = fork();

    if (child == 0) {
        cancel_install();
        for (int i = 0; i < signals; i++)
            (void)raise(SIGTERM);
        (void)raise(SIGPIPE);
        _exit(cancel_requested() && readable() ? 7 : 8);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void the_first_signal_asks_and_the_second_ends(void **state)
{
    (void)state;
    assert_int_equal(status_after(0), 8);
    assert_int_equal(status_after(1), 7);
    assert_int_equal(status_after(2), 130);
}

static void a_deadline_requests_cancellation_and_says_so(void **state)
{
    struct err err;
    (void)state;

    assert_true(cancel_time_left_us() == INT64_MAX);
    cancel_deadline(clock_monotonic_us() + 20000, 0);
    assert_false(cancel_requested());
    assert_in_range(cancel_time_left_us(), 1, 20000);
    int64_t begun_us = clock_monotonic_us();
    clock_sleep_us(5000000); /* a wait that wakes up */
    assert_in_range(clock_monotonic_us() - begun_us, 1000, 2000000);
    assert_true(cancel_deadline_passed());
    assert_true(readable());
    assert_int_equal(cancel_time_left_us(), 0);
    assert_int_equal(cancel_check(&err), ERR_CANCELLED);
    assert_string_equal(err.message, "out of time");
    cancel_deadline(0, 0);
    assert_false(cancel_requested());
    assert_false(cancel_deadline_passed());
    assert_false(readable());
}

static void a_deadline_that_was_taken_back_does_nothing(void **state)
{
    (void)state;

    cancel_deadline(clock_monotonic_us() + 20000, 0);
    cancel_deadline(0, 0);
    clock_sleep_us(40000);
    assert_false(cancel_requested());
    cancel_deadline(clock_monotonic_us() - 1, 0); /* in the past: at once */
    clock_sleep_us(5000000);
    assert_true(cancel_deadline_passed());
    cancel_deadline(clock_monotonic_us() + 60000000, 0); /* the next one begins afresh */
    assert_false(cancel_requested());
    cancel_deadline(0, 0);
}

/* Else tidying up would go on until the function is killed, and nobody were told why. */
static void tidying_up_leaves_time_to_say_so(void **state)
{
    (void)state;

    assert_int_equal(cancel_tidy_us(), 2000000);
    cancel_deadline(clock_monotonic_us() + 60000000, 3000000);
    assert_int_equal(cancel_tidy_us(), 2000000);
    cancel_deadline(clock_monotonic_us(), 3000000);
    assert_in_range(cancel_tidy_us(), 1000000, 1500000);
    cancel_deadline(clock_monotonic_us() - 4000000, 3000000);
    assert_int_equal(cancel_tidy_us(), 0);
    cancel_deadline(0, 0);
}

static void who_interrupts_before_the_deadline_is_heard(void **state)
{
    struct err err;
    (void)state;

    cancel_deadline(clock_monotonic_us() + 20000, 0);
    cancel_request();
    struct timespec longer = {.tv_nsec = 40000000};
    (void)nanosleep(&longer, NULL);
    assert_int_equal(cancel_check(&err), ERR_CANCELLED);
    assert_string_equal(err.message, "interrupted");
    cancel_deadline(0, 0);
    assert_true(cancel_requested()); /* that one is not the deadline's to take back */
    cancel_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_seen_by_checks_and_by_poll),
        cmocka_unit_test(a_deadline_requests_cancellation_and_says_so),
        cmocka_unit_test(a_deadline_that_was_taken_back_does_nothing),
        cmocka_unit_test(tidying_up_leaves_time_to_say_so),
        cmocka_unit_test(who_interrupts_before_the_deadline_is_heard),
        cmocka_unit_test(the_first_signal_asks_and_the_second_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
