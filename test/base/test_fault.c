/* The fault loops prove nothing if the fault does not come where it was asked for. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/text.h"
#include "lib/unit.h"

#ifdef TOTE_FAULTS

/* Runs five store and two pg operations; exits with the number of the one that failed, or 0. */
static void operate(void)
{
    struct err err;

    for (int i = 1; i <= 5; i++) {
        if (fault_before("store", "key", &err))
            exit(i);
        if (i <= 2 && fault_before("pg", "query", &err))
            exit(100 + i);
        if (i <= 2)
            fault_after("pg");
        fault_after("store");
    }
    exit(0);
}

static int status_of(const char *setting, const char *count_path)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        (void)setenv("TOTE_FAULT", setting, 1);
        if (count_path)
            (void)setenv("TOTE_FAULT_COUNT", count_path, 1);
        operate();
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void the_nth_operation_is_the_one(void **state)
{
    (void)state;
    assert_int_equal(status_of("", NULL), 0);
    assert_int_equal(status_of("store:fail:3", NULL), 3);
    assert_int_equal(status_of("pg:fail:2", NULL), 102);
    assert_int_equal(status_of("store:fail:6", NULL), 0);
    assert_int_equal(status_of("store:kill:5", NULL), -SIGKILL);
    assert_int_equal(status_of("store:kill-after:5", NULL), -SIGKILL);
    assert_int_equal(status_of("pg:kill-after:3", NULL), 0);
    assert_int_equal(status_of("stor:fail:1", NULL), 2);
    assert_int_equal(status_of("store:fail:0", NULL), 2);
}

static void operations_are_counted(void **state)
{
    CLEANUP(work_dir_close) struct work_dir *dir = NULL;
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    CLEANUP_IN_PLACE(buf_release) struct buf content = {0};
    struct err err;
    (void)state;

    assert_int_equal(work_dir_open(NULL, &dir, &err), ERR_OK);
    const char *path = arena_printf(arena, "%s/counts", work_dir_path(dir));
    assert_int_equal(status_of("", path), 0);
    assert_int_equal(file_read(path, 1000, &content, &err), ERR_OK);
    assert_string_equal(content.data, "store 5\npg 2\nduck 0\nfile 0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: what is forked from must not have read its own setting yet. */
        cmocka_unit_test(the_nth_operation_is_the_one),
        cmocka_unit_test(operations_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void faults_cost_nothing_when_compiled_out(void **state)
{
    struct err err;
    (void)state;
    (void)setenv("TOTE_FAULT", "store:fail:1", 1);
    assert_int_equal(fault_before("store", "key", &err), ERR_OK);
    fault_after("store");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(faults_cost_nothing_when_compiled_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
