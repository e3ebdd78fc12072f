#include "net/aws_request.h"

#include <ctype.h>
#include <stdio.h>

#include "base/digest.h"
#include "base/json_read.h"
#include "base/text.h"
#include "base/xml_read.h"

enum {
    OWN_HEADERS = 4,
    RETRY_AFTER_MAX_S = 30
};

enum remedy {
    REMEDY_NONE,
    REMEDY_AGAIN,
    REMEDY_CLOCK,
    REMEDY_RENEW
};

static const struct known_error {
    const char *name;
    enum err_code code;
    enum remedy remedy;
    const char *hint;
} known_errors[] = {
#define AWS_ERROR(name, code, remedy, hint) {name, ERR_##code, REMEDY_##remedy, hint},
#include "net/aws_error.def"
#undef AWS_ERROR
};

/* Whatever no table names. */
static const struct known_error *known_by_status(int status)
{
    static const struct known_error denied = {"", ERR_DENIED, REMEDY_NONE, NULL};
    static const struct known_error absent = {"", ERR_NOT_FOUND, REMEDY_NONE, NULL};
    static const struct known_error conflict = {"", ERR_CONFLICT, REMEDY_NONE, NULL};
    static const struct known_error busy = {"", ERR_UNAVAILABLE, REMEDY_AGAIN, NULL};
    static const struct known_error other = {"", ERR_CONFIG, REMEDY_NONE, NULL};

    if (status == 401 || status == 403)
        return &denied;
    if (status == 404)
        return &absent;
    if (status == 409 || status == 412)
        return &conflict;
    if (status == 408 || status == 429 || status >= 500)
        return &busy;
    return &other;
}

static const struct known_error *known(const struct aws_failure *failure)
{
    for (size_t i = 0; i < COUNT_OF(known_errors); i++)
        if (text_equal(known_errors[i].name, failure->code))
            return &known_errors[i];
    return known_by_status(failure->status);
}

/* --- what an answer says --- */

static enum err_code on_error_element(void *arg, const char *path, const char *text,
                                      struct err *err)
{
    struct aws_failure *failure = arg;

    (void)err;
    if (text_ends(path, "Error/Code"))
        (void)snprintf(failure->code, sizeof failure->code, "%s", text);
    else if (text_ends(path, "Error/Message"))
        (void)snprintf(failure->text, sizeof failure->text, "%s", text);
    else if (text_ends(path, "Error/Region"))
        (void)snprintf(failure->region, sizeof failure->region, "%s", text);
    return ERR_OK;
}

static void read_json(const struct http_response *response, struct aws_failure *failure)
{
    CLEANUP(json_doc_free) struct json_doc *doc = NULL;
    struct err ignored;
    const char *header = http_response_header(response, "x-amzn-errortype");

    if (json_parse("answer", buf_text(&response->body), response->body.size, &doc, &ignored) == 0) {
        const struct json_value *root = json_root(doc);
        const char *type = json_opt_text(root, "__type", json_opt_text(root, "code", ""));
        const char *text = json_opt_text(root, "message", json_opt_text(root, "Message", ""));
        (void)snprintf(failure->code, sizeof failure->code, "%s", type);
        (void)snprintf(failure->text, sizeof failure->text, "%s", text);
    }
    if (header)
        (void)snprintf(failure->code, sizeof failure->code, "%s", header);
    /* "com.amazonaws.x#Name:http://…" */
    const char *hash = strrchr(failure->code, '#');
    if (hash)
        memmove(failure->code, hash + 1, strlen(hash));
    failure->code[strcspn(failure->code, ":")] = '\0';
}

void aws_failure_read(const struct http_response *response, struct aws_failure *ret_failure)
{
    const char *body = buf_text(&response->body);
    const char *region = http_response_header(response, "x-amz-bucket-region");
    struct err ignored;

    body += strspn(body, " \t\r\n");
    if (*body == '<')
        (void)!xml_parse("answer", body, strlen(body), on_error_element, ret_failure, &ignored);
    else if (*body == '{')
        read_json(response, ret_failure);
    if (region)
        (void)snprintf(ret_failure->region, sizeof ret_failure->region, "%s", region);
    ret_failure->status = response->status;
    /* They stand in messages, so a forged answer must not get control of the terminal. */
    for (char *c = ret_failure->code; *c; c++)
        if (!isgraph((unsigned char)*c))
            *c = '?';
    ret_failure->text[strcspn(ret_failure->text, "\r\n")] = '\0';
}

