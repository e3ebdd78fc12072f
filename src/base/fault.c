#include "base/fault.h"

#ifdef TOTE_FAULTS

#    include <fcntl.h>
#    include <pthread.h>
#    include <signal.h>
#    include <stdatomic.h>
#    include <stdio.h>
#    include <stdlib.h>
#    include <string.h>
#    include <unistd.h>

#    include "base/text.h"

enum action {
    ACTION_NONE,
    ACTION_FAIL,
    ACTION_KILL,
    ACTION_KILL_AFTER
};

static const char *const kinds[] = {"store", "pg", "duck", "file"};
static const char *const actions[] = {
    [ACTION_FAIL] = "fail", [ACTION_KILL] = "kill", [ACTION_KILL_AFTER] = "kill-after"};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_uint_fast64_t counts[COUNT_OF(kinds)];
static size_t wanted_kind = COUNT_OF(kinds);
static enum action wanted_action;
static uint64_t wanted_count;
/* The thread that was given the wanted operation dies when that operation is done, no other. */
static _Thread_local bool doomed;

static void write_counts(void)
{
    const char *path = getenv("TOTE_FAULT_COUNT");
    char text[256];
    int used = 0;

    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0)
        return;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%s %llu\n", kinds[i],
                         (unsigned long long)atomic_load(&counts[i]));
    if (write(fd, text, (size_t)used) < 0)
        (void)fprintf(stderr, "error: cannot write TOTE_FAULT_COUNT\n");
    (void)close(fd);
}

static _Noreturn void bad_setting(const char *setting)
{
    (void)fprintf(stderr, "error: TOTE_FAULT='%s' is not <kind>:<action>:<n>\n", setting);
    exit(2);
}

static void read_setting(void)
{
    const char *setting = getenv("TOTE_FAULT");
    char word[32];

    if (getenv("TOTE_FAULT_COUNT"))
        (void)atexit(write_counts);
    if (!setting || !*setting)
        return;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        for (size_t j = ACTION_FAIL; j < COUNT_OF(actions); j++) {
            (void)snprintf(word, sizeof word, "%s:%s:", kinds[i], actions[j]);
            if (text_starts(setting, word) && text_to_u64(setting + strlen(word), &wanted_count)) {
                wanted_kind = i;
                wanted_action = (enum action)j;
            }
        }
    if (wanted_action == ACTION_NONE || wanted_count == 0)
        bad_setting(setting);
}

static size_t kind_number(const char *kind)
{
    size_t i = 0;

    while (i < COUNT_OF(kinds) && !text_equal(kinds[i], kind))
        i++;
    return i;
}

enum err_code fault_before(const char *kind, const char *what, struct err *err)
{
    size_t number = kind_number(kind);

    (void)pthread_once(&once, read_setting);
    if (number == COUNT_OF(kinds))
        return err_set(err, ERR_INTERNAL, "'%s' is not a kind of fault", kind);
    uint64_t now = atomic_fetch_add(&counts[number], 1) + 1;
    if (number != wanted_kind || now != wanted_count)
        return ERR_OK;
    if (wanted_action == ACTION_FAIL)
        return err_set(err, ERR_IO, "'%s': made to fail by TOTE_FAULT", what);
    if (wanted_action == ACTION_KILL)
        (void)kill(getpid(), SIGKILL);
    doomed = true;
    return ERR_OK;
}

void fault_after(const char *kind)
{
    if (doomed && kind_number(kind) == wanted_kind)
        (void)kill(getpid(), SIGKILL);
}

#else

/* ISO C wants something in every file. */
extern const char fault_compiled_out;
const char fault_compiled_out = 1;

#endif
