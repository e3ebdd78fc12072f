/* An object that fits into one part is one PUT at its commit; a longer one is a multipart upload,
 * whose parts are sent as they fill, and which is aborted unless it is committed.
 *
 * Each object carries the random id of its writer.  When an attempt to make it visible got no plain
 * answer, and a later one is told that the object exists already, that id says whose it is. */
#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xml_read.h"
#include "store/s3_private.h"

enum {
    PARTS_MAX = 10000,
    PARTS_OF_ONE_SIZE = 1000, /* then twice as large: 10,000 parts hold more than 5 TiB */
    ABORT_BUDGET_US = 10 * 1000 * 1000,
    ABORT_ATTEMPTS = 3,
    LOOK_BUDGET_US = 10 * 1000 * 1000,
    LOOK_ATTEMPTS = 4
};

static const char writer_header[] = "x-amz-meta-tote-writer";

struct part {
    char etag[72];
    char sha256[SHA256_BASE64_SIZE];
};

struct s3_writer {
    struct store_writer base;
    enum store_when when;
    char *match; /* the etag that it may replace, quoted; NULL: as `when` says */
    char *key;
    char id[RANDOM_ID_SIZE];
    struct buf bytes; /* of the part that fills */
    char *upload_id;  /* NULL: no multipart upload has begun */
    struct part *parts;
    size_t part_count;
    size_t part_capacity;
};

enum err_code s3_writer_open(struct store *store, const char *key, enum store_when when,
                             struct store_writer **ret_writer, struct err *err)
{
    struct s3_writer *writer = mem_zalloc(1, sizeof *writer);

    (void)err;
    writer->base.store = store;
    writer->when = when;
    writer->key = mem_strdup(key);
    random_id(writer->id);
    *ret_writer = &writer->base;
    return ERR_OK;
}

void s3_writer_match(struct store_writer *base, const char *etag)
{
    struct s3_writer *writer = STORE_DRIVER(struct s3_writer, base);
    CLEANUP_IN_PLACE(buf_release) struct buf quoted = {0};

    buf_addf(&quoted, "\"%s\"", etag);
    writer->match = STEAL(quoted.data);
}

static struct s3 *s3_of(const struct s3_writer *writer)
{
    return STORE_DRIVER(struct s3, writer->base.store);
}

/* --- headers --- */

static const char *content_type(const char *key)
{
    static const struct {
        const char *end;
        const char *type;
    } types[] = {
        {".json", "application/json"},
        {".zst", "application/zstd"},
        {".parquet", "application/vnd.apache.parquet"},
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".csv", "text/csv; charset=utf-8"},
        {".txt", "text/plain; charset=utf-8"},
    };

    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (text_ends(key, types[i].end))
            return types[i].type;
    return "application/octet-stream";
}

/* What stands on a new object, however it comes to be; `until` has room for a date. */
static void object_headers(const struct s3_writer *writer, struct s3_call *call,
                           char until[static CLOCK_TEXT_MAX])
{
    const struct s3 *s3 = s3_of(writer);

    for (size_t i = 0; i < s3->object_header_count; i++)
        s3_header(call, s3->object_headers[i].name, s3->object_headers[i].value);
    s3_header(call, "content-type", content_type(writer->key));
    s3_header(call, writer_header, writer->id);
    if (s3->lock == STORE_LOCK_NONE)
        return;
    clock_format_iso(clock_now_us() + s3->lock_us, until);
    (void)snprintf(until + 19, CLOCK_TEXT_MAX - 19, "Z"); /* whole seconds, as S3 writes it */
    s3_header(call, "x-amz-object-lock-mode",
              s3->lock == STORE_LOCK_GOVERNANCE ? "GOVERNANCE" : "COMPLIANCE");
    s3_header(call, "x-amz-object-lock-retain-until-date", until);
}

static void condition(const struct s3_writer *writer, struct s3_call *call)
{
    if (writer->when == STORE_IF_ABSENT)
        s3_header(call, "if-none-match", "*");
    if (writer->match)
        s3_header(call, "if-match", writer->match);
}

/* --- whose object is there? --- */

static enum err_code settle(const struct s3_writer *writer, const struct aws_failure *failure,
                            struct err *err)
{
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    const struct retry_policy policy = {.attempts_max = LOOK_ATTEMPTS, .budget_us = LOOK_BUDGET_US};
    struct s3_call call = {
        .action = "s3:GetObject", .method = "HEAD", .key = writer->key, .retry = &policy};
    struct err why = *err;

    if (!failure->unsure || err->code == ERR_CANCELLED)
        return err->code;
    if (s3_send(s3_of(writer), &call, &response, NULL, err) == ERR_OK) {
        const char *id = http_response_header(&response, writer_header);
        if (id && text_equal(id, writer->id))
            return ERR_OK;
    }
    *err = why;
    return why.code;
}

