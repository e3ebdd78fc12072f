/* web/reply.h - a document as an answer: headers, 304, gzip. */
#ifndef WEB_REPLY_H
#define WEB_REPLY_H

#include <microhttpd.h>

#include "page.h"
#include "web/document.h"

enum reply_cache {
    REPLY_NO_STORE,
    REPLY_REVALIDATE, /* no-cache: kept, and asked for again with its ETag */
    REPLY_FOR_EVER,
};

struct reply {
    enum reply_cache cache;
    bool stale;             /* a report of an earlier batch: its last member says so */
    const char *attachment; /* file name for a download, or NULL */
    const char *allow;      /* methods, with 405; or NULL */
    bool ask_token;         /* 401 */
    unsigned retry_after_s; /* 0: none */
};

/* Queues the answer; *ret_status and *ret_bytes are what was sent. */
enum MHD_Result reply_document(struct MHD_Connection *connection, struct document *document,
                               const struct reply *reply, int *ret_status, size_t *ret_bytes);
enum MHD_Result reply_page(struct MHD_Connection *connection, const struct page_file *file,
                           int *ret_status, size_t *ret_bytes);
/* To the page, with the cookie. */
enum MHD_Result reply_cookie(struct MHD_Connection *connection, const char *value, bool secure,
                             int *ret_status);
/* The headers that every answer has. */
void reply_guard(struct MHD_Response *response, bool is_page);

#endif
