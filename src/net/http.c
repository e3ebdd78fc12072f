#include "net/http.h"

#include <assert.h>
#include <ctype.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <strings.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

enum {
    SECOND_US = 1000 * 1000,
    CONNECT_TIMEOUT_US = 10 * SECOND_US,
    STALL_TIMEOUT_US = 60 * SECOND_US,
    CONNECTIONS_MAX = 16,
    HEADERS_LIMIT_BYTES = 64 << 10,
    TRANSFER_BUFFER_BYTES = 128 << 10,
    WAIT_MS = 1000
};

/* A connection cache of libcurl belongs to a multi handle; each serves one request at a time. */
struct line {
    struct line *next;
    CURLM *multi;
    CURL *easy;
};

struct http {
    char *ca_file;
    unsigned connections_max;
    pthread_mutex_t lock; /* guards what follows */
    struct line *idle;
    unsigned idle_count;
};

/* One request under way. */
struct exchange {
    const struct http_request *request;
    struct http_response *response;
    struct span left;   /* of a body in memory */
    enum err_code code; /* raised in a callback of libcurl */
    struct err *err;
    CURL *easy;
    char trouble[CURL_ERROR_SIZE];
    char where[256]; /* "https://host" */
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* libcurl looks where it was told when it was built, which is another place on another
 * distribution. */
static const char *system_ca_file(void)
{
    static const char *const known[] = {"/etc/ssl/certs/ca-certificates.crt",
                                        "/etc/pki/tls/certs/ca-bundle.crt",
                                        "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
    const char *built_in = curl_version_info(CURLVERSION_NOW)->cainfo;

    if (built_in && file_exists(built_in))
        return NULL;
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (file_exists(known[i]))
            return known[i];
    return NULL;
}

struct http *http_new(const struct http_options *options)
{
    struct http *http = mem_zalloc(1, sizeof *http);
    const char *ca_file = options ? options->ca_file : NULL;

    if (!ca_file)
        ca_file = getenv("AWS_CA_BUNDLE");
    if (!ca_file || !*ca_file)
        ca_file = getenv("SSL_CERT_FILE");
    if (!ca_file || !*ca_file)
        ca_file = system_ca_file();
    if (ca_file && *ca_file)
        http->ca_file = mem_strdup(ca_file);
    http->connections_max =
        options && options->connections_max ? options->connections_max : CONNECTIONS_MAX;
    (void)pthread_mutex_init(&http->lock, NULL);
    return http;
}

static void line_free(struct line *line)
{
    curl_easy_cleanup(line->easy);
    (void)curl_multi_cleanup(line->multi);
    free(line);
}

void http_free(struct http *http)
{
    if (!http)
        return;
    while (http->idle) {
        struct line *line = http->idle;
        http->idle = line->next;
        line_free(line);
    }
    (void)pthread_mutex_destroy(&http->lock);
    free(http->ca_file);
    free(http);
}

static struct line *take_line(struct http *http)
{
    (void)pthread_once(&curl_once, start_curl);
    (void)pthread_mutex_lock(&http->lock);
    struct line *line = http->idle;
    if (line) {
        http->idle = line->next;
        http->idle_count--;
    }
    (void)pthread_mutex_unlock(&http->lock);
    if (line)
        return line;
    line = mem_zalloc(1, sizeof *line);
    line->multi = curl_multi_init();
    line->easy = curl_easy_init();
    if (!line->multi || !line->easy)
        abort(); /* out of memory */
    (void)curl_multi_setopt(line->multi, CURLMOPT_MAXCONNECTS, 2L);
    return line;
}

/* The one used last comes first, so that a burst's connections age and go. */
static void give_line(struct http *http, struct line *line)
{
    curl_easy_reset(line->easy);
    (void)pthread_mutex_lock(&http->lock);
    bool keep = http->idle_count < http->connections_max;
    if (keep) {
        line->next = http->idle;
        http->idle = line;
        http->idle_count++;
    }
    (void)pthread_mutex_unlock(&http->lock);
    if (!keep)
        line_free(line);
}

/* --- what libcurl calls --- */

static size_t on_source(char *data, size_t one, size_t size, void *arg)
{
    struct exchange *exchange = arg;
    const struct http_request *request = exchange->request;
    size_t got = 0;

    size *= one;
    if (request->source) {
        exchange->code = request->source(request->source_arg, data, size, &got, exchange->err);
        return exchange->code ? CURL_READFUNC_ABORT : got;
    }
    got = exchange->left.size < size ? exchange->left.size : size;
    if (got)
        memcpy(data, exchange->left.data, got);
    exchange->left.data += got;
    exchange->left.size -= got;
    return got;
}

/* libcurl sends a body again by itself when a kept connection turns out to be closed. */
static int on_rewind(void *arg, curl_off_t offset, int origin)
{
    struct exchange *exchange = arg;

    if (exchange->request->source || offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_FAIL;
    exchange->left = exchange->request->body;
    return CURL_SEEKFUNC_OK;
}

static int status_of(const struct exchange *exchange)
{
    long status = 0;
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

static size_t on_body(char *data, size_t one, size_t size, void *arg)
{
    struct exchange *exchange = arg;
    const struct http_request *request = exchange->request;
    struct buf *body = &exchange->response->body;
    size_t limit = request->body_limit_bytes ? request->body_limit_bytes : HTTP_BODY_LIMIT_BYTES;

    size *= one;
    if (request->sink && status_of(exchange) / 100 == 2) {
        exchange->code = request->sink(request->sink_arg, data, size, exchange->err);
        return exchange->code ? 0 : size;
    }
    if (size > limit - body->size) {
        exchange->code = err_set(exchange->err, ERR_DATA, "%s: the answer has more than %zu bytes",
                                 exchange->where, limit);
        return 0;
    }
    buf_add(body, data, size);
    return size;
}

/* "Name: value\r\n" as "name\0value\0".  A new status line (100 Continue before it) begins anew. */
static size_t on_header(char *data, size_t one, size_t size, void *arg)
{
    struct exchange *exchange = arg;
    struct buf *headers = &exchange->response->headers;
    size *= one;
    size_t end = size;
    const char *colon = memchr(data, ':', size);

    if (size >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        buf_clear(headers);
        return size;
    }
    if (!colon)
        return size;
    if (size > HEADERS_LIMIT_BYTES - headers->size) {
        exchange->code = err_set(exchange->err, ERR_DATA, "%s: the answer's headers are too large",
                                 exchange->where);
        return 0;
    }
    for (const char *at = data; at < colon; at++)
        buf_add_char(headers, (char)tolower((unsigned char)*at));
    buf_add_char(headers, '\0');
    size_t begin = (size_t)(colon + 1 - data);
    while (begin < end && isspace((unsigned char)data[begin]))
        begin++;
    while (end > begin && isspace((unsigned char)data[end - 1]))
        end--;
    buf_add(headers, data + begin, end - begin);
    buf_add_char(headers, '\0');
    return size;
}

/* --- setting up --- */

/* Options of types that this version of libcurl knows cannot fail, but for lack of memory. */
#define SET(easy, option, value)                                     \
    do {                                                             \
        CURLcode set_code = curl_easy_setopt((easy), option, value); \
        assert(set_code == CURLE_OK);                                \
        (void)set_code;                                              \
    } while (0)

static bool has_body(const struct http_request *request)
{
    return request->source || request->body.size || text_equal(request->method, "PUT") ||
           text_equal(request->method, "POST");
}

static void set_method(CURL *easy, const struct http_request *request)
{
    if (text_equal(request->method, "HEAD"))
        SET(easy, CURLOPT_NOBODY, 1L);
    else if (has_body(request))
        SET(easy, CURLOPT_UPLOAD, 1L);
    else
        SET(easy, CURLOPT_HTTPGET, 1L);
    SET(easy, CURLOPT_CUSTOMREQUEST, request->method);
    if (has_body(request))
        SET(easy, CURLOPT_INFILESIZE_LARGE,
            (curl_off_t)(request->source ? request->source_size : (int64_t)request->body.size));
}

/* Without a type of its own libcurl adds none to an upload; "Expect" would cost a round trip. */
static struct curl_slist *header_list(const struct http_request *request)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");

    for (size_t i = 0; i < request->header_count && list; i++) {
        const struct http_header *header = &request->headers[i];
        buf_clear(&text);
        /* "name;" is libcurl's way to write a header without a value. */
        buf_addf(&text, *header->value ? "%s: %s" : "%s;", header->name, header->value);
        list = curl_slist_append(list, text.data);
    }
    if (!list)
        abort(); /* out of memory */
    return list;
}

static void set_callbacks(CURL *easy, struct exchange *exchange)
{
    SET(easy, CURLOPT_ERRORBUFFER, exchange->trouble);
    SET(easy, CURLOPT_READFUNCTION, on_source);
    SET(easy, CURLOPT_READDATA, exchange);
    SET(easy, CURLOPT_SEEKFUNCTION, on_rewind);
    SET(easy, CURLOPT_SEEKDATA, exchange);
    SET(easy, CURLOPT_WRITEFUNCTION, on_body);
    SET(easy, CURLOPT_WRITEDATA, exchange);
    SET(easy, CURLOPT_HEADERFUNCTION, on_header);
    SET(easy, CURLOPT_HEADERDATA, exchange);
}

static void set_up(const struct http *http, CURL *easy, struct exchange *exchange,
                   struct curl_slist *headers)
{
    const struct http_request *request = exchange->request;
    int64_t connect_us =
        request->connect_timeout_us ? request->connect_timeout_us : CONNECT_TIMEOUT_US;

    SET(easy, CURLOPT_URL, request->url);
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(easy, CURLOPT_PATH_AS_IS, 1L);
    SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect_us / 1000 + 1));
    /* Refused while a buffer of the handle's last request is in use; then it stays as large. */
    (void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)TRANSFER_BUFFER_BYTES);
    (void)curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)TRANSFER_BUFFER_BYTES);
    SET(easy, CURLOPT_USERAGENT, "tote/" TOTE_VERSION);
    SET(easy, CURLOPT_HTTPHEADER, headers);
    if (http->ca_file)
        SET(easy, CURLOPT_CAINFO, http->ca_file);
    if (request->direct)
        SET(easy, CURLOPT_NOPROXY, "*");
    set_callbacks(easy, exchange);
    set_method(easy, request);
}

