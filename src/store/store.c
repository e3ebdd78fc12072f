#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/text.h"
#include "store/store_driver.h"

enum {
    KEY_BYTES = 1024,
    PART_BYTES = 255,
    CHUNK_BYTES = 256 << 10
};

/* Why `key` cannot be one, or NULL.  The beginning of a key (`prefix`) may be empty and end
 * anywhere. */
static const char *key_fault(const char *key, bool prefix)
{
    size_t size = strlen(key);

    if (size == 0 && !prefix)
        return "it is empty";
    if (size > KEY_BYTES)
        return "it has more than 1024 bytes";
    if (!text_is_utf8(key, size))
        return "it is not UTF-8";
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)key[i] < 0x20 || key[i] == 0x7f)
            return "it holds a control character";
    for (const char *part = key;;) {
        size_t bytes = strcspn(part, "/");
        bool last = part[bytes] == '\0';
        if (bytes > PART_BYTES)
            return "a part of it has more than 255 bytes";
        if (last && prefix)
            return NULL;
        if (bytes == 0)
            return "a part of it is empty";
        if ((bytes == 1 && part[0] == '.') || (bytes == 2 && part[0] == '.' && part[1] == '.'))
            return "a part of it is '.' or '..'";
        if (part == key && bytes == strlen(".staging") && text_starts(key, ".staging"))
            return "'.staging' is the store's own";
        if (last)
            return NULL;
        part += bytes + 1;
    }
}

bool store_key_is_valid(const char *key)
{
    return key_fault(key, false) == NULL;
}

static enum err_code check_key(const struct store *store, const char *key, struct err *err)
{
    const char *fault = key_fault(key, false);

    if (fault)
        return err_set(err, ERR_DATA, "'%.300s' cannot be the key of an object in '%.200s': %s",
                       key, store->url, fault);
    return ERR_OK;
}

/* Every operation begins so. */
static enum err_code begin(const struct store *store, const char *key, struct err *err)
{
    TRY(check_key(store, key, err));
    return fault_before("store", key, err);
}

/* Long keys and addresses must not push the end of a message out of it. */
enum err_code store_absent(struct err *err, const struct store *store, const char *key)
{
    return err_set(err, ERR_NOT_FOUND, "object '%.400s' in '%.200s': not found", key, store->url);
}

enum err_code store_exists(struct err *err, const struct store *store, const char *key)
{
    return err_set(err, ERR_CONFLICT, "object '%.400s' in '%.200s': exists already", key,
                   store->url);
}

enum err_code store_changed(struct err *err, const struct store *store, const char *key)
{
    return err_set(err, ERR_CONFLICT, "object '%.400s' in '%.200s': was replaced meanwhile", key,
                   store->url);
}

/* The path of a file URL, percent-decoded (RFC 8089). */
static enum err_code file_url_path(const char *url, struct buf *ret_path, struct err *err)
{
    const char *at = url + strlen("file://");

    if (text_starts(at, "localhost/"))
        at += strlen("localhost");
    if (*at != '/')
        return err_set(err, ERR_CONFIG, "store '%.400s': write file:///path, or just the path",
                       url);
    while (*at) {
        int high = at[0] == '%' ? text_hex_value(at[1]) : -1;
        int low = high >= 0 ? text_hex_value(at[2]) : -1;
        if (at[0] == '%' && (low < 0 || high + low == 0))
            return err_set(err, ERR_CONFIG,
                           "store '%.400s': '%%' is not followed by two hex digits", url);
        buf_add_char(ret_path, low < 0 ? at[0] : (char)(high * 16 + low));
        at += low < 0 ? 1 : 3;
    }
    return ERR_OK;
}

/* The length of "scheme" in "scheme://…" (RFC 3986), or 0. */
static size_t scheme_size(const char *url)
{
    size_t size = strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    return text_starts(url + size, "://") ? size : 0;
}

enum err_code store_open(const char *url, struct store **ret_store, struct err *err)
{
    return store_open_with(url, NULL, ret_store, err);
}

enum err_code store_open_with(const char *url, const struct store_options *options,
                              struct store **ret_store, struct err *err)
{
    static const struct store_options none = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf path = {0};
    size_t scheme = scheme_size(url);

