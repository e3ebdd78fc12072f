/* A task done twice doubles rows, one left out loses them, an error swallowed hides it. */
#include <stdatomic.h>

#include "base/cancel.h"
#include "base/workers.h"
#include "lib/unit.h"

enum {
    TASKS = 1000
};

struct job {
    atomic_int done[TASKS];
    atomic_uint highest_worker;
    size_t fail_at;
};

static enum err_code run(void *arg, unsigned worker, size_t task, struct err *err)
{
    struct job *job = arg;

    atomic_fetch_add(&job->done[task], 1);
    if (worker > atomic_load(&job->highest_worker))
        atomic_store(&job->highest_worker, worker);
    if (task == job->fail_at)
        return err_set(err, ERR_SOURCE, "task %zu", task);
    return ERR_OK;
}

static void every_task_is_done_once(void **state)
{
    static const unsigned counts[] = {0, 1, 2, 8, 64};
    (void)state;

    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        CLEANUP(free) char *memory = mem_zalloc(1, sizeof(struct job));
        struct job *job = (void *)memory;
        struct err err;
        job->fail_at = TASKS;
        assert_int_equal(workers_run(counts[i], TASKS, run, job, &err), ERR_OK);
        for (size_t task = 0; task < TASKS; task++)
            assert_int_equal(atomic_load(&job->done[task]), 1);
        assert_true(atomic_load(&job->highest_worker) < (counts[i] ? counts[i] : 1));
    }
}

static void an_error_stops_what_has_not_begun(void **state)
{
    CLEANUP(free) char *memory = mem_zalloc(1, sizeof(struct job));
    struct job *job = (void *)memory;
    struct err err = {0};
    (void)state;

    job->fail_at = 3;
    assert_int_equal(workers_run(1, TASKS, run, job, &err), ERR_SOURCE);
    assert_string_equal(err.message, "task 3");
    assert_int_equal(atomic_load(&job->done[4]), 0);
    assert_int_equal(workers_run(4, TASKS, run, job, &err), ERR_SOURCE);
    assert_int_equal(workers_run(4, 0, run, job, &err), ERR_OK);
}

static void ctrl_c_stops_them(void **state)
{
    CLEANUP(free) char *memory = mem_zalloc(1, sizeof(struct job));
    struct job *job = (void *)memory;
    struct err err = {0};
    (void)state;

    cancel_request();
    assert_int_equal(workers_run(4, TASKS, run, job, &err), ERR_CANCELLED);
    assert_int_equal(atomic_load(&job->done[0]), 0);
    cancel_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_is_done_once),
        cmocka_unit_test(an_error_stops_what_has_not_begun),
        cmocka_unit_test(ctrl_c_stops_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
