#include "web/reply.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "web/guard.h"

static const char *const cache_controls[] = {
    [REPLY_NO_STORE] = "no-store",
    [REPLY_REVALIDATE] = "no-cache",
    [REPLY_FOR_EVER] = "public, max-age=31536000, immutable",
};
/* As docs/reference/http-api.md says. */
static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";
static const char data_policy[] = "default-src 'none'; frame-ancestors 'none'";

static void add(struct MHD_Response *response, const char *name, const char *value)
{
    (void)MHD_add_response_header(response, name, value);
}

void reply_guard(struct MHD_Response *response, bool is_page)
{
    add(response, "Content-Security-Policy", is_page ? page_policy : data_policy);
    add(response, "X-Content-Type-Options", "nosniff");
    add(response, "Referrer-Policy", "no-referrer");
    add(response, "Cross-Origin-Resource-Policy", "same-origin");
    add(response, "Cross-Origin-Opener-Policy", "same-origin");
    add(response, "X-Frame-Options", "DENY");
}

static bool takes_gzip(struct MHD_Connection *connection)
{
    const char *encodings =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept-Encoding");
    const char *found = encodings ? strcasestr(encodings, "gzip") : NULL;

    return found && strncmp(found + 4, ";q=0", 4) != 0;
}

/* A list of tags, or "*"; a proxy may have made a tag weak. */
static bool is_known(struct MHD_Connection *connection, const char *etag)
{
    const char *known = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match");

    return known && *etag && (strstr(known, etag) || text_equal(known, "*"));
}

static enum MHD_Result queue(struct MHD_Connection *connection, int status,
                             struct MHD_Response *response)
{
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

static void release(void *document)
{
    document_release(document);
}

static struct MHD_Response *response_of(struct document *document, struct span body)
{
    /* MHD only reads; its signature lacks the const */
    void *data = body.size ? (void *)(uintptr_t)body.data : (void *)(uintptr_t) "";

    return MHD_create_response_from_buffer_with_free_callback_cls(body.size, data, release,
                                                                  document_hold(document));
}

/* The document says {…,"stale":false}; as a copy it says true. */
static struct MHD_Response *stale_response(const struct document *document)
{
    static const char fresh[] = "false}", stale[] = "true}";
    size_t kept = document->body.size - strlen(fresh);
    CLEANUP_IN_PLACE(buf_release) struct buf copy = {0};

    buf_add(&copy, document->body.data, kept);
    buf_add_text(&copy, stale);
    return MHD_create_response_from_buffer(copy.size, copy.data, MHD_RESPMEM_MUST_COPY);
}

static void add_details(struct MHD_Response *response, const struct document *document,
                        const struct reply *reply)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};

    add(response, "Content-Type", document->type);
    add(response, "Cache-Control", cache_controls[reply->cache]);
    if (*document->etag && !reply->stale)
        add(response, "ETag", document->etag);
    if (reply->attachment) {
        buf_addf(&text, "attachment; filename=\"%s.csv\"", reply->attachment);
        add(response, "Content-Disposition", text.data);
        buf_clear(&text);
    }
    if (reply->allow)
        add(response, "Allow", reply->allow);
    if (reply->ask_token)
        add(response, "WWW-Authenticate", "Bearer realm=\"tote\"");
    if (reply->retry_after_s) {
        buf_addf(&text, "%u", reply->retry_after_s);
        add(response, "Retry-After", text.data);
    }
}

enum MHD_Result reply_document(struct MHD_Connection *connection, struct document *document,
                               const struct reply *reply, int *ret_status, size_t *ret_bytes)
{
    bool known = document->status == 200 && !reply->stale && is_known(connection, document->etag);
    bool gzip = !known && !reply->stale && document->gzip.size && takes_gzip(connection);
    struct span body = {document->body.data, known ? 0 : document->body.size};
    struct MHD_Response *response;

    if (gzip)
        body = (struct span){document->gzip.data, document->gzip.size};
    response = reply->stale ? stale_response(document) : response_of(document, body);
    if (!response)
        return MHD_NO;
    reply_guard(response, false);
    add_details(response, document, reply);
    if (gzip)
        add(response, "Content-Encoding", "gzip");
    if (document->gzip.size)
        add(response, "Vary", "Accept-Encoding");
    *ret_status = known ? MHD_HTTP_NOT_MODIFIED : document->status;
    *ret_bytes = body.size;
    return queue(connection, *ret_status, response);
}

enum MHD_Result reply_page(struct MHD_Connection *connection, const struct page_file *file,
                           int *ret_status, size_t *ret_bytes)
{
    bool is_index = text_equal(file->path, "index.html");
    char etag[32];
    (void)snprintf(etag, sizeof etag, "\"%s\"", file->hash);
    bool known = is_known(connection, etag);
    bool gzip = !known && file->gzip && takes_gzip(connection);
    size_t size = known ? 0 : gzip ? file->gzip_size : file->size;
    const unsigned char *data = gzip ? file->gzip : file->data;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, (void *)(uintptr_t)data, MHD_RESPMEM_PERSISTENT);

    if (!response)
        return MHD_NO;
    reply_guard(response, is_index);
    add(response, "Content-Type", file->type);
    add(response, "Cache-Control", cache_controls[is_index ? REPLY_REVALIDATE : REPLY_FOR_EVER]);
    add(response, "ETag", etag);
    add(response, "Vary", "Accept-Encoding");
    if (gzip)
        add(response, "Content-Encoding", "gzip");
    *ret_status = known ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK;
    *ret_bytes = size;
    return queue(connection, *ret_status, response);
}

enum MHD_Result reply_cookie(struct MHD_Connection *connection, const char *value, bool secure,
                             int *ret_status)
{
    static char empty[] = "";
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, empty, MHD_RESPMEM_PERSISTENT);
    char cookie[160];

    if (!response)
        return MHD_NO;
    (void)snprintf(cookie, sizeof cookie, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s",
                   GUARD_COOKIE_NAME, value, secure ? "; Secure" : "");
    reply_guard(response, false);
    add(response, "Set-Cookie", cookie);
    add(response, "Cache-Control", cache_controls[REPLY_NO_STORE]);
    add(response, "Location", "/");
    *ret_status = MHD_HTTP_SEE_OTHER;
    return queue(connection, MHD_HTTP_SEE_OTHER, response);
}