/* --- one PUT --- */

/* The answer must be about the bytes that were sent; a server that says nothing is believed. */
struct sent {
    const char *sha256; /* base64 */
    char etag[72];
};

static bool is_stored(const struct http_response *response, void *arg, struct err *err)
{
    struct sent *sent = arg;
    const char *etag = http_response_header(response, "etag");
    const char *sha256 = http_response_header(response, "x-amz-checksum-sha256");

    if (!etag || strlen(etag) < 3) {
        (void)err_set(err, ERR_UNAVAILABLE, "the answer lacks the etag");
        return false;
    }
    if (sha256 && !strchr(sha256, '-') && !text_equal(sha256, sent->sha256)) {
        (void)err_set(err, ERR_UNAVAILABLE, "the server stored other bytes than were sent");
        return false;
    }
    s3_copy_etag(etag, sent->etag);
    return true;
}

static enum err_code put_whole(struct s3_writer *writer, struct err *err)
{
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    struct aws_failure failure = {0};
    char hex[SHA256_HEX_SIZE], base64[SHA256_BASE64_SIZE], until[CLOCK_TEXT_MAX];
    struct sent sent = {.sha256 = base64};
    struct s3_call call = {.action = "s3:PutObject",
                           .method = "PUT",
                           .key = writer->key,
                           .body = {buf_text(&writer->bytes), writer->bytes.size},
                           .body_sha256 = hex,
                           .accept = is_stored,
                           .accept_arg = &sent};

    sha256_of(call.body.data, call.body.size, hex);
    digest_hex_to_base64(hex, base64);
    object_headers(writer, &call, until);
    condition(writer, &call);
    s3_header(&call, "x-amz-checksum-sha256", base64);
    if (s3_send(s3_of(writer), &call, &response, &failure, err))
        return settle(writer, &failure, err);
    return ERR_OK;
}

/* --- multipart --- */

static enum err_code on_upload_id(void *arg, const char *path, const char *text, struct err *err)
{
    struct s3_writer *writer = arg;

    (void)err;
    if (text_equal(path, "InitiateMultipartUploadResult/UploadId") && !writer->upload_id && *text)
        writer->upload_id = mem_strdup(text);
    return ERR_OK;
}

static enum err_code begin_upload(struct s3_writer *writer, struct err *err)
{
    static const struct sigv4_pair query[] = {{"uploads", ""}};
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    char until[CLOCK_TEXT_MAX];
    struct s3_call call = {.action = "s3:PutObject",
                           .method = "POST",
                           .key = writer->key,
                           .query = query,
                           .query_count = COUNT_OF(query)};

    object_headers(writer, &call, until);
    s3_header(&call, "x-amz-checksum-algorithm", "SHA256");
    TRY(s3_send(s3_of(writer), &call, &response, NULL, err));
    TRY(xml_parse("answer to CreateMultipartUpload", buf_text(&response.body), response.body.size,
                  on_upload_id, writer, err));
    if (!writer->upload_id)
        return err_set(err, ERR_DATA, "object '%.400s' in '%.200s': the answer has no upload id",
                       writer->key, writer->base.store->url);
    return ERR_OK;
}

static enum err_code upload_part(struct s3_writer *writer, struct err *err)
{
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    char hex[SHA256_HEX_SIZE], number[24];
    struct sent sent = {0};

    if (!writer->upload_id)
        TRY(begin_upload(writer, err));
    if (writer->part_count == PARTS_MAX)
        return err_set(err, ERR_DATA, "object '%.400s' in '%.200s': larger than S3 can hold",
                       writer->key, writer->base.store->url);
    writer->parts = mem_grow(writer->parts, &writer->part_capacity, writer->part_count + 1,
                             sizeof *writer->parts);
    struct part *part = &writer->parts[writer->part_count];
    (void)snprintf(number, sizeof number, "%zu", writer->part_count + 1);
    const struct sigv4_pair query[] = {{"partNumber", number}, {"uploadId", writer->upload_id}};
    struct s3_call call = {.action = "s3:PutObject",
                           .method = "PUT",
                           .key = writer->key,
                           .query = query,
                           .query_count = COUNT_OF(query),
                           .body = {buf_text(&writer->bytes), writer->bytes.size},
                           .body_sha256 = hex,
                           .accept = is_stored,
                           .accept_arg = &sent};
    sha256_of(call.body.data, call.body.size, hex);
    digest_hex_to_base64(hex, part->sha256);
    sent.sha256 = part->sha256;
    s3_header(&call, "x-amz-checksum-sha256", part->sha256);
    TRY(s3_send(s3_of(writer), &call, &response, NULL, err));
    memcpy(part->etag, sent.etag, sizeof part->etag);
    writer->part_count++;
    buf_clear(&writer->bytes);
    return ERR_OK;
}

