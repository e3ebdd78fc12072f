#include <stdio.h>

#include "base/text.h"
#include "base/xml_read.h"
#include "store/s3_private.h"

enum {
    KEY_TEXT_MAX = 1025
};

enum err_code s3_remove(struct store *store, const char *key, struct err *err)
{
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    struct s3_call call = {.action = "s3:DeleteObject", .method = "DELETE", .key = key};

    enum err_code code = s3_send(STORE_DRIVER(struct s3, store), &call, &response, NULL, err);
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

/* --- many at once: DeleteObjects --- */

static void add_escaped(struct buf *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '&')
            buf_add_text(out, "&amp;");
        else if (*c == '<')
            buf_add_text(out, "&lt;");
        else if (*c == '>')
            buf_add_text(out, "&gt;");
        else
            buf_add_char(out, *c);
    }
}

static void write_request(const struct s3 *s3, const char *const *keys, size_t count,
                          struct buf *out)
{
    /* Quiet: the answer names only what could not be removed. */
    buf_add_text(out, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                      "<Quiet>true</Quiet>");
    for (size_t i = 0; i < count; i++) {
        buf_add_text(out, "<Object><Key>");
        add_escaped(out, s3->prefix);
        add_escaped(out, keys[i]);
        buf_add_text(out, "</Key></Object>");
    }
    buf_add_text(out, "</Delete>");
}

struct removed {
    bool whole; /* it was an answer to this indeed */
    bool failed;
    char key[KEY_TEXT_MAX]; /* one that could not be removed */
};

static enum err_code on_removed(void *arg, const char *path, const char *text, struct err *err)
{
    struct removed *removed = arg;

    (void)err;
    if (text_equal(path, "DeleteResult"))
        removed->whole = true;
    else if (text_equal(path, "DeleteResult/Error/Key"))
        (void)snprintf(removed->key, sizeof removed->key, "%s", text);
    else if (text_equal(path, "DeleteResult/Error"))
        removed->failed = true;
    return ERR_OK;
}

/* The status is 200 whatever became of each of them. */
static bool all_removed(const struct http_response *response, void *arg, struct err *err)
{
    struct removed *removed = arg;

    *removed = (struct removed){0};
    if (xml_parse("answer", buf_text(&response->body), response->body.size, on_removed, removed,
                  err))
        return false;
    if (!removed->whole || removed->failed)
        (void)err_set(err, ERR_UNAVAILABLE, "status %d, but not all were removed",
                      response->status);
    return removed->whole && !removed->failed;
}

enum err_code s3_remove_all(struct store *store, const char *const *keys, size_t count,
                            struct err *err)
{
    static const struct sigv4_pair query[] = {{"delete", ""}};
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf body = {0};
    struct s3 *s3 = STORE_DRIVER(struct s3, store);
    char hex[SHA256_HEX_SIZE], base64[SHA256_BASE64_SIZE];
    struct removed removed = {0};

    write_request(s3, keys, count, &body);
    sha256_of(body.data, body.size, hex);
    digest_hex_to_base64(hex, base64);
    struct s3_call call = {.action = "s3:DeleteObject",
                           .method = "POST",
                           .query = query,
                           .query_count = COUNT_OF(query),
                           .body = {body.data, body.size},
                           .body_sha256 = hex,
                           .accept = all_removed,
                           .accept_arg = &removed};
    s3_header(&call, "content-type", "application/xml");
    s3_header(&call, "x-amz-checksum-sha256", base64); /* S3 wants one for this */
    enum err_code code = s3_send(s3, &call, &response, NULL, err);
    return code && removed.failed ? err_wrap(err, "removing object '%.400s'", removed.key) : code;
}
