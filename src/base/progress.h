/* base/progress.h - how far a long piece of work is: rows, bytes, rate, time left.
 *
 * On a terminal one line is redrawn ten times a second, after the first second; elsewhere a log
 * line is written every ten seconds.  Counting is atomic, from any thread; drawing is done by
 * whoever counts. */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdint.h>

#include "base/err.h"

/* Quiet when `enabled` is false (--quiet, tests). */
void progress_configure(bool enabled);
/* `what` is shown as is ("ingest"); expected 0: unknown. Static storage. */
void progress_begin(const char *what, uint64_t expected_rows);
struct progress_now {
    bool active;
    uint64_t rows;
    uint64_t bytes;
    uint64_t expected_rows; /* 0: unknown */
};
/* How far the work under way is; from any thread. */
struct progress_now progress_read(void);
void progress_add(uint64_t rows, uint64_t bytes);
void progress_end(void); /* wipes the line */
/* True while a line stands on the terminal; the log wipes it before it writes. */
bool progress_visible(void);

#endif
