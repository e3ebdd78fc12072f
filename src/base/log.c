#include "base/log.h"

#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "base/progress.h"
#include "base/text.h"

static _Atomic enum log_level least_level = LOG_INFO;
static _Atomic enum log_format chosen_format = LOG_TEXT;

/* Longest first, so that a secret that begins with another one does not leave its tail. */
static pthread_mutex_t secrets_lock = PTHREAD_MUTEX_INITIALIZER;
static char **secrets;
static size_t secret_count;
static size_t secret_capacity;

static const char mask[] = "***";

static struct {
    pthread_mutex_t lock;
    char step[32];
    char request_id[128];
    char trace_id[128];
} about = {.lock = PTHREAD_MUTEX_INITIALIZER};

void log_configure(enum log_level level, enum log_format format)
{
    atomic_store(&least_level, level);
    atomic_store(&chosen_format, format);
}

void log_context(const struct log_context *context)
{
    static const struct log_context none;

    if (!context)
        context = &none;
    (void)pthread_mutex_lock(&about.lock);
    (void)snprintf(about.step, sizeof about.step, "%s", context->step ? context->step : "");
    (void)snprintf(about.request_id, sizeof about.request_id, "%s",
                   context->request_id ? context->request_id : "");
    (void)snprintf(about.trace_id, sizeof about.trace_id, "%s",
                   context->trace_id ? context->trace_id : "");
    (void)pthread_mutex_unlock(&about.lock);
}

/* An event names the step that it is about. */
static void json_context(struct json_writer *json, const struct log_event *event)
{
    (void)pthread_mutex_lock(&about.lock);
    if (*about.step && !event)
        json_text(json, "step", about.step);
    if (*about.request_id)
        json_text(json, "request_id", about.request_id);
    if (*about.trace_id)
        json_text(json, "trace_id", about.trace_id);
    (void)pthread_mutex_unlock(&about.lock);
}

bool log_enabled(enum log_level level)
{
    return level >= atomic_load(&least_level) && level != LOG_OFF;
}

/* One write(), so that the lines of several threads do not mix. */
static void emit(const struct buf *lines)
{
    size_t done = 0;

    if (progress_visible())
        (void)!write(STDERR_FILENO, "\r\033[K", 4);
    while (done < lines->size) {
        ssize_t wrote = write(STDERR_FILENO, lines->data + done, lines->size - done);
        if (wrote <= 0)
            return; /* there is nowhere left to complain */
        done += (size_t)wrote;
    }
}

/* Data may stand in a message: it must not move the cursor or colour the terminal.  libpq's
 * messages end in a line break. */
static void tidy(char *text)
{
    size_t size = strlen(text);

    while (size && (text[size - 1] == '\n' || text[size - 1] == ' '))
        text[--size] = '\0';
    for (size_t i = 0; i < size; i++)
        if (((unsigned char)text[i] < 0x20 && text[i] != '\n' && text[i] != '\t') ||
            text[i] == 0x7f)
            text[i] = '?';
}

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warning", "error", "off"};
    return names[level];
}

static void json_event(struct json_writer *json, const struct log_event *event)
{
    json_text(json, "step", event->step);
    if (event->batch)
        json_uint(json, "batch", event->batch);
    if (event->table)
        json_text(json, "table", event->table);
    json_double(json, "duration_ms", (double)event->duration_us / 1e3);
    if (event->counted) {
        json_uint(json, "rows", event->rows);
        json_uint(json, "deleted", event->deleted);
        json_uint(json, "quarantined", event->quarantined);
        json_uint(json, "bytes", event->bytes);
    }
    if (event->code)
        json_text(json, "code", event->code);
}

static void json_request(struct json_writer *json, const struct log_request *request)
{
    json_text(json, "method", request->method);
    json_text(json, "path", request->path);
    json_int(json, "status", request->status);
    json_uint(json, "bytes", request->bytes);
    json_double(json, "duration_ms", (double)request->duration_us / 1e3);
}

static void json_line(struct buf *out, enum log_level level, const char *message,
                      const struct err *err, const char *hint, const struct log_event *event,
                      const struct log_request *request)
{
    struct json_writer json;

    json_begin(&json, out, false);
    json_object_begin(&json, NULL);
    json_time(&json, "ts", clock_now_us());
    json_text(&json, "level", level_name(level));
    json_text(&json, "message", message);
    json_context(&json, event);
    if (err) {
        json_text(&json, "code", err_name(err->code));
        if (*err->sqlstate)
            json_text(&json, "sqlstate", err->sqlstate);
        if (err->http_status)
            json_int(&json, "http_status", err->http_status);
        if (*hint)
            json_text(&json, "hint", hint);
    }
    if (event)
        json_event(&json, event);
    if (request)
        json_request(&json, request);
    json_object_end(&json);
    buf_add_char(out, '\n');
}

