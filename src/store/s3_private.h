/* store/s3_private.h - what the parts of the S3 driver share.
 *
 * s3_store.c opens and answers for the driver, s3_request.c sends, s3_list.c, s3_reader.c,
 * s3_writer.c and s3_remove.c do what their names say.  The facts are those of the Amazon S3 API
 * Reference. */
#ifndef STORE_S3_PRIVATE_H
#define STORE_S3_PRIVATE_H

#include "base/digest.h"
#include "net/aws_request.h"
#include "store/store_driver.h"

struct s3 {
    struct store base; /* its url is "s3://bucket/prefix" */
    struct arena *arena;
    struct aws *aws;
    struct aws *own_aws; /* when none was given */
    const char *bucket;
    const char *prefix;   /* "" or "prefix/" */
    const char *base_url; /* "https://bucket.s3.eu-west-2.amazonaws.com" */
    const char *root;     /* of paths: "/" or "/bucket/" */
    const char *region;
    const char *partition;
    const char *bucket_owner;
    /* Headers of every object that is written. */
    struct sigv4_pair object_headers[5];
    size_t object_header_count;
    enum store_lock lock;
    int64_t lock_us;
    struct retry_policy retry;
};

enum {
    S3_HEADERS_MAX = 20,
    S3_PART_BYTES = 8 << 20 /* of what is read at a time, and of the first parts that are written */
};

/* A request to the bucket.  Strings must outlive the call only. */
struct s3_call {
    const char *action; /* the permission it needs: "s3:GetObject" */
    const char *method;
    const char *key; /* of the store, without the prefix; NULL: the bucket itself */
    const struct sigv4_pair *query;
    size_t query_count;
    struct sigv4_pair headers[S3_HEADERS_MAX];
    size_t header_count;
    struct span body;
    const char *body_sha256;
    http_sink_fn *sink;
    void *sink_arg;
    void (*restart)(void *sink_arg);
    bool (*accept)(const struct http_response *response, void *arg, struct err *err);
    void *accept_arg;
    size_t body_limit_bytes;
    const struct retry_policy *retry; /* NULL: the store's */
    bool finish;
};

void s3_header(struct s3_call *call, const char *name, const char *value);
/* ERR_NOT_FOUND, ERR_CONFLICT and everything else as store.h has it, with a hint where one helps.
 */
CHECKED enum err_code s3_send(struct s3 *s3, struct s3_call *call,
                              struct http_response *ret_response, struct aws_failure *ret_failure,
                              struct err *err);
CHECKED enum err_code s3_head(struct store *store, const char *key, struct store_info *ret_info,
                              struct err *err);
CHECKED enum err_code s3_list(struct store *store, const char *prefix, const char *after,
                              store_list_fn *each, void *arg, struct err *err);

CHECKED enum err_code s3_writer_open(struct store *store, const char *key, enum store_when when,
                                     struct store_writer **ret_writer, struct err *err);
void s3_writer_match(struct store_writer *writer, const char *etag);
CHECKED enum err_code s3_writer_add(struct store_writer *writer, const void *data, size_t size,
                                    struct err *err);
CHECKED enum err_code s3_writer_commit(struct store_writer *writer, struct err *err);
void s3_writer_close(struct store_writer *writer);

CHECKED enum err_code s3_reader_open(struct store *store, const char *key,
                                     struct store_reader **ret_reader, struct err *err);
CHECKED enum err_code s3_reader_read(struct store_reader *reader, void *data, size_t size,
                                     size_t *ret_size, struct err *err);
void s3_reader_close(struct store_reader *reader);
CHECKED enum err_code s3_fetch(struct store *store, const char *key, int fd, const char *path,
                               struct err *err);

CHECKED enum err_code s3_remove(struct store *store, const char *key, struct err *err);
CHECKED enum err_code s3_remove_all(struct store *store, const char *const *keys, size_t count,
                                    struct err *err);

/* An etag without its quotes, cut to what store_info holds. */
void s3_copy_etag(const char *header, char ret_etag[static 72]);

#endif
