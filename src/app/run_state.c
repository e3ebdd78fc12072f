#include "app/run_state.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/progress.h"
#include "base/text.h"

enum {
    WRITE_MS = 500,
    FILE_LIMIT_BYTES = 4096,
    NAME_DIGITS = 16,
};
static const int64_t fresh_us = 5 * INT64_C(1000000);

struct run_reporter {
    struct arena *arena;
    const char *path;
    pthread_t thread;
    pthread_mutex_t lock;
    const char *step; /* under lock, as what follows */
    int64_t step_started_us;
    int64_t next_run_us;
    bool closing;
    int wake_fd;
};

/* NULL where there is no lake. */
static const char *state_path(const struct config *config, struct arena *arena)
{
    const char *lake = config_text(config, OPTION_LAKE_INGESTION);
    const char *folder = config_text(config, OPTION_WORK_DIR);
    char hex[SHA256_HEX_SIZE];

    if (!lake)
        return NULL;
    if (!folder)
        folder = getenv("TMPDIR");
    sha256_of(lake, strlen(lake), hex);
    return arena_printf(arena, "%s/tote-run-%u-%.*s.json", folder && *folder ? folder : "/tmp",
                        (unsigned)geteuid(), NAME_DIGITS, hex);
}

static void write_state(struct run_reporter *reporter)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    struct progress_now progress = progress_read();
    struct json_writer json;
    struct err ignored;

    json_begin(&json, &text, false);
    json_object_begin(&json, NULL);
    json_int(&json, "pid", getpid());
    json_int(&json, "written_us", clock_now_us());
    pthread_mutex_lock(&reporter->lock);
    json_bool(&json, "running", !reporter->closing);
    json_text(&json, "step", reporter->step);
    json_int(&json, "step_started_us", reporter->step_started_us);
    json_int(&json, "next_run_us", reporter->next_run_us);
    pthread_mutex_unlock(&reporter->lock);
    json_int(&json, "rows", progress.active ? (int64_t)progress.rows : 0);
    json_int(&json, "bytes", progress.active ? (int64_t)progress.bytes : 0);
    json_int(&json, "expected_rows", progress.active ? (int64_t)progress.expected_rows : 0);
    json_object_end(&json);
    (void)!file_write_atomic(reporter->path, text.data, text.size, 0644, &ignored);
}

static void *report(void *arg)
{
    struct run_reporter *reporter = arg;
    bool closing = false;

    while (!closing) {
        struct pollfd wake = {.fd = reporter->wake_fd, .events = POLLIN};
        eventfd_t count;
        write_state(reporter);
        if (poll(&wake, 1, WRITE_MS) > 0)
            (void)eventfd_read(reporter->wake_fd, &count);
        pthread_mutex_lock(&reporter->lock);
        closing = reporter->closing;
        pthread_mutex_unlock(&reporter->lock);
    }
    /* Whoever runs once leaves nothing behind; the pause of one that goes on is worth telling. */
    if (reporter->next_run_us)
        write_state(reporter);
    else
        (void)unlink(reporter->path);
    return NULL;
}

struct run_reporter *run_reporter_open(const struct app *app)
{
    struct arena *arena = arena_new(0);
    struct run_reporter *reporter = arena_alloc(arena, sizeof *reporter);
    sigset_t all, before;

    reporter->arena = arena;
    reporter->path = state_path(app_config(app), arena);
    reporter->wake_fd = reporter->path ? eventfd(0, EFD_CLOEXEC) : -1;
    pthread_mutex_init(&reporter->lock, NULL);
    /* signals are for the main thread, whose waits they end */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed =
        reporter->wake_fd < 0 ? EIO : pthread_create(&reporter->thread, NULL, report, reporter);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!failed)
        return reporter;
    if (reporter->wake_fd >= 0)
        (void)close(reporter->wake_fd);
    arena_free(arena);
    return NULL;
}

void run_reporter_step(struct run_reporter *reporter, const char *step)
{
    if (!reporter)
        return;
    pthread_mutex_lock(&reporter->lock);
    reporter->step = step;
    reporter->step_started_us = clock_now_us();
    pthread_mutex_unlock(&reporter->lock);
    (void)eventfd_write(reporter->wake_fd, 1);
}

void run_reporter_close(struct run_reporter *reporter, int64_t next_run_us)
{
    if (!reporter)
        return;
    pthread_mutex_lock(&reporter->lock);
    reporter->closing = true;
    reporter->next_run_us = next_run_us;
    pthread_mutex_unlock(&reporter->lock);
    (void)eventfd_write(reporter->wake_fd, 1);
    pthread_join(reporter->thread, NULL);
    (void)close(reporter->wake_fd);
    pthread_mutex_destroy(&reporter->lock);
    arena_free(reporter->arena);
}

/* Only what this user or root wrote: the folder may be everybody's. */
static bool is_ours(const char *path)
{
    struct stat about;

    return lstat(path, &about) == 0 && S_ISREG(about.st_mode) &&
           (about.st_uid == geteuid() || about.st_uid == 0);
}

static bool is_alive(int64_t pid)
{
    return pid > 0 && pid <= INT32_MAX && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

struct run_state run_state_read(const struct config *config, struct arena *arena)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    CLEANUP(json_doc_free) struct json_doc *doc = NULL;
    struct run_state state = {0};
    const char *path = state_path(config, arena);
    struct err ignored;

    if (!path || !is_ours(path) || file_read(path, FILE_LIMIT_BYTES, &text, &ignored) ||
        json_parse("run state", text.data, text.size, &doc, &ignored))
        return state;
    const struct json_value *root = json_root(doc);
    int64_t age_us = clock_now_us() - json_opt_int(root, "written_us", 0);
    state.pid = json_opt_int(root, "pid", 0);
    if (!is_alive(state.pid))
        return (struct run_state){0};
    state.running = json_opt_bool(root, "running", false) && age_us < fresh_us;
    state.next_run_us = json_opt_int(root, "next_run_us", 0);
    if (!state.running)
        return state;
    const char *step = json_opt_text(root, "step", NULL);
    state.step = step ? arena_strdup(arena, step) : NULL;
    state.step_started_us = json_opt_int(root, "step_started_us", 0);
    state.rows = (uint64_t)json_opt_int(root, "rows", 0);
    state.bytes = (uint64_t)json_opt_int(root, "bytes", 0);
    state.expected_rows = (uint64_t)json_opt_int(root, "expected_rows", 0);
    return state;
}