static void text_line(struct buf *out, enum log_level level, const char *message)
{
    if (level != LOG_INFO)
        buf_addf(out, "%s: ", level_name(level));
    buf_add_text(out, message);
    buf_add_char(out, '\n');
}

static void log_line(enum log_level level, const struct log_event *event, const char *fmt,
                     va_list ap) PRINTF_LIKE(3, 0);

static void log_line(enum log_level level, const struct log_event *event, const char *fmt,
                     va_list ap)
{
    CLEANUP_IN_PLACE(buf_release) struct buf message = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    va_list again;

    va_copy(again, ap);
    int size = vsnprintf(NULL, 0, fmt, ap);
    if (size >= 0) {
        char *to = buf_reserve(&message, (size_t)size);
        (void)vsnprintf(to, (size_t)size + 1, fmt, again);
        redact(message.data);
        tidy(message.data);
        if (atomic_load(&chosen_format) == LOG_JSON)
            json_line(&out, level, message.data, NULL, "", event, NULL);
        else
            text_line(&out, level, message.data);
        emit(&out);
    }
    va_end(again);
}

void log_at(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    if (!log_enabled(level))
        return;
    va_start(ap, fmt);
    log_line(level, NULL, fmt, ap);
    va_end(ap);
}

void log_event(const struct log_event *event, const char *fmt, ...)
{
    enum log_level level = atomic_load(&chosen_format) == LOG_JSON ? LOG_INFO : LOG_DEBUG;
    va_list ap;

    if (!log_enabled(level))
        return;
    va_start(ap, fmt);
    log_line(level, event, fmt, ap);
    va_end(ap);
}

void log_request(const struct log_request *request)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0}, message = {0};
    struct log_request shown = *request;
    char took[CLOCK_TEXT_MAX];

    if (!log_enabled(LOG_INFO))
        return;
    clock_format_duration(request->duration_us, took);
    CLEANUP(free) char *path = mem_strdup(request->path);
    redact(path);
    tidy(path);
    shown.path = path;
    buf_addf(&message, "%s %s %u, %llu bytes, %s", shown.method, path, shown.status,
             (unsigned long long)shown.bytes, took);
    if (atomic_load(&chosen_format) == LOG_JSON)
        json_line(&out, LOG_INFO, message.data, NULL, "", NULL, &shown);
    else
        text_line(&out, LOG_INFO, message.data);
    emit(&out);
}

void log_error(const struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    struct err shown = *err;

    if (!log_enabled(LOG_ERROR))
        return;
    redact(shown.message);
    redact(shown.hint);
    tidy(shown.message);
    tidy(shown.hint);
    if (atomic_load(&chosen_format) == LOG_JSON) {
        json_line(&out, LOG_ERROR, shown.message, &shown, shown.hint, NULL, NULL);
    } else {
        text_line(&out, LOG_ERROR, shown.message);
        if (*shown.hint)
            buf_addf(&out, "hint: %s\n", shown.hint);
    }
    emit(&out);
}

static void add_secret(const char *secret)
{
    size_t size = strlen(secret), at = 0;

    if (size < 4)
        return;
    (void)pthread_mutex_lock(&secrets_lock);
    bool known = false;
    for (size_t i = 0; i < secret_count; i++)
        known = known || text_equal(secrets[i], secret);
    if (!known) {
        secrets = mem_grow(secrets, &secret_capacity, secret_count + 1, sizeof *secrets);
        while (at < secret_count && strlen(secrets[at]) >= size)
            at++;
        memmove(secrets + at + 1, secrets + at, (secret_count - at) * sizeof *secrets);
        secrets[at] = mem_strdup(secret);
        secret_count++;
    }
    (void)pthread_mutex_unlock(&secrets_lock);
}

void redact_register(const char *secret)
{
    size_t size = strlen(secret);
    CLEANUP(free) char *encoded = mem_alloc(3 * size + 1);
    CLEANUP_IN_PLACE(buf_release) struct buf decoded = {0};

    /* Libraries repeat it as it stood in the URL, or as they sent it. */
    add_secret(secret);
    text_percent_encode(secret, encoded, 3 * size + 1);
    add_secret(encoded);
    for (size_t i = 0; i < size; i++) {
        int high = secret[i] == '%' ? text_hex_value(secret[i + 1]) : -1;
        int low = high >= 0 ? text_hex_value(secret[i + 2]) : -1;
        if (low >= 0 && high + low > 0) {
            buf_add_char(&decoded, (char)(high * 16 + low));
            i += 2;
        } else {
            buf_add_char(&decoded, secret[i]);
        }
    }
    add_secret(buf_text(&decoded));
}

