/* base/cancel.h - one flag for the whole program: somebody pressed Ctrl-C, or the deadline has
 * come. Loops that may run long ask it; waits wake up on it. */
#ifndef BASE_CANCEL_H
#define BASE_CANCEL_H

#include "base/mem.h"

/* Installs handlers for SIGINT and SIGTERM, ignores SIGPIPE and SIGXFSZ, of which write() tells.  A
 * second signal ends the program at once with status 130. */
void cancel_install(void);
void cancel_request(void); /* async-signal-safe */
void cancel_clear(void);   /* for tests */
bool cancel_requested(void);
/* Becomes readable when cancellation is requested; for poll(). */
int cancel_fd(void);
/* ERR_CANCELLED "interrupted" when requested, else ERR_OK. */
CHECKED enum err_code cancel_check(struct err *err);

#endif
