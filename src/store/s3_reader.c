/* An object is read in ranges, each a request of its own that can be repeated; all must be of the
 * version that the first one met. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/workers.h"
#include "store/s3_private.h"

enum {
    FETCH_WORKERS = 4
};

/* One range: into `bytes`, or into the file at its own offset. */
struct range {
    const char *key;
    uint64_t begin;
    uint64_t most;     /* bytes asked for */
    const char *etag;  /* what the object must have, or "" */
    struct buf *bytes; /* NULL: the file */
    int fd;
    const char *path;
    uint64_t got;
    /* What the answer says. */
    uint64_t total;
    char found_etag[72];
};

struct s3_reader {
    struct store_reader base;
    char *key;
    struct buf bytes; /* of the range at hand */
    size_t at;
    uint64_t next; /* where the next range begins */
    uint64_t total;
    char etag[72];
};

static enum err_code write_at(const struct range *range, const char *data, size_t size,
                              struct err *err)
{
    uint64_t at = range->begin + range->got;

    while (size) {
        ssize_t wrote = pwrite(range->fd, data, size, (off_t)at);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return file_error(err, "writing", range->path);
        data += wrote;
        size -= (size_t)wrote;
        at += (uint64_t)wrote;
    }
    return ERR_OK;
}

static enum err_code on_bytes(void *arg, const void *data, size_t size, struct err *err)
{
    struct range *range = arg;

    if (size > range->most - range->got)
        return err_set(err, ERR_DATA, "the server sent more than it was asked for");
    if (range->bytes)
        buf_add(range->bytes, data, size);
    else
        TRY(write_at(range, data, size, err));
    range->got += size;
    return ERR_OK;
}

static void on_restart(void *arg)
{
    struct range *range = arg;

    if (range->bytes)
        buf_clear(range->bytes);
    range->got = 0;
}

/* "bytes 0-99/1234"; without it (status 200) the whole object came. */
static bool read_content_range(const struct http_response *response, struct range *range)
{
    const char *text = http_response_header(response, "content-range");
    const char *slash = text ? strchr(text, '/') : NULL;
    char begin[24] = "";
    uint64_t first;

    if (response->status == 200) {
        range->total = range->got;
        return range->begin == 0;
    }
    if (!slash || !text_starts(text, "bytes ") || strcspn(text + 6, "-") >= sizeof begin)
        return false;
    (void)snprintf(begin, sizeof begin, "%.*s", (int)strcspn(text + 6, "-"), text + 6);
    return text_to_u64(begin, &first) && first == range->begin &&
           text_to_u64(slash + 1, &range->total);
}

/* Only an object that came whole and was put whole has a checksum that can be compared. */
static bool checksum_fits(const struct http_response *response, const struct range *range)
{
    const char *wanted = http_response_header(response, "x-amz-checksum-sha256");
    char hex[SHA256_HEX_SIZE], base64[SHA256_BASE64_SIZE];

    if (!wanted || !range->bytes || range->begin || range->got != range->total ||
        strchr(wanted, '-'))
        return true;
    sha256_of(range->bytes->data, range->bytes->size, hex);
    digest_hex_to_base64(hex, base64);
    return text_equal(base64, wanted);
}

static bool is_the_range(const struct http_response *response, void *arg, struct err *err)
{
    struct range *range = arg;
    const char *etag = http_response_header(response, "etag");

    if (!etag || !read_content_range(response, range)) {
        (void)err_set(err, ERR_DATA, "the answer is not the range that was asked for");
        return false;
    }
    uint64_t left = range->total - range->begin;
    if (range->total < range->begin || range->got != (left < range->most ? left : range->most)) {
        (void)err_set(err, ERR_UNAVAILABLE, "the answer's body was cut off");
        return false;
    }
    if (!checksum_fits(response, range)) {
        (void)err_set(err, ERR_UNAVAILABLE, "the answer's body does not fit its checksum");
        return false;
    }
    s3_copy_etag(etag, range->found_etag);
    if (*range->etag && !text_equal(range->etag, range->found_etag)) {
        (void)err_set(err, ERR_DATA, "the object was replaced while it was read");
        return false;
    }
    return true;
}

