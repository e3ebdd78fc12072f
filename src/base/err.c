#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *text;
    int exit_status;
    int http_status;
    bool retryable;
} code_info[ERR_CODE_COUNT] = {
    [ERR_OK] = {"OK", "ok", 0, 200, false},
#define ERR_CODE(n, exit_, http_, retry_, text_) [ERR_##n] = {#n, text_, exit_, http_, retry_},
#include "base/err_codes.def"
#undef ERR_CODE
};

static enum err_code set_va(struct err *err, enum err_code code, const char *file, int line,
                            const char *fmt, va_list ap) PRINTF_LIKE(5, 0);

static enum err_code set_va(struct err *err, enum err_code code, const char *file, int line,
                            const char *fmt, va_list ap)
{
    assert(err != NULL);
    assert(code > ERR_OK && code < ERR_CODE_COUNT);
    *err = (struct err){.code = code, .file = file, .line = line};
    (void)vsnprintf(err->message, sizeof err->message, fmt, ap);
    return code;
}

enum err_code err_set_at(struct err *err, enum err_code code, const char *file, int line,
                         const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)set_va(err, code, file, line, fmt, ap);
    va_end(ap);
    return code;
}

enum err_code err_sys_at(struct err *err, enum err_code code, const char *file, int line,
                         const char *fmt, ...)
{
    int saved = errno;
    va_list ap;

    va_start(ap, fmt);
    (void)set_va(err, code, file, line, fmt, ap);
    va_end(ap);
    size_t used = strlen(err->message);
    (void)snprintf(err->message + used, sizeof err->message - used, ": %s", strerror(saved));
    err->sys_errno = saved;
    return code;
}

enum err_code err_wrap(struct err *err, const char *fmt, ...)
{
    char inner[sizeof err->message];
    va_list ap;

    assert(err->code != ERR_OK);
    memcpy(inner, err->message, sizeof inner);
    va_start(ap, fmt);
    (void)vsnprintf(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    size_t used = strlen(err->message);
    (void)snprintf(err->message + used, sizeof err->message - used, ": %s", inner);
    return err->code;
}

enum err_code err_hint(struct err *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(err->hint, sizeof err->hint, fmt, ap);
    va_end(ap);
    return err->code;
}

const char *err_name(enum err_code code)
{
    return code_info[code].name;
}
const char *err_text(enum err_code code)
{
    return code_info[code].text;
}
int err_exit_status(enum err_code code)
{
    return code_info[code].exit_status;
}
int err_http_status(enum err_code code)
{
    return code_info[code].http_status;
}
bool err_retryable(const struct err *err)
{
    return code_info[err->code].retryable;
}
