/* base/log.h - talk for people and log collectors, on stderr.  Only cli/ and the steps' top
 * functions log; everything below returns errors.  Secrets never get here: what may hold one goes
 * through redact_url() first, and every line is scrubbed of registered secrets. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

#include "base/buf.h"

enum log_level {
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR,
    LOG_OFF
};
enum log_format {
    LOG_TEXT,
    LOG_JSON
};

void log_configure(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);
void log_at(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)

/* The final report of an error: "error: …" and "hint: …", or one JSON line. */
void log_error(const struct err *err);

/* From now on `secret` (4 bytes or more) is printed as "***" by log_* and scrubbed by redact(). */
void redact_register(const char *secret);
void redact_clear(void); /* for tests: forgets them */
/* Replaces registered secrets in place. */
void redact(char *text);
/* A scrubbed copy: for text that a message cuts off, where half a secret would not be known again.
 */
char *redact_copy(struct arena *arena, const char *text);
/* "postgresql://user:***@host/db": copies with the password of a URI or of a conninfo masked. */
char *redact_url(struct arena *arena, const char *url);

#endif