/* --- running --- */

static enum err_code raise(struct exchange *exchange, CURLcode result)
{
    struct err *err = exchange->err;
    const char *why = *exchange->trouble ? exchange->trouble : curl_easy_strerror(result);

    if (exchange->code)
        return exchange->code;
    switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(err, ERR_TIMEOUT, "%s: could not connect in time", exchange->where);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        (void)err_set(err, ERR_DENIED, "%s: its certificate is not accepted: %.300s",
                      exchange->where, why);
        return err_hint(err, "check the address and the clock; a private certificate authority is "
                             "named by AWS_CA_BUNDLE");
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return err_set(err, ERR_CONFIG, "'%s' is not an address of a server: %.300s",
                       exchange->where, why);
    case CURLE_WEIRD_SERVER_REPLY:
        return err_set(err, ERR_DATA, "%s: does not speak HTTP: %.300s", exchange->where, why);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
        (void)err_set(err, ERR_UNAVAILABLE, "%s: cannot be reached: %.300s", exchange->where, why);
        return err_hint(err, "check the address, the network and any proxy");
    default:
        return err_set(err, ERR_UNAVAILABLE, "%s: the connection failed: %.300s", exchange->where,
                       why);
    }
}

static int64_t bytes_moved(CURL *easy)
{
    curl_off_t up = 0, down = 0;

    (void)curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &up);
    (void)curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    return up + down;
}

