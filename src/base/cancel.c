#include "base/cancel.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static atomic_bool requested;
static atomic_int signals_seen;
static atomic_bool deadline_passed;
static _Atomic int64_t deadline; /* 0: none */
static _Atomic int64_t end;      /* of the program; only where there is a deadline */
static atomic_int waker = -1;
static pthread_once_t waker_once = PTHREAD_ONCE_INIT;
static const int64_t TIDY_US = 2 * 1000000;

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

bool cancel_deadline_passed(void)
{
    return atomic_load(&deadline_passed);
}

enum err_code cancel_check(struct err *err)
{
    if (cancel_requested())
        return err_set(err, ERR_CANCELLED, "%s",
                       cancel_deadline_passed() ? "out of time" : "interrupted");
    return ERR_OK;
}

static void on_signal(int number)
{
    (void)number;
    if (atomic_fetch_add(&signals_seen, 1) > 0)
        _exit(130);
    cancel_request();
}

static void on_deadline(int number)
{
    (void)number;
    if (atomic_load(&deadline) == 0 || atomic_load(&requested))
        return;
    atomic_store(&deadline_passed, true);
    cancel_request();
}

/* A signal, because nothing else wakes a program without a thread of its own for it. */
static timer_t deadline_timer(void)
{
    static timer_t timer;
    static bool made;
    struct sigaction stop = {.sa_handler = on_deadline, .sa_flags = SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};

    if (!made) {
        (void)cancel_fd();
        (void)sigemptyset(&stop.sa_mask);
        (void)sigaction(SIGALRM, &stop, NULL);
        if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
            abort(); /* no memory in the kernel */
        made = true;
    }
    return timer;
}

void cancel_deadline(int64_t deadline_us, int64_t reserve_us)
{
    struct itimerspec at = {.it_value = {.tv_sec = deadline_us / 1000000,
                                         .tv_nsec = (long)(deadline_us % 1000000) * 1000}};

    atomic_store(&end, deadline_us + reserve_us);
    atomic_store(&deadline, deadline_us);
    if (atomic_exchange(&deadline_passed, false))
        cancel_clear();
    (void)timer_settime(deadline_timer(), TIMER_ABSTIME, &at, NULL);
}

int64_t cancel_time_left_us(void)
{
    int64_t at_us = atomic_load(&deadline);

    if (at_us == 0)
        return INT64_MAX;
    int64_t left_us = at_us - clock_monotonic_us();
    return left_us > 0 ? left_us : 0;
}

int64_t cancel_tidy_us(void)
{
    if (atomic_load(&deadline) == 0)
        return TIDY_US;
    int64_t half_us = (atomic_load(&end) - clock_monotonic_us()) / 2;
    if (half_us < 0)
        return 0;
    return half_us < TIDY_US ? half_us : TIDY_US;
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