void redact_clear(void)
{
    (void)pthread_mutex_lock(&secrets_lock);
    for (size_t i = 0; i < secret_count; i++)
        free(secrets[i]);
    secret_count = 0;
    (void)pthread_mutex_unlock(&secrets_lock);
}

void redact(char *text)
{
    (void)pthread_mutex_lock(&secrets_lock);
    for (size_t i = 0; i < secret_count; i++) {
        size_t size = strlen(secrets[i]);
        for (char *at = text; (at = strstr(at, secrets[i])); at += sizeof mask - 1) {
            memcpy(at, mask, sizeof mask - 1);
            memmove(at + sizeof mask - 1, at + size, strlen(at + size) + 1);
        }
    }
    (void)pthread_mutex_unlock(&secrets_lock);
}

char *redact_copy(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);

    redact(copy);
    return copy;
}

static bool name_is_secret(const char *name, size_t size)
{
    static const char *const ends[] = {"password", "passwd", "secret", "token", "signature"};

    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        size_t end = strlen(ends[i]);
        if (size >= end && strncasecmp(name + size - end, ends[i], end) == 0)
            return true;
    }
    return false;
}

/* The query's parameters, from behind the '?'. */
static void mask_query(struct buf *out, const char *query)
{
    while (*query) {
        size_t size = strcspn(query, "&");
        size_t name = strcspn(query, "=&");
        buf_add(out, query, name < size && name_is_secret(query, name) ? name + 1 : size);
        if (name < size && name_is_secret(query, name))
            buf_add_text(out, mask);
        query += size;
        if (*query)
            buf_add_char(out, *query++);
    }
}

/* The last '@' that may end the user and password.  An unencoded password may hold any character,
 * so rather too much is masked than too little; "host:5432/db?user=a@b" has none. */
static const char *end_of_password(const char *rest)
{
    size_t plain = strcspn(rest, "?");
    const char *at = memrchr(rest, '@', plain);
    const char *colon = memchr(rest, ':', plain);

    if (at || !rest[plain] || !colon)
        return at;
    /* libpq: an '@' before any '/' ends user and password, whatever stands there */
    if (rest[strcspn(rest, "@/")] == '@')
        return strrchr(rest, '@');
    size_t port = strspn(colon + 1, "0123456789");
    return port && strchr("/?,", colon[1 + port]) ? NULL : strrchr(rest, '@');
}

static void mask_uri(struct buf *out, const char *uri, const char *rest)
{
    const char *at = end_of_password(rest);
    const char *colon = at ? memchr(rest, ':', (size_t)(at - rest)) : NULL;

    buf_add(out, uri, (size_t)(rest - uri));
    if (colon) {
        buf_add(out, rest, (size_t)(colon + 1 - rest));
        buf_add_text(out, mask);
        rest = at;
    }
    size_t plain = strcspn(rest, "?");
    buf_add(out, rest, plain);
    if (rest[plain]) {
        buf_add_char(out, '?');
        mask_query(out, rest + plain + 1);
    }
}

/* Length of a value of a conninfo string, quoted or not (libpq, "Keyword/Value Connection
 * Strings"). */
static size_t conninfo_value_size(const char *value)
{
    bool quoted = *value == '\'';
    size_t i = quoted;

    for (; value[i]; i++) {
        if (value[i] == '\\' && value[i + 1])
            i++;
        else if (quoted ? value[i] == '\'' : isspace((unsigned char)value[i]) != 0)
            return i + quoted;
    }
    return i;
}

static void mask_conninfo(struct buf *out, const char *at)
{
    static const char spaces[] = " \t\r\n";

    while (*at) {
        size_t before = strspn(at, spaces);
        size_t name = strcspn(at + before, "= \t\r\n");
        size_t equals = before + name + strspn(at + before + name, spaces);
        if (at[equals] != '=') {
            buf_add_text(out, at);
            return;
        }
        size_t value = equals + 1 + strspn(at + equals + 1, spaces);
        size_t end = value + conninfo_value_size(at + value);
        bool secret = name_is_secret(at + before, name);
        buf_add(out, at, secret ? value : end);
        if (secret)
            buf_add_text(out, mask);
        at += end;
    }
}

char *redact_url(struct arena *arena, const char *url)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    const char *scheme_end = strstr(url, "://");

    if (scheme_end && strcspn(url, "= '") > (size_t)(scheme_end - url))
        mask_uri(&out, url, scheme_end + 3);
    else
        mask_conninfo(&out, url);
    return redact_copy(arena, buf_text(&out));
}
