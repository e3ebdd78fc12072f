#include <assert.h>
#include <stdio.h>

#include "base/text.h"
#include "store/s3_private.h"

void s3_header(struct s3_call *call, const char *name, const char *value)
{
    assert(call->header_count < S3_HEADERS_MAX);
    call->headers[call->header_count++] = (struct sigv4_pair){name, value};
}

void s3_copy_etag(const char *header, char ret_etag[static 72])
{
    size_t size = strlen(header);
    bool quoted = size >= 2 && header[0] == '"' && header[size - 1] == '"';

    (void)snprintf(ret_etag, 72, "%.*s", (int)(quoted ? size - 2 : size), header + quoted);
}

static enum err_code wrong_region(const struct s3 *s3, const struct aws_failure *failure,
                                  struct err *err)
{
    return err_hint(err,
                    "bucket '%.63s' is in %s, requests went to %s: set lake.region (or "
                    "AWS_REGION) to %s",
                    s3->bucket, failure->region, s3->region, failure->region);
}

static void hint_for_denied(const struct s3 *s3, const struct s3_call *call,
                            const struct aws_failure *failure, struct err *err)
{
    const char *what = call->key ? "/*" : "";

    if (strstr(failure->text, "kms:") || text_starts(failure->code, "KMS."))
        (void)err_hint(err,
                       "grant kms:GenerateDataKey and kms:Decrypt on the KMS key of bucket "
                       "'%.63s', in the key's policy too",
                       s3->bucket);
    else if (s3->bucket_owner && failure->status == 403 && !*failure->text)
        (void)err_hint(err,
                       "grant %s on arn:%s:s3:::%.63s%s; the bucket must belong to account "
                       "%.12s (lake.bucket_owner)",
                       call->action, s3->partition, s3->bucket, what, s3->bucket_owner);
    else if (text_equal(call->action, "s3:GetObject"))
        (void)err_hint(err,
                       "grant %s on arn:%s:s3:::%.63s%s, and s3:ListBucket on the bucket: "
                       "without that S3 says so of objects that are not there",
                       call->action, s3->partition, s3->bucket, what);
    else
        (void)err_hint(err, "grant %s on arn:%s:s3:::%.63s%s", call->action, s3->partition,
                       s3->bucket, what);
}

static bool has_header(const struct s3_call *call, const char *name)
{
    for (size_t i = 0; i < call->header_count; i++)
        if (text_equal(call->headers[i].name, name))
            return true;
    return false;
}

/* Makes of what AWS said what store.h promises. */
static enum err_code translate(const struct s3 *s3, const struct s3_call *call,
                               const struct aws_failure *failure, struct err *err)
{
    bool absent = err->code == ERR_NOT_FOUND && call->key &&
                  (!*failure->code || text_equal(failure->code, "NoSuchKey"));
    bool refused = text_equal(failure->code, "PreconditionFailed");

    if (!failure->status)
        return err->code;
    if (*failure->region && !text_equal(failure->region, s3->region) &&
        (failure->status == 301 || failure->status == 307 || failure->status == 400))
        return wrong_region(s3, failure, err);
    if ((absent || refused) && has_header(call, "if-match"))
        return store_changed(err, &s3->base, call->key);
    if (absent)
        return store_absent(err, &s3->base, call->key);
    if (refused && has_header(call, "if-none-match"))
        return store_exists(err, &s3->base, call->key);
    if (err->code == ERR_DENIED && !*err->hint)
        hint_for_denied(s3, call, failure, err);
    return err->code;
}

enum err_code s3_send(struct s3 *s3, struct s3_call *call, struct http_response *ret_response,
                      struct aws_failure *ret_failure, struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    const char *full = call->key ? arena_printf(arena, "%s%s", s3->prefix, call->key) : "";
    struct aws_failure failure = {0};

    if (s3->bucket_owner)
        s3_header(call, "x-amz-expected-bucket-owner", s3->bucket_owner);
    const struct aws_request request = {
        .doing = arena_printf(arena, "%s on arn:%s:s3:::%s%s%s", call->action, s3->partition,
                              s3->bucket, call->key ? "/" : "", full),
        .service = "s3",
        .region = s3->region,
        .base_url = s3->base_url,
        .method = call->method,
        .path = arena_printf(arena, "%s%s", s3->root, full),
        .query = call->query,
        .query_count = call->query_count,
        .headers = call->headers,
        .header_count = call->header_count,
        .body = call->body,
        .body_sha256 = call->body_sha256,
        .sink = call->sink,
        .sink_arg = call->sink_arg,
        .restart = call->restart,
        .accept = call->accept,
        .accept_arg = call->accept_arg,
        .body_limit_bytes = call->body_limit_bytes,
        .retry = call->retry ? call->retry : &s3->retry,
        .finish = call->finish,
    };
    enum err_code code = aws_send(s3->aws, &request, ret_response, &failure, err);
    if (code)
        code = translate(s3, call, &failure, err);
    if (ret_failure)
        *ret_failure = failure;
    return code;
}
