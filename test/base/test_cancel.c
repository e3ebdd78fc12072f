/* Without these, Ctrl-C would leave the program hanging in a wait, or tear it in the middle. */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cancel.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_seen_by_checks_and_by_poll),
        cmocka_unit_test(the_first_signal_asks_and_the_second_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
