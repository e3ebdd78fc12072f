#include "base/cancel.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

static atomic_bool requested;
static atomic_int signals_seen;
static atomic_int waker = -1;
static pthread_once_t waker_once = PTHREAD_ONCE_INIT;

static void wake(void)
{
    int fd = atomic_load(&waker);
    uint64_t one = 1;

    if (fd >= 0 && write(fd, &one, sizeof one) < 0) {
        /* The counter is full, so whoever waits is awake already. */
    }
}

static void make_waker(void)
{
    atomic_store(&waker, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    /* A request may have come between: it saw no descriptor to write to. */
    if (atomic_load(&requested))
        wake();
}

int cancel_fd(void)
{
    (void)pthread_once(&waker_once, make_waker);
    return atomic_load(&waker);
}

void cancel_request(void)
{
    int saved = errno;

    atomic_store(&requested, true);
    wake();
    errno = saved;
}

void cancel_clear(void)
{
    uint64_t count;

    atomic_store(&requested, false);
    atomic_store(&signals_seen, 0);
    if (read(cancel_fd(), &count, sizeof count) < 0) {
        /* Nothing had been requested. */
    }
}

bool cancel_requested(void)
{
    return atomic_load(&requested);
}

enum err_code cancel_check(struct err *err)
{
    if (cancel_requested())
        return err_set(err, ERR_CANCELLED, "interrupted");
    return ERR_OK;
}

static void on_signal(int number)
{
    (void)number;
    if (atomic_fetch_add(&signals_seen, 1) > 0)
        _exit(130);
    cancel_request();
}

void cancel_install(void)
{
    /* SA_RESTART: libraries are not written for EINTR; poll() returns with it all the same. */
    struct sigaction stop = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    (void)cancel_fd();
    (void)sigemptyset(&stop.sa_mask);
    (void)sigemptyset(&ignore.sa_mask);
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGXFSZ, &ignore, NULL);
}
