/* store/store_driver.h - what a driver supplies.  Included by store/ only. */
#ifndef STORE_STORE_DRIVER_H
#define STORE_STORE_DRIVER_H

#include "store/store.h"

enum {
    STORE_REMOVE_MAX = 1000 /* as many as S3 takes in one request */
};

struct store_ops {
    const char *scheme;
    void (*close)(struct store *);
    enum err_code (*head)(struct store *, const char *key, struct store_info *, struct err *);
    enum err_code (*remove)(struct store *, const char *key, struct err *);
    enum err_code (*list)(struct store *, const char *prefix, const char *after,
                          store_list_fn *each, void *arg, struct err *);
    enum err_code (*writer_open)(struct store *, const char *key, enum store_when,
                                 struct store_writer **, struct err *);
    /* The commit of this writer, opened with STORE_ALWAYS, replaces the object of that etag only.
     */
    void (*writer_match)(struct store_writer *, const char *etag);
    enum err_code (*writer_add)(struct store_writer *, const void *data, size_t size, struct err *);
    enum err_code (*writer_commit)(struct store_writer *, struct err *);
    void (*writer_close)(struct store_writer *);
    enum err_code (*reader_open)(struct store *, const char *key, struct store_reader **,
                                 struct err *);
    enum err_code (*reader_read)(struct store_reader *, void *data, size_t size, size_t *ret_size,
                                 struct err *);
    void (*reader_close)(struct store_reader *);
    /* Optional: NULL means built from the others (put from a writer, get from a reader, …). */
    enum err_code (*put_file)(struct store *, const char *key, const char *path, enum store_when,
                              struct err *);
    enum err_code (*local_path)(struct store *, const char *key, struct arena *,
                                const char **ret_path, struct err *);
    /* The whole object into a file that is empty: instead of a reader, where that is faster. */
    enum err_code (*fetch)(struct store *, const char *key, int fd, const char *path, struct err *);
    const char *(*staging_dir)(struct store *);
    /* Up to STORE_REMOVE_MAX keys at once. */
    enum err_code (*remove_all)(struct store *, const char *const *keys, size_t count,
                                struct err *);
};

/* First member of every driver's own struct. */
struct store {
    const struct store_ops *ops;
    char url[1024];
};
struct store_writer {
    struct store *store;
    bool done;
    char key[1025];
};
struct store_reader {
    struct store *store;
    char key[1025];
};

#define STORE_DRIVER(type, base) ((type *)(void *)(base))

/* What all drivers say alike. */
enum err_code store_absent(struct err *err, const struct store *store, const char *key);
enum err_code store_exists(struct err *err, const struct store *store, const char *key);
enum err_code store_changed(struct err *err, const struct store *store, const char *key);
/* True when `key` may be an object's: for drivers that list what they did not write. */
bool store_key_is_valid(const char *key);
/* store_put_file() by reading the file and writing an object: for files that cannot be moved. */
CHECKED enum err_code store_copy_file(struct store *store, const char *key, const char *path,
                                      enum store_when when, struct err *err);

CHECKED enum err_code store_directory_open(const char *path, struct store **ret_store,
                                           struct err *err);
CHECKED enum err_code store_s3_open(const char *url, const struct store_options *options,
                                    struct store **ret_store, struct err *err);

#endif