struct patience {
    int64_t stall_us;
    int64_t moved;
    int64_t since_us;
};

/* Whether to go on, and for how long to sleep at most. */
static enum err_code check_limits(const struct exchange *exchange, struct patience *patience,
                                  int *ret_wait_ms)
{
    const struct http_request *request = exchange->request;
    int64_t now_us = clock_monotonic_us(), moved = bytes_moved(exchange->easy);
    int64_t left_us = WAIT_MS * 1000;

    if (!request->finish)
        TRY(cancel_check(exchange->err));
    if (moved != patience->moved) {
        patience->moved = moved;
        patience->since_us = now_us;
    }
    if (request->deadline_us) {
        if (now_us >= request->deadline_us)
            return err_set(exchange->err, ERR_TIMEOUT, "%s: no whole answer before the deadline",
                           exchange->where);
        if (request->deadline_us - now_us < left_us)
            left_us = request->deadline_us - now_us;
    }
    if (patience->stall_us >= 0) {
        int64_t until_us = patience->since_us + patience->stall_us;
        if (now_us >= until_us)
            return err_set(exchange->err, ERR_TIMEOUT, "%s: nothing came for %lld s",
                           exchange->where, (long long)(patience->stall_us / SECOND_US));
        if (until_us - now_us < left_us)
            left_us = until_us - now_us;
    }
    *ret_wait_ms = (int)(left_us / 1000) + 1;
    return ERR_OK;
}

