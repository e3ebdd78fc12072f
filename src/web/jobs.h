/* web/jobs.h - questions that take time, answered by worker threads, one document each.
 *
 * A job is told what to make by its `make` function, which runs on a worker; `done` is called there
 * when the document is ready (its reference goes to `done`).  There is a bound on jobs that wait:
 * jobs_add then refuses.  Equal keys that wait are made once; what asks for something that is at
 * work waits for it and is made afterwards, when it is known. */
#ifndef WEB_JOBS_H
#define WEB_JOBS_H

#include "web/document.h"

struct jobs;
struct job;

/* Makes the document; never NULL.  `worker` is what the pool was given for this thread. */
typedef struct document *job_make_fn(void *worker, const struct job *job);
typedef void job_done_fn(void *arg, struct document *document);

struct job {
    char *key; /* owned by the queue */
    job_make_fn *make;
    void *question;    /* owned by the queue: freed with free() */
    job_done_fn *done; /* NULL: nobody waits */
    void *arg;
    bool background; /* while nobody waits for anything */
    unsigned stage;  /* of the background: when nothing of an earlier one waits or is at work */
};

/* What a thread needs before it begins and when it has nothing to do. */
struct jobs_worker {
    void *worker;
    void (*idle)(void *worker); /* called when the queue is empty, and at the end; or NULL */
};

enum {
    JOBS_WAITING_MAX = 2048
};

struct jobs *jobs_start(const struct jobs_worker *workers, size_t count, struct err *err);
/* False when too many wait: `key` and `question` are freed, done is not called. */
bool jobs_add(struct jobs *jobs, struct job job);
size_t jobs_waiting(struct jobs *jobs);
/* Answers what still waits with a document of `refuse`, ends the threads.  Jobs may still be added,
 * and are refused, until jobs_free(). */
void jobs_stop(struct jobs *jobs, struct document *(*refuse)(void));
void jobs_free(struct jobs *jobs);

#endif