static enum err_code get_range(struct s3 *s3, struct range *range, struct err *err)
{
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    struct aws_failure failure = {0};
    char bytes[64], etag[80];
    struct s3_call call = {.action = "s3:GetObject",
                           .method = "GET",
                           .key = range->key,
                           .sink = on_bytes,
                           .sink_arg = range,
                           .restart = on_restart,
                           .accept = is_the_range,
                           .accept_arg = range};

    (void)snprintf(bytes, sizeof bytes, "bytes=%llu-%llu", (unsigned long long)range->begin,
                   (unsigned long long)(range->begin + range->most - 1));
    (void)snprintf(etag, sizeof etag, "\"%s\"", range->etag);
    s3_header(&call, "range", bytes);
    s3_header(&call, "x-amz-checksum-mode", "ENABLED");
    if (*range->etag)
        s3_header(&call, "if-match", etag);
    on_restart(range);
    enum err_code code = s3_send(s3, &call, &response, &failure, err);
    if (code && failure.status == 416 && range->begin == 0) {
        range->total = 0; /* an empty object has no range */
        return ERR_OK;
    }
    if (code && failure.status == 412)
        return err_set(err, ERR_DATA, "object '%.400s' in '%.200s': was replaced while it was read",
                       range->key, s3->base.url);
    return code;
}

/* --- a stream --- */

static enum err_code next_range(struct s3_reader *reader, struct s3 *s3, struct err *err)
{
    struct range range = {.key = reader->key,
                          .begin = reader->next,
                          .most = S3_PART_BYTES,
                          .etag = reader->etag,
                          .bytes = &reader->bytes};

    reader->at = 0;
    TRY(get_range(s3, &range, err));
    reader->total = range.total;
    reader->next += range.got;
    (void)snprintf(reader->etag, sizeof reader->etag, "%s", range.found_etag);
    return ERR_OK;
}

void s3_reader_close(struct store_reader *base)
{
    struct s3_reader *reader = STORE_DRIVER(struct s3_reader, base);

    buf_release(&reader->bytes);
    free(reader->key);
    free(reader);
}

enum err_code s3_reader_open(struct store *store, const char *key, struct store_reader **ret_reader,
                             struct err *err)
{
    struct s3_reader *reader = mem_zalloc(1, sizeof *reader);

    reader->key = mem_strdup(key);
    enum err_code code = next_range(reader, STORE_DRIVER(struct s3, store), err);
    if (code)
        s3_reader_close(&reader->base);
    else
        *ret_reader = &reader->base;
    return code;
}

enum err_code s3_reader_read(struct store_reader *base, void *data, size_t size, size_t *ret_size,
                             struct err *err)
{
    struct s3_reader *reader = STORE_DRIVER(struct s3_reader, base);

    if (reader->at == reader->bytes.size && reader->next < reader->total)
        TRY(next_range(reader, STORE_DRIVER(struct s3, base->store), err));
    size_t left = reader->bytes.size - reader->at;
    if (size > left)
        size = left;
    if (size)
        memcpy(data, reader->bytes.data + reader->at, size);
    reader->at += size;
    *ret_size = size;
    return ERR_OK;
}

/* --- into a file --- */

struct fetching {
    struct s3 *s3;
    const struct range *first;
};

static enum err_code fetch_range(void *arg, unsigned worker, size_t task, struct err *err)
{
    const struct fetching *fetching = arg;
    struct range range = *fetching->first;

    (void)worker;
    range.begin = (task + 1) * (uint64_t)S3_PART_BYTES;
    range.etag = fetching->first->found_etag;
    return get_range(fetching->s3, &range, err);
}

enum err_code s3_fetch(struct store *store, const char *key, int fd, const char *path,
                       struct err *err)
{
    struct s3 *s3 = STORE_DRIVER(struct s3, store);
    struct range first = {.key = key, .most = S3_PART_BYTES, .etag = "", .fd = fd, .path = path};
    struct fetching rest = {.s3 = s3, .first = &first};

    TRY(get_range(s3, &first, err));
    if (first.total <= S3_PART_BYTES)
        return ERR_OK;
    size_t ranges = (size_t)((first.total - 1) / S3_PART_BYTES);
    return workers_run(FETCH_WORKERS, ranges, fetch_range, &rest, err);
}
