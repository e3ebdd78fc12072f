/* lambda/lambda.h - the life of a Lambda function: start, then one event after the other until the
 * environment is taken away.
 *
 * Which handler is meant stands in _HANDLER; configuration comes from the environment.  A bad one
 * is reported as an init error.  Between invocations of the same environment only open stores are
 * kept, and not after a failure. */
#ifndef LAMBDA_LAMBDA_H
#define LAMBDA_LAMBDA_H

#include "app/app.h"
#include "lambda/emf.h"
#include "lambda/event.h"

/* One invocation, as a handler sees it. */
struct lambda_call {
    struct app *app;
    struct event *event;
    struct arena *arena; /* of the invocation */
    struct buf *answer;  /* JSON, written by the handler */
    struct emf *metrics; /* filled by the handler as far as it can, also when it fails */
};

enum {
    LAMBDA_NEEDS_MAX = 4
};

struct lambda_handler {
    const char *name;                    /* as in _HANDLER */
    unsigned events;                     /* enum event_kind that it takes, or'ed */
    enum option needs[LAMBDA_NEEDS_MAX]; /* that must be set before it starts */
    unsigned need_count;
    /* Within the deadline of base/cancel.h.  An error becomes Lambda's error JSON. */
    enum err_code (*run)(struct lambda_call *call, struct err *err);
};

/* Returns the exit status. */
int lambda_main(const struct lambda_handler *const *handlers, size_t count);

#endif
