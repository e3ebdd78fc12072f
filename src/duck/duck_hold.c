#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/text.h"
#include "duck/duck_private.h"

enum {
    POLL_US = 20 * 1000
};

struct duck_hold {
    struct duck_hold *next;
    bool read_only;
    char path[PATH_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct duck_hold *holds; /* under lock */

/* The file need not exist yet: its folder is resolved instead. */
static void resolve(const char *path, char ret[static PATH_MAX])
{
    char folder[PATH_MAX], real[PATH_MAX];
    if (realpath(path, ret))
        return;
    const char *slash = strrchr(path, '/');
    int size = snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path + 1) : 1,
                        slash ? path : ".");
    if (size < PATH_MAX && realpath(folder, real))
        size = snprintf(ret, PATH_MAX, "%s/%s", real, slash ? slash + 1 : path);
    else
        size = PATH_MAX;
    if (size >= PATH_MAX) /* longer than any file's: opening it will say so */
        (void)snprintf(ret, PATH_MAX, "%.*s", PATH_MAX - 1, path);
}

static bool try_take(struct duck_hold *hold)
{
    bool free_to_take = true;
    pthread_mutex_lock(&lock);
    for (const struct duck_hold *other = holds; other; other = other->next)
        if (text_equal(other->path, hold->path) && !(other->read_only && hold->read_only))
            free_to_take = false;
    if (free_to_take) {
        hold->next = holds;
        holds = hold;
    }
    pthread_mutex_unlock(&lock);
    return free_to_take;
}

enum err_code duck_hold_take(const char *path, bool read_only, int64_t wait_us,
                             struct duck_hold **ret_hold, struct err *err)
{
    struct duck_hold *hold = mem_zalloc(1, sizeof *hold);
    hold->read_only = read_only;
    resolve(path, hold->path);
    int64_t deadline_us = clock_monotonic_us() + wait_us;
    while (!try_take(hold)) {
        enum err_code code = cancel_check(err);
        if (code == ERR_OK && clock_monotonic_us() >= deadline_us) {
            code = err_set(err, ERR_UNAVAILABLE, "'%s' is in use by this program itself", path);
            (void)err_hint(err, "wait until the load or query that is under way has ended");
        }
        if (code != ERR_OK) {
            free(hold);
            return code;
        }
        clock_sleep_us(POLL_US);
    }
    *ret_hold = hold;
    return ERR_OK;
}

void duck_hold_release(struct duck_hold *hold)
{
    if (!hold)
        return;
    pthread_mutex_lock(&lock);
    for (struct duck_hold **at = &holds; *at; at = &(*at)->next)
        if (*at == hold) {
            *at = hold->next;
            break;
        }
    pthread_mutex_unlock(&lock);
    free(hold);
}
