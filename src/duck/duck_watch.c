#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "duck/duck_private.h"

enum {
    AGAIN_MS = 20,
    TIMED_MS = 50, /* how often the time is looked at where statements have a limit */
};

struct duck_watch {
    duckdb_connection connection;
    pthread_t thread;
    int stop_fd;
    int64_t timeout_us;              /* of a statement; 0: none */
    atomic_int_fast64_t deadline_us; /* of the statement under way; 0: none is */
    atomic_bool timed_out;
};

static bool is_over(struct duck_watch *self)
{
    int64_t deadline_us = atomic_load(&self->deadline_us);
    bool over = deadline_us && clock_monotonic_us() >= deadline_us;

    if (over)
        atomic_store(&self->timed_out, true);
    return over;
}

/* An interrupt only stops the statement under way: one that begins just after it would run on, so
 * it is repeated. */
static void *watch(void *arg)
{
    struct duck_watch *self = arg;
    for (;;) {
        struct pollfd fds[2] = {{.fd = self->stop_fd, .events = POLLIN},
                                {.fd = cancel_fd(), .events = POLLIN}};
        if (poll(fds, 2, self->timeout_us ? TIMED_MS : -1) < 0)
            continue;
        if (fds[0].revents)
            return NULL;
        if (!cancel_requested() && !is_over(self))
            continue;
        duckdb_interrupt(self->connection);
        if (poll(fds, 1, AGAIN_MS) > 0)
            return NULL;
    }
}

void duck_watch_time(struct duck_watch *self, bool running)
{
    if (running)
        atomic_store(&self->timed_out, false);
    atomic_store(&self->deadline_us,
                 running && self->timeout_us ? clock_monotonic_us() + self->timeout_us : 0);
}

bool duck_watch_timed_out(const struct duck_watch *self)
{
    return self && atomic_load(&self->timed_out);
}

enum err_code duck_watch_start(duckdb_connection connection, int64_t timeout_us,
                               struct duck_watch **ret_watch, struct err *err)
{
    struct duck_watch *self = mem_zalloc(1, sizeof *self);
    self->connection = connection;
    self->timeout_us = timeout_us;
    self->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (self->stop_fd < 0) {
        free(self);
        return err_sys(err, ERR_IO, "making an event descriptor");
    }
    /* signals are for the main thread, whose waits they end */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed = pthread_create(&self->thread, NULL, watch, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        (void)close(self->stop_fd);
        free(self);
        return err_set(err, ERR_IO, "starting a thread: %s", strerror(failed));
    }
    *ret_watch = self;
    return ERR_OK;
}

void duck_watch_stop(struct duck_watch *self)
{
    if (!self)
        return;
    (void)eventfd_write(self->stop_fd, 1);
    pthread_join(self->thread, NULL);
    (void)close(self->stop_fd);
    free(self);
}
