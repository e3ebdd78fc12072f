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

/* What a step did, with fields for programs that read logs.  Only JSON shows it at LOG_INFO: people
 * see the same on standard output, so text shows it at LOG_DEBUG. */
struct log_event {
    const char *step;
    uint64_t batch;    /* 0: left out */
    const char *table; /* NULL: left out, the line is about the batch */
    bool counted;      /* rows, deleted, quarantined and bytes are given */
    uint64_t rows;
    uint64_t deleted;
    uint64_t quarantined;
    uint64_t bytes;
    int64_t duration_us;
    const char *code; /* name of the error that ended it, or NULL */
};
void log_event(const struct log_event *event, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* An answer that was given; fields in JSON, one line of text otherwise. */
struct log_request {
    const char *method;
    const char *path; /* printable */
    unsigned status;
    uint64_t bytes;
    int64_t duration_us;
};
void log_request(const struct log_request *request);

/* What every JSON line says besides: whose call it is.  Copied; NULL members are left out, NULL
 * takes all away. */
struct log_context {
    const char *step;
    const char *request_id;
    const char *trace_id;
};
void log_context(const struct log_context *context);

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