static enum err_code on_completed(void *arg, const char *path, const char *text, struct err *err)
{
    (void)err;
    /* The root's name differs between servers; an error has no etag. */
    if (text_ends(path, "/ETag") && *text)
        *(bool *)arg = true;
    return ERR_OK;
}

/* S3 answers 200 before it knows the outcome, which is in the body. */
static bool is_completed(const struct http_response *response, void *arg, struct err *err)
{
    bool done = false;

    (void)arg;
    if (xml_parse("answer to CompleteMultipartUpload", buf_text(&response->body),
                  response->body.size, on_completed, &done, err))
        err->code = ERR_UNAVAILABLE; /* it broke off */
    else if (!done)
        (void)err_set(err, ERR_UNAVAILABLE, "the answer to CompleteMultipartUpload is an error");
    return done;
}

static void write_parts(const struct s3_writer *writer, struct buf *out)
{
    buf_add_text(out, "<CompleteMultipartUpload "
                      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < writer->part_count; i++) {
        const struct part *part = &writer->parts[i];
        buf_addf(out, "<Part><PartNumber>%zu</PartNumber><ETag>\"", i + 1);
        for (const char *c = part->etag; *c; c++)
            if (!strchr("<>&\"", *c))
                buf_add_char(out, *c);
        buf_addf(out, "\"</ETag><ChecksumSHA256>%s</ChecksumSHA256></Part>", part->sha256);
    }
    buf_add_text(out, "</CompleteMultipartUpload>");
}

static enum err_code complete(struct s3_writer *writer, struct err *err)
{
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf body = {0};
    const struct sigv4_pair query[] = {{"uploadId", writer->upload_id}};
    struct aws_failure failure = {0};
    struct s3_call call = {.action = "s3:PutObject",
                           .method = "POST",
                           .key = writer->key,
                           .query = query,
                           .query_count = COUNT_OF(query),
                           .accept = is_completed};

    write_parts(writer, &body);
    call.body = (struct span){body.data, body.size};
    s3_header(&call, "content-type", "application/xml");
    condition(writer, &call);
    enum err_code code = s3_send(s3_of(writer), &call, &response, &failure, err);
    if (code)
        code = settle(writer, &failure, err);
    if (code == ERR_OK)
        free(STEAL(writer->upload_id));
    return code;
}

/* What it would leave behind is not listed, but paid for; a lifecycle rule is the second net. */
static void abort_upload(struct s3_writer *writer)
{
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    const struct retry_policy policy = {.attempts_max = ABORT_ATTEMPTS,
                                        .budget_us = ABORT_BUDGET_US};
    const struct sigv4_pair query[] = {{"uploadId", writer->upload_id}};
    struct err ignored;
    struct s3_call call = {.action = "s3:AbortMultipartUpload",
                           .method = "DELETE",
                           .key = writer->key,
                           .query = query,
                           .query_count = COUNT_OF(query),
                           .retry = &policy,
                           .finish = true};

    (void)!s3_send(s3_of(writer), &call, &response, NULL, &ignored);
}

/* --- the driver's --- */

static size_t part_bytes(const struct s3_writer *writer)
{
    return (size_t)S3_PART_BYTES << (writer->part_count / PARTS_OF_ONE_SIZE);
}

enum err_code s3_writer_add(struct store_writer *base, const void *data, size_t size,
                            struct err *err)
{
    struct s3_writer *writer = STORE_DRIVER(struct s3_writer, base);
    const char *at = data;

    while (size) {
        /* Sent only when more comes: the last part may be the only one. */
        if (writer->bytes.size == part_bytes(writer))
            TRY(upload_part(writer, err));
        size_t room = part_bytes(writer) - writer->bytes.size;
        size_t taken = size < room ? size : room;
        buf_add(&writer->bytes, at, taken);
        at += taken;
        size -= taken;
    }
    return ERR_OK;
}

enum err_code s3_writer_commit(struct store_writer *base, struct err *err)
{
    struct s3_writer *writer = STORE_DRIVER(struct s3_writer, base);

    if (!writer->upload_id)
        return put_whole(writer, err);
    TRY(upload_part(writer, err));
    return complete(writer, err);
}

void s3_writer_close(struct store_writer *base)
{
    struct s3_writer *writer = STORE_DRIVER(struct s3_writer, base);

    if (writer->upload_id)
        abort_upload(writer);
    free(writer->upload_id);
    buf_release(&writer->bytes);
    free(writer->parts);
    free(writer->match);
    free(writer->key);
    free(writer);
}
