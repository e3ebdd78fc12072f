/* base/cancel.h - one flag for the whole program: somebody pressed Ctrl-C, or the deadline has
 * come. Loops that may run long ask it; waits wake up on it. */
#ifndef BASE_CANCEL_H
#define BASE_CANCEL_H

#include <stdint.h>

#include "base/mem.h"

/* Installs handlers for SIGINT and SIGTERM, ignores SIGPIPE and SIGXFSZ, of which write() tells.  A
 * second signal ends the program at once with status 130. */
void cancel_install(void);
void cancel_request(void); /* async-signal-safe */
void cancel_clear(void);   /* for tests */
bool cancel_requested(void);
/* Becomes readable when cancellation is requested; for poll(). */
int cancel_fd(void);
/* ERR_CANCELLED "interrupted" (or "out of time") when requested, else ERR_OK. */
CHECKED enum err_code cancel_check(struct err *err);

/* From `deadline_us` of clock_monotonic_us() on, cancellation is requested, by nobody's hand: every
 * wait wakes up then.  The program is ended `reserve_us` later, whatever it does.  0 takes the
 * deadline back, and with it a request that it made.  For one thread, while no other works. */
void cancel_deadline(int64_t deadline_us, int64_t reserve_us);
bool cancel_deadline_passed(void); /* it was the deadline that requested it */
int64_t cancel_time_left_us(void); /* INT64_MAX without a deadline, never below 0 */
/* How long one thing may be tidied up (a statement taken back, a connection emptied): two seconds,
 * but no more than half of the time in which the program is not ended yet, so that there is always
 * some left for the next thing and for saying what happened. */
int64_t cancel_tidy_us(void);

#endif
