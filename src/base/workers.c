#include "base/workers.h"

#include <pthread.h>

#include "base/cancel.h"

struct crew {
    worker_task_fn *run;
    void *arg;
    size_t task_count;
    pthread_mutex_t lock; /* guards what follows */
    size_t next_task;
    bool failed;
    struct err *first_error;
};

struct worker {
    struct crew *crew;
    unsigned number;
    pthread_t thread;
};

static bool take_task(struct crew *crew, size_t *ret_task)
{
    (void)pthread_mutex_lock(&crew->lock);
    bool more = !crew->failed && crew->next_task < crew->task_count;
    if (more)
        *ret_task = crew->next_task++;
    (void)pthread_mutex_unlock(&crew->lock);
    return more;
}

static void report(struct crew *crew, const struct err *err)
{
    (void)pthread_mutex_lock(&crew->lock);
    if (!crew->failed)
        *crew->first_error = *err;
    crew->failed = true;
    (void)pthread_mutex_unlock(&crew->lock);
}

static void *work(void *arg)
{
    const struct worker *worker = arg;
    struct crew *crew = worker->crew;
    size_t task = 0;

    while (take_task(crew, &task)) {
        struct err err = {0};
        enum err_code code = cancel_check(&err);
        if (code == ERR_OK)
            code = crew->run(crew->arg, worker->number, task, &err);
        if (code != ERR_OK)
            report(crew, &err);
    }
    return NULL;
}

enum err_code workers_run(unsigned count, size_t task_count, worker_task_fn *run, void *arg,
                          struct err *err)
{
    struct err first = {0};
    struct crew crew = {.run = run, .arg = arg, .task_count = task_count, .first_error = &first};
    unsigned started = 1;

    if (count > task_count)
        count = (unsigned)task_count;
    if (count == 0)
        count = 1;
    CLEANUP(free) char *memory = mem_zalloc(count, sizeof(struct worker));
    struct worker *workers = (void *)memory;
    (void)pthread_mutex_init(&crew.lock, NULL);
    for (unsigned i = 0; i < count; i++)
        workers[i] = (struct worker){.crew = &crew, .number = i};
    /* The caller is worker 0; with fewer threads than asked for the work is done all the same. */
    while (started < count &&
           pthread_create(&workers[started].thread, NULL, work, &workers[started]) == 0)
        started++;
    (void)work(&workers[0]);
    for (unsigned i = 1; i < started; i++)
        (void)pthread_join(workers[i].thread, NULL);
    (void)pthread_mutex_destroy(&crew.lock);
    if (crew.failed) {
        *err = first;
        return first.code;
    }
    return ERR_OK;
}