    if (!*url) {
        (void)err_set(err, ERR_CONFIG, "the address of a store is empty");
        return err_hint(err, "give a folder, like ./lake/ingestion, or s3://bucket/prefix");
    }
    if (text_starts(url, "s3://"))
        return store_s3_open(url, options ? options : &none, ret_store, err);
    if (text_starts(url, "file://")) {
        TRY(file_url_path(url, &path, err));
    } else if (scheme) {
        (void)err_set(err, ERR_CONFIG, "store '%.400s': no driver for '%.*s://'", url,
                      (int)(scheme < 40 ? scheme : 40), url);
        return err_hint(err, "give a folder, like ./lake/ingestion, or s3://bucket/prefix");
    } else {
        buf_add_text(&path, url);
    }
    return store_directory_open(buf_text(&path), ret_store, err);
}

void store_close(struct store *store)
{
    if (store)
        store->ops->close(store);
}

const char *store_url(const struct store *store)
{
    return store->url;
}

enum err_code store_head(struct store *store, const char *key, struct store_info *ret_info,
                         struct err *err)
{
    TRY(begin(store, key, err));
    enum err_code code = store->ops->head(store, key, ret_info, err);
    fault_after("store");
    return code;
}

static enum err_code read_object(struct store_reader *reader, size_t limit_bytes, struct buf *bytes,
                                 struct err *err)
{
    size_t total = 0, got = 0;

    do {
        char *to = buf_reserve(bytes, CHUNK_BYTES);
        TRY(store_reader_read(reader, to, CHUNK_BYTES, &got, err));
        bytes->size += got;
        bytes->data[bytes->size] = '\0';
        total += got;
        if (total > limit_bytes)
            return err_set(err, ERR_DATA, "object '%.400s' in '%.200s': larger than %zu bytes",
                           reader->key, reader->store->url, limit_bytes);
    } while (got);
    return ERR_OK;
}

enum err_code store_get(struct store *store, const char *key, size_t limit_bytes,
                        struct buf *ret_bytes, struct err *err)
{
    CLEANUP(store_reader_close) struct store_reader *reader = NULL;
    size_t before = ret_bytes->size;

    TRY(store_reader_open(store, key, &reader, err));
    enum err_code code = read_object(reader, limit_bytes, ret_bytes, err);
    if (code != ERR_OK) {
        ret_bytes->size = before;
        ret_bytes->data[before] = '\0';
    }
    return code;
}

enum err_code store_put(struct store *store, const char *key, struct span bytes,
                        enum store_when when, struct err *err)
{
    CLEANUP(store_writer_close) struct store_writer *writer = NULL;

    TRY(store_writer_open(store, key, when, &writer, err));
    TRY(store_writer_add(writer, bytes.data, bytes.size, err));
    return store_writer_commit(writer, err);
}

enum err_code store_digest(struct store *store, const char *key, uint64_t limit,
                           uint64_t *ret_bytes, char ret_sha256[static SHA256_HEX_SIZE],
                           struct err *err)
{
    CLEANUP(store_reader_close) struct store_reader *reader = NULL;
    CLEANUP(sha256_free) struct sha256 *sha256 = sha256_new();
    CLEANUP_IN_PLACE(buf_release) struct buf piece = {0};
    size_t size = 0;

    *ret_bytes = 0;
    TRY(store_reader_open(store, key, &reader, err));
    do {
        buf_clear(&piece);
        TRY(cancel_check(err));
        TRY(store_reader_read(reader, buf_reserve(&piece, CHUNK_BYTES), CHUNK_BYTES, &size, err));
        sha256_add(sha256, piece.data, size);
        *ret_bytes += size;
        progress_add(0, size);
    } while (size && *ret_bytes <= limit);
    sha256_finish(sha256, ret_sha256);
    return ERR_OK;
}

enum err_code store_replace(struct store *store, const char *key, struct span bytes,
                            const char *etag, struct err *err)
{
    CLEANUP(store_writer_close) struct store_writer *writer = NULL;

    TRY(store_writer_open(store, key, STORE_ALWAYS, &writer, err));
    store->ops->writer_match(writer, etag);
    TRY(store_writer_add(writer, bytes.data, bytes.size, err));
    return store_writer_commit(writer, err);
}