/* "503 SlowDown: Please reduce your request rate" */
static enum err_code raise(const struct known_error *what, const struct aws_failure *failure,
                           struct err *err)
{
    (void)err_set(err, what->code, "%d%s%s%s%s", failure->status, *failure->code ? " " : "",
                  failure->code, *failure->text ? ": " : "", failure->text);
    err->http_status = failure->status;
    if (what->hint)
        (void)err_hint(err, "%s", what->hint);
    return err->code;
}

/* --- one attempt --- */

struct attempt {
    struct aws *aws;
    const struct aws_request *request;
    struct http_response *response;
    struct retry retry;
    struct arena *arena; /* this attempt's */
    struct aws_key key;
    const char *sha256;
    char sha256_room[SHA256_HEX_SIZE];
    bool clock_corrected;
    bool renewed;
};

static enum err_code sign(struct attempt *attempt, struct http_request *http,
                          struct http_header *headers, struct err *err)
{
    const struct aws_request *request = attempt->request;
    const char *region = request->region;
    const char *host = strstr(request->base_url, "://");
    struct sigv4_signed made;

    if (request->key)
        attempt->key = *request->key;
    else
        TRY(aws_key(attempt->aws, attempt->arena, &attempt->key, err));
    if (!region)
        TRY(aws_region(attempt->aws, &region, err));
    const struct sigv4_request wanted = {
        .method = request->method,
        .host = host ? host + 3 : request->base_url,
        .path = request->path,
        .query = request->query,
        .query_count = request->query_count,
        .headers = request->headers,
        .header_count = request->header_count,
        .payload_sha256 = attempt->sha256,
    };
    const struct sigv4_key key = {
        .access_key_id = attempt->key.access_key_id,
        .secret_access_key = attempt->key.secret_access_key,
        .session_token = attempt->key.session_token,
        .region = region ? region : "us-east-1",
        .service = request->service,
    };
    sigv4_sign(&wanted, &key, aws_now_us(attempt->aws), attempt->arena, &made);
    headers += http->header_count;
    *headers++ = (struct http_header){"authorization", made.authorization};
    *headers++ = (struct http_header){"x-amz-date", made.amz_date};
    if (made.amz_token)
        *headers++ = (struct http_header){"x-amz-security-token", made.amz_token};
    if (made.amz_sha256)
        *headers++ = (struct http_header){"x-amz-content-sha256", made.amz_sha256};
    http->header_count = (size_t)(headers - http->headers);
    http->url = arena_printf(attempt->arena, "%s%s", request->base_url, made.target);
    return ERR_OK;
}

static const char *plain_url(const struct aws_request *request, struct arena *arena)
{
    CLEANUP_IN_PLACE(buf_release) struct buf url = {0};

    buf_add_text(&url, request->base_url);
    sigv4_encode(&url, request->path, true);
    for (size_t i = 0; i < request->query_count; i++) {
        buf_add_char(&url, i ? '&' : '?');
        sigv4_encode(&url, request->query[i].name, false);
        buf_add_char(&url, '=');
        sigv4_encode(&url, request->query[i].value, false);
    }
    return arena_strdup(arena, url.data);
}

static enum err_code send_once(struct attempt *attempt, struct err *err)
{
    const struct aws_request *request = attempt->request;
    size_t most = request->header_count + OWN_HEADERS;
    struct http_header *headers = arena_alloc(attempt->arena, most * sizeof *headers);
    struct http_request http = {
        .method = request->method,
        .headers = headers,
        .header_count = request->header_count,
        .body = request->body,
        .sink = request->sink,
        .sink_arg = request->sink_arg,
        .body_limit_bytes = request->body_limit_bytes,
        .deadline_us = attempt->retry.deadline_us,
        .finish = request->finish,
    };

    for (size_t i = 0; i < request->header_count; i++)
        headers[i] = (struct http_header){request->headers[i].name, request->headers[i].value};
    if (request->service)
        TRY(sign(attempt, &http, headers, err));
    else
        http.url = plain_url(request, attempt->arena);
    return http_send(aws_http(attempt->aws), &http, attempt->response, err);
}

/* --- what becomes of it --- */

static enum err_code judge(const struct attempt *attempt, struct aws_failure *failure,
                           struct err *err)
{
    const struct aws_request *request = attempt->request;
    bool unsure = failure->unsure;