static enum err_code run(struct line *line, struct exchange *exchange)
{
    const struct http_request *request = exchange->request;
    struct patience patience = {.stall_us = request->stall_timeout_us ? request->stall_timeout_us
                                                                      : STALL_TIMEOUT_US,
                                .since_us = clock_monotonic_us()};
    struct curl_waitfd cancelled = {.fd = cancel_fd(), .events = CURL_WAIT_POLLIN};
    int active = 1, wait_ms = 0;

    for (;;) {
        if (curl_multi_perform(line->multi, &active) != CURLM_OK)
            return err_set(exchange->err, ERR_INTERNAL, "libcurl cannot go on");
        if (!active)
            break;
        TRY(check_limits(exchange, &patience, &wait_ms));
        (void)curl_multi_poll(line->multi, &cancelled, request->finish ? 0 : 1, wait_ms, NULL);
    }
    int waiting;
    const CURLMsg *message = curl_multi_info_read(line->multi, &waiting);
    CURLcode result = message ? message->data.result : CURLE_OK;
    return result || exchange->code ? raise(exchange, result) : ERR_OK;
}

static void set_where(struct exchange *exchange)
{
    const char *url = exchange->request->url;
    const char *host = strstr(url, "://");
    size_t size = host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : strcspn(url, "/?#");

    (void)snprintf(exchange->where, sizeof exchange->where, "%.*s", (int)(size < 250 ? size : 250),
                   url);
}

enum err_code http_send(struct http *http, const struct http_request *given,
                        struct http_response *ret_response, struct err *err)
{
    struct http_request request = *given;
    struct exchange exchange = {
        .request = &request, .response = ret_response, .left = given->body, .err = err};

    if (!request.method)
        request.method = "GET";
    http_response_clear(ret_response);
    set_where(&exchange);
    if (!request.finish)
        TRY(cancel_check(err));
    struct line *line = take_line(http);
    struct curl_slist *headers = header_list(&request);
    exchange.easy = line->easy;
    set_up(http, line->easy, &exchange, headers);
    (void)curl_multi_add_handle(line->multi, line->easy);
    enum err_code code = run(line, &exchange);
    ret_response->status = status_of(&exchange);
    (void)curl_multi_remove_handle(line->multi, line->easy);
    curl_slist_free_all(headers);
    give_line(http, line);
    return code;
}

/* --- answers --- */

void http_response_release(struct http_response *response)
{
    buf_release(&response->headers);
    buf_release(&response->body);
}

void http_response_clear(struct http_response *response)
{
    response->status = 0;
    buf_clear(&response->headers);
    buf_clear(&response->body);
}

const char *http_response_header(const struct http_response *response, const char *name)
{
    const char *at = response->headers.data, *end = at + response->headers.size;

    while (at < end) {
        const char *value = at + strlen(at) + 1;
        if (text_equal(at, name))
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

bool http_date_parse(const char *text, int64_t *ret_at_us)
{
    time_t at = curl_getdate(text, NULL);

    if (at < 0)
        return false;
    *ret_at_us = (int64_t)at * SECOND_US;
    return true;
}