enum err_code store_remove(struct store *store, const char *key, struct err *err)
{
    TRY(begin(store, key, err));
    enum err_code code = store->ops->remove(store, key, err);
    fault_after("store");
    return code;
}

enum err_code store_remove_all(struct store *store, const char *const *keys, size_t count,
                               struct err *err)
{
    if (!store->ops->remove_all) {
        for (size_t i = 0; i < count; i++)
            TRY(store_remove(store, keys[i], err));
        return ERR_OK;
    }
    for (size_t i = 0; i < count; i++)
        TRY(check_key(store, keys[i], err));
    for (size_t done = 0; done < count; done += STORE_REMOVE_MAX) {
        size_t now = count - done < STORE_REMOVE_MAX ? count - done : STORE_REMOVE_MAX;
        TRY(fault_before("store", keys[done], err));
        enum err_code code = store->ops->remove_all(store, keys + done, now, err);
        fault_after("store");
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

enum err_code store_list(struct store *store, const char *prefix, const char *after,
                         store_list_fn *each, void *arg, struct err *err)
{
    const char *fault = key_fault(prefix, true);

    if (fault)
        return err_set(err, ERR_DATA, "no key in '%.200s' can begin with '%.300s': %s", store->url,
                       prefix, fault);
    TRY(fault_before("store", prefix, err));
    enum err_code code = store->ops->list(store, prefix, after ? after : "", each, arg, err);
    fault_after("store");
    return code;
}

enum err_code store_writer_open(struct store *store, const char *key, enum store_when when,
                                struct store_writer **ret_writer, struct err *err)
{
    struct store_writer *writer = NULL;

    TRY(begin(store, key, err));
    enum err_code code = store->ops->writer_open(store, key, when, &writer, err);
    fault_after("store");
    if (code != ERR_OK)
        return code;
    writer->store = store;
    (void)snprintf(writer->key, sizeof writer->key, "%s", key);
    *ret_writer = writer;
    return ERR_OK;
}

static enum err_code check_writer(const struct store_writer *writer, struct err *err)
{
    if (writer->done)
        return err_set(err, ERR_INTERNAL, "object '%.400s' in '%.200s': its writer has ended",
                       writer->key, writer->store->url);
    return ERR_OK;
}

enum err_code store_writer_add(struct store_writer *writer, const void *data, size_t size,
                               struct err *err)
{
    TRY(check_writer(writer, err));
    enum err_code code = fault_before("store", writer->key, err);
    if (code == ERR_OK) {
        code = writer->store->ops->writer_add(writer, data, size, err);
        fault_after("store");
    }
    /* An object with a hole must never be committed. */
    writer->done = code != ERR_OK;
    return code;
}

enum err_code store_writer_commit(struct store_writer *writer, struct err *err)
{
    TRY(check_writer(writer, err));
    writer->done = true;
    TRY(fault_before("store", writer->key, err));
    enum err_code code = writer->store->ops->writer_commit(writer, err);
    fault_after("store");
    return code;
}

void store_writer_close(struct store_writer *writer)
{
    if (writer)
        writer->store->ops->writer_close(writer);
}

enum err_code store_reader_open(struct store *store, const char *key,
                                struct store_reader **ret_reader, struct err *err)
{
    struct store_reader *reader = NULL;

    TRY(begin(store, key, err));
    enum err_code code = store->ops->reader_open(store, key, &reader, err);
    fault_after("store");
    if (code != ERR_OK)
        return code;
    reader->store = store;
    (void)snprintf(reader->key, sizeof reader->key, "%s", key);
    *ret_reader = reader;
    return ERR_OK;
}

enum err_code store_reader_read(struct store_reader *reader, void *data, size_t size,
                                size_t *ret_size, struct err *err)
{
    TRY(fault_before("store", reader->key, err));
    enum err_code code = reader->store->ops->reader_read(reader, data, size, ret_size, err);
    fault_after("store");
    return code;
}

void store_reader_close(struct store_reader *reader)
{
    if (reader)
        reader->store->ops->reader_close(reader);
}

/* "<hash of store and key>-<end of the key>": libraries go by the ending of a name, people by the
 * rest. Two stores may share a work folder. */
static const char *copy_name(const struct store *store, const char *key, struct arena *arena)
{
    enum {
        SHOWN_BYTES = 100
    };
    char hash[SHA256_HEX_SIZE];
    const char *slash = strrchr(key, '/');
    const char *end = slash ? slash + 1 : key;
    const char *both = arena_printf(arena, "%s\n%s", store->url, key);

    if (strlen(end) > SHOWN_BYTES)
        end += strlen(end) - SHOWN_BYTES;
    sha256_of(both, strlen(both), hash);
    char *name = arena_printf(arena, "%.32s-%s", hash, end);
    for (char *at = name; *at; at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *at))
            *at = '_';
    return name;
}

static enum err_code copy_to_fd(struct store *store, const char *key, int fd, const char *path,
                                struct err *err)
{
    CLEANUP(store_reader_close) struct store_reader *reader = NULL;
    CLEANUP(free) char *chunk = mem_alloc(CHUNK_BYTES);
    size_t got = 0;

