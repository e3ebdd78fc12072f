/* store/store.h - a flat namespace of immutable objects: a directory or a bucket.
 *
 * Contract, checked for every driver by test/lib/store_contract.c:
 *   - A key is 1..1024 bytes of UTF-8, '/'-separated, with no empty, "." or ".." part, no part
 * above 255 bytes, no control character, and ".staging" not the first part: what a file system, a
 * bucket and its XML can all hold.  Drivers may assume so: store_put() and the rest check it
 * (ERR_DATA).
 *   - A put is all or nothing: a reader sees the whole object or none.
 *   - After a put returns ERR_OK the object is durable and listed.
 *   - Listing is in byte order of the key and sees every object that existed throughout it.
 *   - A put that is killed leaves nothing that is listed.
 *   - A handle may be used by several threads at once; a writer or reader by one.
 *   - In a directory an object cannot lie below another one ("a" and "a/b"): the later is refused,
 * ERR_IO.
 *   - Errors name the key and the store ("s3://bucket/prefix", never a secret). */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"

struct store;

struct store_info {
    uint64_t size_bytes;
    int64_t modified_us; /* since 1970-01-01 UTC */
    char etag[72];       /* opaque; equal etags mean equal objects */
};

enum store_when {
    STORE_IF_ABSENT, /* else ERR_CONFLICT: the rule for everything but two hints */
    STORE_ALWAYS,
};

/* What a bucket needs to be told; a directory needs nothing.  Everything may be left out. */
struct aws; /* net/aws.h */
struct store_options {
    struct aws *aws;    /* credentials and region, borrowed; NULL: the environment's */
    const char *region; /* NULL: that of aws */
    const char
        *endpoint; /* "https://host:port"; NULL: AWS_ENDPOINT_URL_S3 and the like, else AWS */
    enum store_path_style {
        STORE_PATH_STYLE_AUTO, /* the bucket in the host's name at AWS, in the path elsewhere */
        STORE_PATH_STYLE_YES,
        STORE_PATH_STYLE_NO
    } path_style;
    bool dual_stack; /* AWS's names that have IPv6 addresses too */
    enum store_encryption {
        STORE_ENCRYPTION_BUCKET, /* as the bucket says */
        STORE_ENCRYPTION_S3,
        STORE_ENCRYPTION_KMS
    } encryption;
    const char *kms_key;       /* NULL: the bucket's, or the account's */
    const char *storage_class; /* NULL: the bucket's standard */
    const char *bucket_owner;  /* account that the bucket must belong to, or NULL */
    enum store_lock {
        STORE_LOCK_NONE, /* as the bucket says */
        STORE_LOCK_GOVERNANCE,
        STORE_LOCK_COMPLIANCE
    } lock;
    int64_t lock_us;  /* how long each object is kept when lock is not NONE */
    int64_t retry_us; /* how long an operation is tried; 0: 2 minutes */
};

/* Opens a directory ("./lake", "/var/lake", "file:///var/lake") or a bucket ("s3://bucket/prefix"),
 * whose options live as long as this call.  Opening reads and makes nothing: a directory is made by
 * the first put, a bucket must be there.  Relative paths: of the current directory. */
CHECKED enum err_code store_open_with(const char *url, const struct store_options *options,
                                      struct store **ret_store, struct err *err);
CHECKED enum err_code store_open(const char *url, struct store **ret_store, struct err *err);
void store_close(struct store *store);
DEFINE_CLEANUP(struct store *, store_close)
const char *store_url(const struct store *store); /* for messages; holds no secret */

/* ERR_NOT_FOUND when there is none. */
CHECKED enum err_code store_head(struct store *store, const char *key, struct store_info *ret_info,
                                 struct err *err);
/* Appends the whole object to ret_bytes; ERR_NOT_FOUND, or ERR_DATA above limit_bytes. */
CHECKED enum err_code store_get(struct store *store, const char *key, size_t limit_bytes,
                                struct buf *ret_bytes, struct err *err);
/* Size and SHA-256 of an object, by reading it; ends after more than `limit` bytes, whose digest
 * says nothing.  Tells progress the bytes. */
CHECKED enum err_code store_digest(struct store *store, const char *key, uint64_t limit,
                                   uint64_t *ret_bytes, char ret_sha256[static SHA256_HEX_SIZE],
                                   struct err *err);
/* Puts an object held in memory.  Only for small ones; large ones are written as a stream. */
CHECKED enum err_code store_put(struct store *store, const char *key, struct span bytes,
                                enum store_when when, struct err *err);
/* Puts over the object whose etag (of store_head) is `etag`, else ERR_CONFLICT, also when there is
 * none: of many that read the same object one replaces it. */
CHECKED enum err_code store_replace(struct store *store, const char *key, struct span bytes,
                                    const char *etag, struct err *err);
/* Removing what is not there is not an error. */
CHECKED enum err_code store_remove(struct store *store, const char *key, struct err *err);
/* The same for many, in as few requests as the store can do with.  Whether those before and beside
 * the one that an error names are gone is open. */
CHECKED enum err_code store_remove_all(struct store *store, const char *const *keys, size_t count,
                                       struct err *err);

/* Return false to stop the listing; that is not an error. */
typedef bool store_list_fn(void *arg, const char *key, const struct store_info *info);
/* Objects whose keys begin with `prefix` and come after `after` ("" or NULL: from the first). */
CHECKED enum err_code store_list(struct store *store, const char *prefix, const char *after,
                                 store_list_fn *each, void *arg, struct err *err);

/* Writing a stream of unknown length.  The object appears at commit, or never. */
struct store_writer;
CHECKED enum err_code store_writer_open(struct store *store, const char *key, enum store_when when,
                                        struct store_writer **ret_writer, struct err *err);
CHECKED enum err_code store_writer_add(struct store_writer *writer, const void *data, size_t size,
                                       struct err *err);
/* ERR_CONFLICT as store_put.  Ends the writer in either case; only close it afterwards. */
CHECKED enum err_code store_writer_commit(struct store_writer *writer, struct err *err);
void store_writer_close(struct store_writer *writer); /* aborts what was not committed */
DEFINE_CLEANUP(struct store_writer *, store_writer_close)

/* Reading a stream. */
struct store_reader;
CHECKED enum err_code store_reader_open(struct store *store, const char *key,
                                        struct store_reader **ret_reader, struct err *err);
/* Reads up to size bytes; *ret_size 0 at the end. */
CHECKED enum err_code store_reader_read(struct store_reader *reader, void *data, size_t size,
                                        size_t *ret_size, struct err *err);
void store_reader_close(struct store_reader *reader);
DEFINE_CLEANUP(struct store_reader *, store_reader_close)

/* A local file with the object's bytes, for libraries that read files: the object's own file where
 * the store is a directory, else a copy made in work_dir (named by a hash of the key, made once).
 * The caller must not write to it.  ERR_NOT_FOUND when there is no such object. */
CHECKED enum err_code store_local_copy(struct store *store, const char *key, const char *work_dir,
                                       struct arena *arena, const char **ret_path, struct err *err);
/* The object `key` from a finished local file, which is consumed (moved or deleted) on success. */
CHECKED enum err_code store_put_file(struct store *store, const char *key, const char *path,
                                     enum store_when when, struct err *err);
/* The folder where a library should write files that store_put_file() will take, so that they can
 * be moved: inside a directory store (a name that is never listed), NULL for others. */
const char *store_staging_dir(struct store *store);

#endif
