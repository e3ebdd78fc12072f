#include "lambda/runtime.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/text.h"
#include "lambda/event.h"
#include "net/http.h"

enum {
    HOST_BYTES = 256,
    URL_BYTES = 1024,
    ID_BYTES = 128
};
static const int64_t POST_TIMEOUT_US = 10 * 1000000;
static const int64_t DEADLINE_DEFAULT_US = 60 * 1000000; /* a runtime that does not say */

struct runtime {
    struct http *http;
    struct http_response next;
    char host[HOST_BYTES];
};

enum err_code runtime_open(struct runtime **ret_runtime, struct err *err)
{
    const char *host = getenv("AWS_LAMBDA_RUNTIME_API");

    if (!host || !*host || strlen(host) >= HOST_BYTES) {
        (void)err_set(err, ERR_CONFIG, "AWS_LAMBDA_RUNTIME_API is not set: this is not AWS Lambda");
        return err_hint(err, "on a machine of your own run `tote`; to try a handler use AWS's "
                             "runtime interface emulator");
    }
    struct runtime *runtime = mem_zalloc(1, sizeof *runtime);
    (void)snprintf(runtime->host, sizeof runtime->host, "%s", host);
    runtime->http = http_new(NULL);
    *ret_runtime = runtime;
    return ERR_OK;
}

void runtime_close(struct runtime *runtime)
{
    if (!runtime)
        return;
    http_response_release(&runtime->next);
    http_free(runtime->http);
    free(runtime);
}

static const char *header(const struct http_response *response, const char *name)
{
    const char *value = http_response_header(response, name);
    return value ? value : "";
}

/* Milliseconds of the wall clock become an instant of the monotonic one. */
static int64_t deadline_of(const struct http_response *response)
{
    uint64_t deadline_ms;
    int64_t now_us = clock_monotonic_us();

    if (!text_to_u64(header(response, "lambda-runtime-deadline-ms"), &deadline_ms) ||
        deadline_ms > INT64_MAX / 1000)
        return now_us + DEADLINE_DEFAULT_US;
    return now_us + ((int64_t)deadline_ms * 1000 - clock_now_us());
}

/* It becomes part of a URL. */
static bool is_request_id(const char *id)
{
    size_t size = strlen(id);

    return size > 0 && size < ID_BYTES &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == size;
}

enum err_code runtime_next(struct runtime *runtime, struct invocation *ret_invocation,
                           struct err *err)
{
    char url[URL_BYTES];
    struct http_request request = {
        .url = url,
        .body_limit_bytes = EVENT_LIMIT_BYTES,
        .stall_timeout_us = HTTP_NO_LIMIT,
        .direct = true,
    };

    (void)snprintf(url, sizeof url, "http://%s/2018-06-01/runtime/invocation/next", runtime->host);
    TRY(http_send(runtime->http, &request, &runtime->next, err));
    if (runtime->next.status != 200)
        return err_set(err, ERR_UNAVAILABLE, "the runtime API answered with status %d",
                       runtime->next.status);
    const char *id = header(&runtime->next, "lambda-runtime-aws-request-id");
    if (!is_request_id(id))
        return err_set(err, ERR_DATA, "the runtime API handed over an event without a request id");
    *ret_invocation = (struct invocation){
        .request_id = id,
        .function_arn = header(&runtime->next, "lambda-runtime-invoked-function-arn"),
        .trace = header(&runtime->next, "lambda-runtime-trace-id"),
        .deadline_us = deadline_of(&runtime->next),
        .event = {buf_text(&runtime->next.body), runtime->next.body.size},
    };
    return ERR_OK;
}

/* Posted also while the environment is being shut down: the answer is worth it. */
static enum err_code post(struct runtime *runtime, const char *path, const char *error_type,
                          struct span body, struct err *err)
{
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    char url[URL_BYTES];
    const struct http_header headers[] = {
        {"Content-Type", "application/json"},
        {"Lambda-Runtime-Function-Error-Type", error_type},
    };
    struct http_request request = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .header_count = error_type ? 2 : 1,
        .body = body,
        .deadline_us = clock_monotonic_us() + POST_TIMEOUT_US,
        .direct = true,
        .finish = true,
    };

    (void)snprintf(url, sizeof url, "http://%s/2018-06-01/runtime/%s", runtime->host, path);
    TRY(http_send(runtime->http, &request, &response, err));
    if (response.status != 202)
        return err_set(err, ERR_UNAVAILABLE, "the runtime API took no answer, status %d: %.200s",
                       response.status, buf_text(&response.body));
    return ERR_OK;
}

enum err_code runtime_answer(struct runtime *runtime, const struct invocation *invocation,
                             struct span json, struct err *err)
{
    char path[URL_BYTES / 2];

    (void)snprintf(path, sizeof path, "invocation/%s/response", invocation->request_id);
    return post(runtime, path, NULL, json, err);
}

void runtime_error_json(const struct err *failure, struct buf *ret_json)
{
    struct err shown = *failure;
    char text[sizeof shown.message + sizeof shown.hint + 16];
    struct json_writer json;

    redact(shown.message);
    redact(shown.hint);
    (void)snprintf(text, sizeof text, *shown.hint ? "%s; hint: %s" : "%s", shown.message,
                   shown.hint);
    json_begin(&json, ret_json, false);
    json_object_begin(&json, NULL);
    json_text(&json, "errorType", err_name(failure->code));
    json_text(&json, "errorMessage", text);
    json_array_begin(&json, "stackTrace");
    json_array_end(&json);
    json_object_end(&json);
}

static enum err_code post_error(struct runtime *runtime, const char *path,
                                const struct err *failure, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf body = {0};
    char type[64];

    /* Lambda wants "category.reason" here. */
    (void)snprintf(type, sizeof type, "Tote.%s", err_name(failure->code));
    runtime_error_json(failure, &body);
    return post(runtime, path, type, (struct span){body.data, body.size}, err);
}

enum err_code runtime_fail(struct runtime *runtime, const struct invocation *invocation,
                           const struct err *failure, struct err *err)
{
    char path[URL_BYTES / 2];

    (void)snprintf(path, sizeof path, "invocation/%s/error", invocation->request_id);
    return post_error(runtime, path, failure, err);
}

enum err_code runtime_fail_init(struct runtime *runtime, const struct err *failure, struct err *err)
{
    return post_error(runtime, "init/error", failure, err);
}