    if (store->ops->fetch) {
        TRY(fault_before("store", key, err));
        enum err_code code = store->ops->fetch(store, key, fd, path, err);
        fault_after("store");
        return code;
    }
    TRY(store_reader_open(store, key, &reader, err));
    do {
        TRY(store_reader_read(reader, chunk, CHUNK_BYTES, &got, err));
        TRY(file_write_all(fd, chunk, got, path, err));
    } while (got);
    return ERR_OK;
}

/* No sync: a work folder does not outlive the program. */
static enum err_code copy_to_file(struct store *store, const char *key, const char *path,
                                  struct arena *arena, struct err *err)
{
    char id[RANDOM_ID_SIZE];

    random_id(id);
    const char *temporary = arena_printf(arena, "%s.%.12s.tmp", path, id);
    CLEANUP(file_close) int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return file_error(err, "creating", temporary);
    enum err_code code = copy_to_fd(store, key, fd, temporary, err);
    if (code == ERR_OK && rename(temporary, path) != 0)
        code = file_error(err, "renaming to", path);
    if (code != ERR_OK)
        (void)unlink(temporary);
    return code;
}

enum err_code store_local_copy(struct store *store, const char *key, const char *work_dir,
                               struct arena *arena, const char **ret_path, struct err *err)
{
    TRY(check_key(store, key, err));
    if (store->ops->local_path) {
        TRY(fault_before("store", key, err));
        enum err_code code = store->ops->local_path(store, key, arena, ret_path, err);
        fault_after("store");
        return code;
    }
    const char *path = arena_printf(arena, "%s/%s", work_dir, copy_name(store, key, arena));
    if (!file_exists(path))
        TRY(copy_to_file(store, key, path, arena, err));
    *ret_path = path;
    return ERR_OK;
}

static enum err_code copy_from_fd(struct store_writer *writer, int fd, const char *path,
                                  struct err *err)
{
    CLEANUP(free) char *chunk = mem_alloc(CHUNK_BYTES);

    for (;;) {
        ssize_t got = read(fd, chunk, CHUNK_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return file_error(err, "reading", path);
        if (got == 0)
            return ERR_OK;
        TRY(store_writer_add(writer, chunk, (size_t)got, err));
    }
}

enum err_code store_copy_file(struct store *store, const char *key, const char *path,
                              enum store_when when, struct err *err)
{
    CLEANUP(store_writer_close) struct store_writer *writer = NULL;
    CLEANUP(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return file_error(err, "opening", path);
    TRY(store_writer_open(store, key, when, &writer, err));
    TRY(copy_from_fd(writer, fd, path, err));
    TRY(store_writer_commit(writer, err));
    (void)unlink(path);
    return ERR_OK;
}

enum err_code store_put_file(struct store *store, const char *key, const char *path,
                             enum store_when when, struct err *err)
{
    if (!store->ops->put_file)
        return store_copy_file(store, key, path, when, err);
    TRY(begin(store, key, err));
    enum err_code code = store->ops->put_file(store, key, path, when, err);
    fault_after("store");
    return code;
}

const char *store_staging_dir(struct store *store)
{
    return store->ops->staging_dir ? store->ops->staging_dir(store) : NULL;
}
