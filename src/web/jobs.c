#include "web/jobs.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/text.h"

enum {
    WORKERS_MAX = 16
};

struct jobs {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct job waiting[JOBS_WAITING_MAX]; /* in the order in which they came */
    size_t count;
    bool ending;
    struct thread {
        struct jobs *jobs;
        pthread_t id;
        struct jobs_worker worker;
        const char *key; /* of what it makes; NULL: nothing */
        bool background;
        unsigned stage;
    } threads[WORKERS_MAX];
    size_t thread_count;
};

static void forget(struct job *job)
{
    free(job->key);
    free(job->question);
}

static bool is_at_work(const struct jobs *jobs, const char *key)
{
    for (size_t i = 0; i < jobs->thread_count; i++)
        if (jobs->threads[i].key && text_equal(jobs->threads[i].key, key))
            return true;
    return false;
}

/* The background has half of the threads, and none while somebody waits, be it for what the
 * background is making. */
static bool may_begin_background(const struct jobs *jobs, const struct job *job)
{
    size_t busy = 0;

    for (size_t i = 0; i < jobs->count; i++)
        if (!jobs->waiting[i].background)
            return false;
    for (size_t i = 0; i < jobs->thread_count; i++) {
        const struct thread *thread = &jobs->threads[i];
        if (thread->key && (!thread->background || thread->stage < job->stage))
            return false;
        busy += thread->key != NULL;
    }
    return busy < (jobs->thread_count + 1) / 2;
}

/* The first job that somebody waits for, else the first of the earliest stage; none that is at work
 * already: when that is done, the answer is known.  jobs->count: there is nothing to do now. */
static size_t choose(const struct jobs *jobs)
{
    size_t background = jobs->count;

    for (size_t i = 0; i < jobs->count; i++) {
        const struct job *job = &jobs->waiting[i];
        if (is_at_work(jobs, job->key))
            continue;
        if (!job->background)
            return i;
        if (background == jobs->count || job->stage < jobs->waiting[background].stage)
            background = i;
    }
    if (background < jobs->count && may_begin_background(jobs, &jobs->waiting[background]))
        return background;
    return jobs->count;
}

/* Takes that job, and those that ask the same. */
static size_t take(struct jobs *jobs, size_t chosen, struct job *ret_jobs, size_t most)
{
    size_t taken = 0, kept = 0;

    ret_jobs[taken++] = jobs->waiting[chosen];
    for (size_t i = 0; i < jobs->count; i++) {
        struct job job = jobs->waiting[i];
        if (i == chosen)
            continue;
        if (taken < most && text_equal(job.key, ret_jobs[0].key))
            ret_jobs[taken++] = job;
        else
            jobs->waiting[kept++] = job;
    }
    jobs->count = kept;
    return taken;
}

static void answer(struct job *same, size_t count, struct document *document)
{
    for (size_t i = 0; i < count; i++) {
        if (same[i].done)
            same[i].done(same[i].arg, document_hold(document));
        forget(&same[i]);
    }
    document_release(document);
}

static void *work(void *arg)
{
    struct thread *thread = arg;
    struct jobs *jobs = thread->jobs;
    struct job same[64];

    pthread_mutex_lock(&jobs->lock);
    while (!jobs->ending) {
        if (choose(jobs) == jobs->count && thread->worker.idle) {
            pthread_mutex_unlock(&jobs->lock);
            thread->worker.idle(thread->worker.worker);
            pthread_mutex_lock(&jobs->lock);
        }
        size_t chosen;
        while ((chosen = choose(jobs)) == jobs->count && !jobs->ending)
            pthread_cond_wait(&jobs->more, &jobs->lock);
        if (jobs->ending)
            break;
        size_t count = take(jobs, chosen, same, COUNT_OF(same));
        CLEANUP_IN_PLACE(buf_release) struct buf key = {0};
        buf_add_text(&key, same[0].key);
        thread->key = buf_text(&key);
        thread->background = same[0].background;
        thread->stage = same[0].stage;
        pthread_mutex_unlock(&jobs->lock);
        answer(same, count, same[0].make(thread->worker.worker, &same[0]));
        pthread_mutex_lock(&jobs->lock);
        thread->key = NULL;
        pthread_cond_broadcast(&jobs->more); /* what waited for this may begin */
    }
    pthread_mutex_unlock(&jobs->lock);
    if (thread->worker.idle)
        thread->worker.idle(thread->worker.worker);
    return NULL;
}

static void join_all(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    jobs->ending = true;
    pthread_cond_broadcast(&jobs->more);
    pthread_mutex_unlock(&jobs->lock);
    for (size_t i = 0; i < jobs->thread_count; i++)
        pthread_join(jobs->threads[i].id, NULL);
}

void jobs_free(struct jobs *jobs)
{
    if (!jobs)
        return;
    pthread_cond_destroy(&jobs->more);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}

struct jobs *jobs_start(const struct jobs_worker *workers, size_t count, struct err *err)
{
    struct jobs *jobs = mem_zalloc(1, sizeof *jobs);
    sigset_t all, before;
    int failed = 0;

    pthread_mutex_init(&jobs->lock, NULL);
    pthread_cond_init(&jobs->more, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pthread_mutex_lock(&jobs->lock);
    for (size_t i = 0; i < count && i < WORKERS_MAX && !failed; i++) {
        struct thread *thread = &jobs->threads[i];
        thread->jobs = jobs;
        thread->worker = workers[i];
        failed = pthread_create(&thread->id, NULL, work, thread);
        jobs->thread_count += !failed;
    }
    pthread_mutex_unlock(&jobs->lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!failed)
        return jobs;
    join_all(jobs);
    jobs_free(jobs);
    (void)err_set(err, ERR_IO, "starting a thread: %s", strerror(failed));
    return NULL;
}

bool jobs_add(struct jobs *jobs, struct job job)
{
    pthread_mutex_lock(&jobs->lock);
    bool room = jobs->count < JOBS_WAITING_MAX && !jobs->ending;
    if (room) {
        jobs->waiting[jobs->count++] = job;
        pthread_cond_signal(&jobs->more);
    }
    pthread_mutex_unlock(&jobs->lock);
    if (!room)
        forget(&job);
    return room;
}

size_t jobs_waiting(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    size_t count = jobs->count;
    pthread_mutex_unlock(&jobs->lock);
    return count;
}

void jobs_stop(struct jobs *jobs, struct document *(*refuse)(void))
{
    if (!jobs)
        return;
    join_all(jobs);
    for (size_t i = 0; i < jobs->count; i++)
        answer(&jobs->waiting[i], 1, refuse());
    jobs->count = 0;
}
