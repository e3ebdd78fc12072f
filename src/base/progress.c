#include "base/progress.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#define FIRST_US    INT64_C(1000000)
#define TERMINAL_US INT64_C(100000)
#define LOG_US      INT64_C(10000000)

static atomic_bool enabled;
static atomic_bool active;
static atomic_bool visible;
static atomic_uint_fast64_t rows_done;
static atomic_uint_fast64_t bytes_done;
static atomic_int_fast64_t next_draw_us;

/* Written by progress_begin() only, while nobody counts. */
static const char *what;
static atomic_uint_fast64_t expected_rows;
static int64_t began_us;
static bool terminal;

void progress_configure(bool on)
{
    atomic_store(&enabled, on);
}

bool progress_visible(void)
{
    return atomic_load(&visible);
}

void progress_begin(const char *name, uint64_t expected)
{
    progress_end();
    what = name;
    atomic_store(&expected_rows, expected);
    began_us = clock_monotonic_us();
    terminal = isatty(STDERR_FILENO) == 1;
    atomic_store(&rows_done, 0);
    atomic_store(&bytes_done, 0);
    atomic_store(&next_draw_us, began_us + (terminal ? FIRST_US : LOG_US));
    atomic_store(&active, true);
}

static const char *line(struct arena *scratch, int64_t now_us)
{
    uint64_t rows = atomic_load(&rows_done), bytes = atomic_load(&bytes_done);
    double seconds = (double)(now_us - began_us) / 1e6;
    double rate = seconds > 0 ? (double)rows / seconds : 0;
    const char *left = "";

    uint64_t expected = atomic_load(&expected_rows);
    if (expected > rows && rate > 0) {
        char duration[CLOCK_TEXT_MAX];
        clock_format_duration((int64_t)((double)(expected - rows) / rate * 1e6), duration);
        left = arena_printf(scratch, ", about %s left", duration);
    }
    return arena_printf(scratch, "%s: %s rows, %s, %s rows/s%s", what, text_count(scratch, rows),
                        text_bytes(scratch, bytes), text_count(scratch, (uint64_t)rate), left);
}

static void draw(int64_t now_us)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    const char *text = line(scratch, now_us);

    if (!terminal) {
        log_info("%s", text);
        return;
    }
    atomic_store(&visible, true);
    (void)fprintf(stderr, "\r\033[K%s", text);
    (void)fflush(stderr);
}

void progress_add(uint64_t rows, uint64_t bytes)
{
    if (!atomic_load_explicit(&active, memory_order_relaxed))
        return;
    (void)atomic_fetch_add_explicit(&rows_done, rows, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&bytes_done, bytes, memory_order_relaxed);
    if (!atomic_load_explicit(&enabled, memory_order_relaxed))
        return;
    int64_t now_us = clock_monotonic_us();
    int_fast64_t due = atomic_load(&next_draw_us);
    /* Whoever moves the time on draws; the others go on counting. */
    if (now_us >= due && atomic_compare_exchange_strong(&next_draw_us, &due,
                                                        now_us + (terminal ? TERMINAL_US : LOG_US)))
        draw(now_us);
}

struct progress_now progress_read(void)
{
    return (struct progress_now){
        .active = atomic_load(&active),
        .rows = atomic_load(&rows_done),
        .bytes = atomic_load(&bytes_done),
        .expected_rows = atomic_load(&expected_rows),
    };
}

void progress_end(void)
{
    atomic_store(&active, false);
    if (atomic_exchange(&visible, false)) {
        (void)fputs("\r\033[K", stderr);
        (void)fflush(stderr);
    }
}
