/* app/run_state.h - what a run is doing right now, told to other processes of this machine.
 *
 * A run keeps a small file in the folder for temporary files, named by the lake, up to date;
 * `tote serve` reads it.  It is a hint: nothing depends on it, a run goes on when it cannot be
 * written, and a reader believes it only while its process lives and it is fresh.  What is
 * committed stands in the records. */
#ifndef APP_RUN_STATE_H
#define APP_RUN_STATE_H

#include "app/app.h"

struct run_state {
    bool running;
    int64_t pid;
    const char *step; /* "ingest"; NULL: none */
    int64_t step_started_us;
    uint64_t rows;
    uint64_t bytes;
    uint64_t expected_rows;
    int64_t next_run_us; /* 0: nobody has said */
};

/* Keeps the file up to date from a thread of its own until it is closed. */
struct run_reporter;
struct run_reporter *run_reporter_open(const struct app *app); /* NULL: not possible */
void run_reporter_step(struct run_reporter *reporter, const char *step);
/* 0: there will be no other run by this process. */
void run_reporter_close(struct run_reporter *reporter, int64_t next_run_us);

/* {.running = false} when there is no such file, or nobody who would keep it up to date. */
struct run_state run_state_read(const struct config *config, struct arena *arena);

#endif
