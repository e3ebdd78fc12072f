/* base/err.h - the one error type of the program.
 *
 * A function that can fail returns an enum err_code and fills the caller's struct err, its last
 * parameter.  Outputs (ret_x) are untouched on failure.  Nothing is logged below the top: cli/
 * prints the error once and turns the code into the exit status. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

#define CHECKED                __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* The list lives in base/err_codes.def, so that names, exit and HTTP statuses are stated once. */
enum err_code {
    ERR_OK = 0,
#define ERR_CODE(name, exit_status, http_status, retryable, text) ERR_##name,
#include "base/err_codes.def"
#undef ERR_CODE
    ERR_CODE_COUNT
};

/* Owned by the caller, usually on its stack; nothing in it needs freeing, so that an error can be
 * reported when memory is short.  Untouched on success. */
struct err {
    enum err_code code;
    int sys_errno;    /* errno behind it, or 0 */
    int http_status;  /* response status behind it, or 0 */
    char sqlstate[6]; /* SQLSTATE behind it, or "" */
    const char *file; /* where it was raised */
    int line;
    char message[768]; /* "loading 'fact_sale': connection refused" */
    char hint[320];    /* what the operator can do, or "" */
};

/* Raises an error and returns its code, so that it reads as one statement:
 *     return err_set(err, ERR_CONFIG, "unknown key '%s'", key); */
#define err_set(err, code, ...) err_set_at((err), (code), __FILE__, __LINE__, __VA_ARGS__)
#define err_sys(err, code, ...) err_sys_at((err), (code), __FILE__, __LINE__, __VA_ARGS__)

enum err_code err_set_at(struct err *err, enum err_code code, const char *file, int line,
                         const char *fmt, ...) PRINTF_LIKE(5, 6);
/* The same for a failed system call: appends strerror(errno). */
enum err_code err_sys_at(struct err *err, enum err_code code, const char *file, int line,
                         const char *fmt, ...) PRINTF_LIKE(5, 6);
/* Puts "what was being done: " in front of the message; returns the code. */
enum err_code err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Sets the hint, replacing an earlier one; returns the code. */
enum err_code err_hint(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

const char *err_name(enum err_code code); /* ERR_CONFIG -> "CONFIG" */
const char *err_text(enum err_code code); /* one line for the manual */
int err_exit_status(enum err_code code);
int err_http_status(enum err_code code);
bool err_retryable(const struct err *err);

/* The only macro that hides a return. */
#define TRY(call)                        \
    do {                                 \
        enum err_code try_code = (call); \
        if (try_code != ERR_OK)          \
            return try_code;             \
    } while (0)

#endif
