/* net/http.h - one HTTP/1.1 request and its answer, by libcurl.
 *
 * A client keeps connections open between requests and may be used by several threads at once; each
 * request runs in its caller's thread.  Every wait ends by a time limit, by the deadline, or when
 * the program is cancelled (base/cancel.h).  Certificates are always verified.  Redirects are not
 * followed.  Nothing is repeated here: who may repeat a request is its caller's knowledge
 * (net/retry.h).
 *
 * An answer with any status is ERR_OK.  Without a whole answer: ERR_UNAVAILABLE (not reached,
 * broken off, truncated), ERR_TIMEOUT, ERR_CANCELLED, ERR_DENIED (certificate), ERR_DATA (too
 * large, not HTTP), or what a source or sink returned.  Errors name scheme and host, never path,
 * query or headers. */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stdint.h>

#include "base/buf.h"

struct http;

struct http_options {
    const char *ca_file;      /* NULL: SSL_CERT_FILE, AWS_CA_BUNDLE or the system's */
    unsigned connections_max; /* kept open at most when idle; 0: 16 */
};

/* Costs nothing before the first request.  options NULL: all defaults. */
struct http *http_new(const struct http_options *options);
void http_free(struct http *http); /* no request may be under way */
DEFINE_CLEANUP(struct http *, http_free)

struct http_header {
    const char *name; /* any case */
    const char *value;
};

/* Supplies up to `size` bytes of a request's body; *ret_size 0 ends it. */
typedef enum err_code http_source_fn(void *arg, void *data, size_t size, size_t *ret_size,
                                     struct err *err);
/* Takes a piece of the answer's body as it arrives. */
typedef enum err_code http_sink_fn(void *arg, const void *data, size_t size, struct err *err);

enum {
    HTTP_BODY_LIMIT_BYTES = 1 << 20,
    HTTP_SIZE_UNKNOWN = -1,
    HTTP_NO_LIMIT = -1
};

struct http_request {
    const char *method; /* NULL: GET */
    const char *url;    /* absolute, percent-encoded; sent just as it is */
    const struct http_header *headers;
    size_t header_count;
    struct span body;       /* used when source is NULL */
    http_source_fn *source; /* a body that is streamed */
    void *source_arg;
    int64_t source_size; /* HTTP_SIZE_UNKNOWN: sent in chunks */
    http_sink_fn *sink;  /* takes the body of a 2xx; NULL: held in response.body, as others are */
    void *sink_arg;
    size_t body_limit_bytes;    /* of a body held in memory; 0: HTTP_BODY_LIMIT_BYTES */
    int64_t connect_timeout_us; /* 0: 10 s */
    int64_t stall_timeout_us;   /* without a byte in either direction; 0: 60 s, HTTP_NO_LIMIT */
    int64_t deadline_us;        /* of clock_monotonic_us(); 0: none */
    bool direct;                /* past any proxy: an address of this machine or its host */
    bool finish;                /* also when the program is being cancelled: to clean up */
};

/* Begins as {0}; filled also when http_send() fails midway: status is then that of the answer that
 * broke off, or 0. */
struct http_response {
    int status;
    struct buf headers; /* "name\0value\0", names in lower case, in order */
    struct buf body;
};

CHECKED enum err_code http_send(struct http *http, const struct http_request *request,
                                struct http_response *ret_response, struct err *err);
void http_response_release(struct http_response *response);
void http_response_clear(struct http_response *response); /* for another use; keeps the memory */
/* The first header of that name (lower case), or NULL. */
const char *http_response_header(const struct http_response *response, const char *name);
/* An HTTP date ("Tue, 15 Nov 1994 08:12:31 GMT") as an instant; false when it is none. */
bool http_date_parse(const char *text, int64_t *ret_at_us);

#endif