    if (attempt->response->status / 100 == 2) {
        if (!request->accept || request->accept(attempt->response, request->accept_arg, err))
            return ERR_OK;
        *failure = (struct aws_failure){.unsure = unsure};
        aws_failure_read(attempt->response, failure);
        return *failure->code ? raise(known(failure), failure, err) : err->code;
    }
    *failure = (struct aws_failure){.unsure = unsure};
    aws_failure_read(attempt->response, failure);
    return raise(known(failure), failure, err);
}

static int64_t retry_after_us(const struct http_response *response)
{
    const char *text = http_response_header(response, "retry-after");
    uint64_t seconds;

    if (!text || !text_to_u64(text, &seconds))
        return 0;
    return (int64_t)(seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * 1000000;
}

/* Once each: what can be put right at once. */
static bool put_right(struct attempt *attempt, const struct aws_failure *failure,
                      const struct known_error *what)
{
    bool skewed = what->remedy == REMEDY_CLOCK ||
                  (strstr(failure->code, "Signature") && strstr(failure->text, "expired")) ||
                  (strstr(failure->code, "Signature") && strstr(failure->text, "not yet current"));
    /* The answer to HEAD has no body that would say why. */
    bool mute = text_equal(attempt->request->method, "HEAD") &&
                (failure->status == 400 || failure->status == 403);

    if (!attempt->clock_corrected && (skewed || mute) &&
        aws_correct_clock(attempt->aws, attempt->response)) {
        attempt->clock_corrected = true;
        return true;
    }
    if (!attempt->renewed && !attempt->request->key && attempt->request->service &&
        (what->remedy == REMEDY_RENEW || (mute && attempt->key.session_token))) {
        attempt->renewed = true;
        aws_key_expired(attempt->aws, attempt->key.access_key_id);
        return true;
    }
    return false;
}

static bool again(struct attempt *attempt, struct aws_failure *failure, struct err *err)
{
    int status = attempt->response->status;
    /* A 2xx that was not accepted, but says no code, is as good as a broken connection. */
    bool answered = failure->status && (status / 100 != 2 || *failure->code);
    const struct known_error *what = answered ? known(failure) : NULL;
    bool worth = what ? what->remedy == REMEDY_AGAIN
                      : err->code == ERR_UNAVAILABLE || err->code == ERR_TIMEOUT;

    if (!what || status >= 500 || status / 100 == 2)
        failure->unsure = true;
    if (what && put_right(attempt, failure, what)) {
        retry_note(&attempt->retry, err);
        return true;
    }
    if (worth)
        return retry_again(&attempt->retry, what ? retry_after_us(attempt->response) : 0, err);
    retry_end(&attempt->retry, err);
    return false;
}

enum err_code aws_send(struct aws *aws, const struct aws_request *request,
                       struct http_response *ret_response, struct aws_failure *ret_failure,
                       struct err *err)
{
    struct attempt attempt = {
        .aws = aws, .request = request, .response = ret_response, .sha256 = request->body_sha256};
    struct aws_failure failure = {0};
    enum err_code code;

    if (!attempt.sha256 && request->service) {
        sha256_of(request->body.data, request->body.size, attempt.sha256_room);
        attempt.sha256 = attempt.sha256_room;
    }
    retry_begin(&attempt.retry, request->retry ? request->retry : aws_retry_policy(aws));
    for (;;) {
        CLEANUP(arena_free) struct arena *arena = arena_new(0);
        attempt.arena = arena;
        http_response_clear(ret_response);
        code = send_once(&attempt, err);
        if (code == ERR_OK)
            code = judge(&attempt, &failure, err);
        else
            failure = (struct aws_failure){.unsure = failure.unsure};
        if (code == ERR_OK || !again(&attempt, &failure, err))
            break;
        if (request->restart)
            request->restart(request->sink_arg);
    }
    if (ret_failure)
        *ret_failure = failure;
    return code == ERR_OK || !request->doing ? code : err_wrap(err, "%.400s", request->doing);
}

enum err_code aws_call_json(struct aws *aws, const struct aws_call *call, struct span body,
                            struct http_response *ret_response, struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    const struct sigv4_pair headers[] = {{"content-type", "application/x-amz-json-1.1"},
                                         {"x-amz-target", call->target}};
    struct aws_request request = {.doing = call->doing,
                                  .service = call->service,
                                  .region = call->region,
                                  .method = "POST",
                                  .path = "/",
                                  .headers = headers,
                                  .header_count = COUNT_OF(headers),
                                  .body = body};

    TRY(aws_endpoint(aws, call->service, call->region, arena, &request.base_url, err));
    return aws_send(aws, &request, ret_response, NULL, err);
}
