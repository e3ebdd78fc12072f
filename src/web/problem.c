/* Errors as application/problem+json (RFC 9457). */
#include "base/json_write.h"
#include "web/web_private.h"

enum {
    STATUS_CANCELLED = 499 /* nobody's but nginx's: told as 503 */
};

struct document *problem_document(const struct err *err, int status)
{
    int answered = status ? status : err_http_status(err->code);
    struct document *document;
    struct json_writer json;

    if (answered == STATUS_CANCELLED)
        answered = 503;
    document = document_new(answered, "application/problem+json");
    json_begin(&json, &document->body, false);
    json_object_begin(&json, NULL);
    json_text(&json, "type", "about:blank");
    json_int(&json, "status", answered);
    json_text(&json, "code", err_name(err->code));
    json_text(&json, "title", err_text(err->code));
    json_text(&json, "detail", err->message);
    if (*err->hint)
        json_text(&json, "hint", err->hint);
    json_object_end(&json);
    return document;
}

struct document *problem_of(int status, enum err_code code, const char *detail, const char *hint)
{
    struct err err;

    err_set(&err, code, "%s", detail);
    if (hint)
        err_hint(&err, "%s", hint);
    return problem_document(&err, status);
}
