/* Objects are files below a root folder.
 *
 * A put writes to <root>/.staging/<random>, syncs, and gives the file its name by link(2), which
 * fails when the name is taken: that is STORE_IF_ABSENT, also between machines on NFS.
 * store_replace() looks and renames under a lock on the staging folder.  Paths are walked part by
 * part with O_NOFOLLOW, so that no symbolic link below the root leads out of it. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/file.h"
#include "store/directory_list.h"
#include "store/store_driver.h"

enum {
    BUFFER_BYTES = 128 << 10,
    STAGING_HOURS = 24,
    NAME_SIZE = 256
};

struct directory_store {
    struct store base; /* its url is the root's absolute path */
    char *staging;     /* <root>/.staging */
};

struct directory_writer {
    struct store_writer base;
    enum store_when when;
    char match[sizeof((struct store_info *)0)->etag]; /* "": as `when` says */
    int fd;                                           /* the staged file */
    int staging_fd;
    char name[RANDOM_ID_SIZE]; /* in the staging folder; "" when it is no longer there */
    size_t buffered;
    char buffer[BUFFER_BYTES];
};

struct directory_reader {
    struct store_reader base;
    int fd;
};

/* Where a key leads: its folder, and the name in it. */
struct place {
    int dir_fd; /* -1: the folder does not exist */
    char name[NAME_SIZE];
};

static void place_release(struct place *place)
{
    file_close_p(&place->dir_fd);
}

static enum err_code object_error(struct err *err, const char *doing, const struct store *store,
                                  const char *key)
{
    CLEANUP_IN_PLACE(buf_release) struct buf path = {0};
    int saved = errno;

    buf_addf(&path, "%s/%s", store->url, key);
    errno = saved;
    return file_error(err, doing, path.data);
}

/* While writing, something that is not there is a fault of the disk, not a missing object. */
static enum err_code write_error(struct err *err, const char *doing, const struct store *store,
                                 const char *key)
{
    (void)object_error(err, doing, store, key);
    if (err->code == ERR_NOT_FOUND)
        err->code = ERR_IO;
    return err->code;
}

static enum err_code in_the_way(struct err *err, const struct store *store, const char *key)
{
    (void)err_set(err, ERR_IO,
                  "object '%.400s' in '%.200s': a folder has its name, or an object that of one of "
                  "its folders",
                  key, store->url);
    return err_hint(err, "a directory, unlike a bucket, cannot hold both 'a' and 'a/b'");
}

/* Syncs a folder held open; without it a crash could lose a name that was reported as there. */
static enum err_code sync_fd(int fd, const struct store *store, const char *key, struct err *err)
{
    TRY(fault_before("file", key, err));
    bool failed = fsync(fd) != 0 && errno != EINVAL;
    fault_after("file");
    return failed ? write_error(err, "syncing the folder of", store, key) : ERR_OK;
}

/* ENOTDIR is said of files and of symbolic links alike. */
static bool is_link(int dir_fd, const char *name)
{
    struct stat info;
    return fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode);
}

/* Goes down into the folder `name` of *dir_fd, which it closes; makes it when `create`. */
static enum err_code descend(const struct store *store, const char *key, const char *name,
                             bool create, int *dir_fd, struct err *err)
{
    int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | (create ? O_RDONLY : O_PATH);
    int next = openat(*dir_fd, name, flags);

    if (next < 0 && errno == ENOENT && create) {
        if (mkdirat(*dir_fd, name, 0777) == 0)
            TRY(sync_fd(*dir_fd, store, key, err));
        else if (errno != EEXIST)
            return write_error(err, "making the folder of", store, key);
        next = openat(*dir_fd, name, flags);
    }
    if (next < 0 && errno == ENOTDIR && is_link(*dir_fd, name))
        errno = ELOOP;
    if (next < 0 && errno == ENOTDIR && create)
        return in_the_way(err, store, key);
    if (next < 0 && errno != ENOENT && errno != ENOTDIR)
        return object_error(err, "opening the folder of", store, key);
    file_close_p(dir_fd);
    *dir_fd = next;
    return ERR_OK;
}

static enum err_code open_root(const struct store *store, bool create, int *ret_fd, struct err *err)
{
    int flags = O_DIRECTORY | O_CLOEXEC | (create ? O_RDONLY : O_PATH);
    int fd = open(store->url, flags);

    if (fd < 0 && errno == ENOENT && create) {
        TRY(file_make_dirs(store->url, err));
        fd = open(store->url, flags);
    }
    if (fd < 0 && (create || errno != ENOENT)) {
        (void)file_error(err, "opening the store", store->url);
        return err->code;
    }
    *ret_fd = fd;
    return ERR_OK;
}

/* Finds the folder of a key.  Without `create` a missing one is no error: dir_fd is then -1. */
static enum err_code find_place(const struct store *store, const char *key, bool create,
                                struct place *ret_place, struct err *err)
{
    CLEANUP(file_close) int dir_fd = -1;
    const char *part = key;

    TRY(open_root(store, create, &dir_fd, err));
    for (;;) {
        size_t size = strcspn(part, "/");
        char name[NAME_SIZE];
        assert(size < sizeof name); /* store.c checked the key */
        memcpy(name, part, size);
        name[size] = '\0';
        if (part[size] == '\0' || dir_fd < 0) {
            memcpy(ret_place->name, name, sizeof name);
            break;
        }
        TRY(descend(store, key, name, create, &dir_fd, err));
        part += size + 1;
    }
    ret_place->dir_fd = dir_fd;
    dir_fd = -1;
    return ERR_OK;
}

static struct store_info info_of(const struct stat *file)
{
    struct store_info info = {
        .size_bytes = (uint64_t)file->st_size,
        .modified_us = (int64_t)file->st_mtim.tv_sec * 1000000 + file->st_mtim.tv_nsec / 1000,
    };
    /* A file is never changed once it has its name; one put in its place is another inode. */
    (void)snprintf(info.etag, sizeof info.etag, "%llx-%llx-%llx.%lx",
                   (unsigned long long)file->st_ino, (unsigned long long)file->st_size,
                   (unsigned long long)file->st_mtim.tv_sec, (unsigned long)file->st_mtim.tv_nsec);
    return info;
}

/* Only regular files are objects. */
static enum err_code stat_object(const struct store *store, const char *key,
                                 const struct place *place, struct stat *ret_stat, struct err *err)
{
    if (place->dir_fd < 0)
        return store_absent(err, store, key);
    if (fstatat(place->dir_fd, place->name, ret_stat, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? store_absent(err, store, key)
                               : object_error(err, "looking at", store, key);
    if (S_ISLNK(ret_stat->st_mode)) {
        errno = ELOOP;
        return object_error(err, "looking at", store, key);
    }
    return S_ISREG(ret_stat->st_mode) ? ERR_OK : store_absent(err, store, key);
}

static enum err_code directory_head(struct store *store, const char *key,
                                    struct store_info *ret_info, struct err *err)
{
    CLEANUP_IN_PLACE(place_release) struct place place = {.dir_fd = -1};
    struct stat file;

    TRY(find_place(store, key, false, &place, err));
    TRY(stat_object(store, key, &place, &file, err));
    *ret_info = info_of(&file);
    return ERR_OK;
}

static enum err_code directory_remove(struct store *store, const char *key, struct err *err)
{
    CLEANUP_IN_PLACE(place_release) struct place place = {.dir_fd = -1};

    TRY(find_place(store, key, false, &place, err));
    if (place.dir_fd < 0)
        return ERR_OK;
    if (unlinkat(place.dir_fd, place.name, 0) != 0)
        return errno == ENOENT || errno == EISDIR ? ERR_OK
                                                  : write_error(err, "removing", store, key);
    /* Folders stay, empty or not: removing one would race with a put that is about to use it. */
    CLEANUP(file_close) int folder = openat(place.dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder < 0 ? ERR_OK : sync_fd(folder, store, key, err);
}

static enum err_code flush(struct directory_writer *writer, struct err *err)
{
    if (file_write_all(writer->fd, writer->buffer, writer->buffered, writer->base.key, err))
        return err_wrap(err, "store '%.200s'", writer->base.store->url);
    writer->buffered = 0;
    return ERR_OK;
}

static void directory_writer_close(struct store_writer *base)
{
    struct directory_writer *writer = STORE_DRIVER(struct directory_writer, base);

    if (*writer->name)
        (void)unlinkat(writer->staging_fd, writer->name, 0);
    file_close_p(&writer->fd);
    file_close_p(&writer->staging_fd);
    free(writer);
}

static enum err_code stage(const struct store *store, const char *key,
                           struct directory_writer *writer, struct err *err)
{
    CLEANUP(file_close) int dir_fd = -1;

    TRY(open_root(store, true, &dir_fd, err));
    TRY(descend(store, key, ".staging", true, &dir_fd, err));
    random_id(writer->name);
    TRY(fault_before("file", key, err));
    writer->fd =
        openat(dir_fd, writer->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    fault_after("file");
    if (writer->fd < 0)
        return write_error(err, "creating", store, key);
    writer->staging_fd = dir_fd;
    dir_fd = -1;
    return ERR_OK;
}

static enum err_code directory_writer_open(struct store *store, const char *key,
                                           enum store_when when, struct store_writer **ret_writer,
                                           struct err *err)
{
    struct directory_writer *writer = mem_alloc(sizeof *writer);

    writer->base = (struct store_writer){.store = store};
    writer->when = when;
    writer->match[0] = '\0';
    writer->fd = writer->staging_fd = -1;
    writer->buffered = 0;
    enum err_code code = stage(store, key, writer, err);
    if (code != ERR_OK) {
        writer->name[0] = '\0';
        directory_writer_close(&writer->base);
        return code;
    }
    *ret_writer = &writer->base;
    return ERR_OK;
}

static void directory_writer_match(struct store_writer *base, const char *etag)
{
    struct directory_writer *writer = STORE_DRIVER(struct directory_writer, base);

    (void)snprintf(writer->match, sizeof writer->match, "%s", etag);
}

static enum err_code directory_writer_add(struct store_writer *base, const void *data, size_t size,
                                          struct err *err)
{
    struct directory_writer *writer = STORE_DRIVER(struct directory_writer, base);

    if (size > sizeof writer->buffer - writer->buffered)
        TRY(flush(writer, err));
    if (size >= sizeof writer->buffer) {
        if (file_write_all(writer->fd, data, size, base->key, err))
            return err_wrap(err, "store '%.200s'", base->store->url);
    } else if (size) {
        memcpy(writer->buffer + writer->buffered, data, size);
        writer->buffered += size;
    }
    return ERR_OK;
}

/* The name is taken: by another object, by this very file (a server's answer was lost and the call
 * repeated), or by a folder. */
static enum err_code taken(const struct store *store, const char *key, const struct place *place,
                           int from_fd, const char *from, struct err *err)
{
    struct stat mine, there;

    if (fstatat(place->dir_fd, place->name, &there, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISDIR(there.st_mode))
            return in_the_way(err, store, key);
        if (fstatat(from_fd, from, &mine, AT_SYMLINK_NOFOLLOW) == 0 &&
            mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
            return ERR_OK;
    }
    return store_exists(err, store, key);
}

static bool links_unsupported(int reason)
{
    return reason == EPERM || reason == EOPNOTSUPP || reason == ENOSYS || reason == EMLINK;
}

/* Moves a finished, synced file to its name.  *ret_elsewhere: nothing was done, as the file lies on
 * another file system. */
static enum err_code publish(const struct store *store, const char *key, const struct place *place,
                             int from_fd, const char *from, enum store_when when,
                             bool *ret_elsewhere, struct err *err)
{
    int failed;

    *ret_elsewhere = false;
    TRY(fault_before("file", key, err));
    if (when == STORE_ALWAYS) {
        failed = renameat(from_fd, from, place->dir_fd, place->name);
    } else {
        failed = linkat(from_fd, from, place->dir_fd, place->name, 0);
        if (failed && links_unsupported(errno))
            failed = renameat2(from_fd, from, place->dir_fd, place->name, RENAME_NOREPLACE);
    }
    fault_after("file");
    if (failed && errno == EXDEV) {
        *ret_elsewhere = true;
        return ERR_OK;
    }
    if (failed && errno == EEXIST && when == STORE_IF_ABSENT)
        TRY(taken(store, key, place, from_fd, from, err));
    else if (failed && (errno == EISDIR || errno == EEXIST || errno == ENOTEMPTY))
        return in_the_way(err, store, key);
    else if (failed && errno == EINVAL && when == STORE_IF_ABSENT)
        return err_set(err, ERR_IO,
                       "store '%.200s': its file system can neither link nor rename without "
                       "replacing, so that nothing would keep two runners apart",
                       store->url);
    else if (failed)
        return write_error(err, "naming", store, key);
    TRY(fault_before("file", key, err));
    (void)unlinkat(from_fd, from, 0);
    fault_after("file");
    return sync_fd(place->dir_fd, store, key, err);
}

static enum err_code sync_staged(struct directory_writer *writer, struct err *err)
{
    const struct store *store = writer->base.store;

    TRY(flush(writer, err));
    TRY(fault_before("file", writer->base.key, err));
    bool failed = fsync(writer->fd) != 0;
    fault_after("file");
    if (failed)
        return write_error(err, "writing", store, writer->base.key);
    int fd = writer->fd;
    writer->fd = -1;
    /* NFS may report a full disk only now. */
    if (close(fd) != 0 && errno != EINTR)
        return write_error(err, "writing", store, writer->base.key);
    return ERR_OK;
}

/* Is the object still the one that may be replaced?  Closing the staging folder ends the lock. A
 * file system that has no such locks leaves a moment between look and rename. */
static enum err_code look_at_match(const struct directory_writer *writer, const struct place *place,
                                   struct err *err)
{
    const struct store *store = writer->base.store;
    struct stat file;
    int failed;

    do
        failed = flock(writer->staging_fd, LOCK_EX);
    while (failed && errno == EINTR);
    enum err_code code = stat_object(store, writer->base.key, place, &file, err);
    if (code && code != ERR_NOT_FOUND)
        return code;
    if (code || strcmp(info_of(&file).etag, writer->match) != 0)
        return store_changed(err, store, writer->base.key);
    return ERR_OK;
}

static enum err_code directory_writer_commit(struct store_writer *base, struct err *err)
{
    struct directory_writer *writer = STORE_DRIVER(struct directory_writer, base);
    CLEANUP_IN_PLACE(place_release) struct place place = {.dir_fd = -1};
    bool elsewhere;

    TRY(sync_staged(writer, err));
    TRY(find_place(base->store, base->key, true, &place, err));
    if (*writer->match)
        TRY(look_at_match(writer, &place, err));
    TRY(publish(base->store, base->key, &place, writer->staging_fd, writer->name, writer->when,
                &elsewhere, err));
    if (elsewhere) {
        (void)err_set(err, ERR_IO,
                      "object '%.400s' in '%.200s': its folder is on another file system than "
                      "'.staging'",
                      base->key, base->store->url);
        return err_hint(err, "mount the file system at the store's root, not below it");
    }
    writer->name[0] = '\0';
    return ERR_OK;
}

static enum err_code directory_reader_open(struct store *store, const char *key,
                                           struct store_reader **ret_reader, struct err *err)
{
    CLEANUP_IN_PLACE(place_release) struct place place = {.dir_fd = -1};
    struct stat file;

    TRY(find_place(store, key, false, &place, err));
    TRY(stat_object(store, key, &place, &file, err));
    int fd = openat(place.dir_fd, place.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? store_absent(err, store, key)
                               : object_error(err, "opening", store, key);
    struct directory_reader *reader = mem_zalloc(1, sizeof *reader);
    reader->fd = fd;
    *ret_reader = &reader->base;
    return ERR_OK;
}

static enum err_code directory_reader_read(struct store_reader *base, void *data, size_t size,
                                           size_t *ret_size, struct err *err)
{
    struct directory_reader *reader = STORE_DRIVER(struct directory_reader, base);
    ssize_t got;

    do
        got = read(reader->fd, data, size);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return object_error(err, "reading", base->store, base->key);
    *ret_size = (size_t)got;
    return ERR_OK;
}

static void directory_reader_close(struct store_reader *base)
{
    struct directory_reader *reader = STORE_DRIVER(struct directory_reader, base);

    file_close_p(&reader->fd);
    free(reader);
}

static enum err_code directory_put_file(struct store *store, const char *key, const char *path,
                                        enum store_when when, struct err *err)
{
    CLEANUP_IN_PLACE(place_release) struct place place = {.dir_fd = -1};
    CLEANUP(file_close) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat file;
    bool elsewhere;

    if (fd < 0 && errno == ELOOP)
        return store_copy_file(store, key, path, when, err);
    if (fd < 0 || fstat(fd, &file) != 0)
        return file_error(err, "opening", path);
    if (!S_ISREG(file.st_mode))
        return err_set(err, ERR_IO, "'%.480s' is not a file", path);
    TRY(fault_before("file", key, err));
    bool failed = fsync(fd) != 0;
    fault_after("file");
    if (failed)
        return file_error(err, "syncing", path);
    TRY(find_place(store, key, true, &place, err));
    TRY(publish(store, key, &place, AT_FDCWD, path, when, &elsewhere, err));
    return elsewhere ? store_copy_file(store, key, path, when, err) : ERR_OK;
}

static enum err_code directory_local_path(struct store *store, const char *key, struct arena *arena,
                                          const char **ret_path, struct err *err)
{
    struct store_info info;

    TRY(directory_head(store, key, &info, err));
    *ret_path = arena_printf(arena, "%s/%s", store->url, key);
    return ERR_OK;
}

/* A folder that cannot be made is reported by the library that writes to it, or by the put. */
static const char *directory_staging_dir(struct store *store)
{
    const struct directory_store *self = STORE_DRIVER(const struct directory_store, store);
    struct err ignored;

    (void)!file_make_dirs(self->staging, &ignored);
    return self->staging;
}

static enum err_code directory_list(struct store *store, const char *prefix, const char *after,
                                    store_list_fn *each, void *arg, struct err *err)
{
    const struct directory_listing listing = {.store = store,
                                              .prefix = prefix,
                                              .after = after,
                                              .each = each,
                                              .arg = arg,
                                              .info_of = info_of};
    CLEANUP_IN_PLACE(place_release) struct place place = {.dir_fd = -1};

    /* The folder that the prefix names whole; the rest of it selects names there. */
    TRY(find_place(store, prefix, false, &place, err));
    return place.dir_fd < 0 ? ERR_OK : directory_list_run(&listing, place.dir_fd, err);
}

/* What killed runs left behind.  A day is longer than any put; quiet, as it is nobody's concern. */
static void remove_leftovers(const char *staging)
{
    DIR *dir = opendir(staging);
    int64_t oldest_s = clock_now_us() / 1000000 - STAGING_HOURS * INT64_C(3600);
    const struct dirent *entry;
    struct stat info;

    if (!dir)
        return;
    while ((entry = readdir(dir)))
        if (fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            !S_ISDIR(info.st_mode) && info.st_mtim.tv_sec < oldest_s)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    (void)closedir(dir);
}

static void directory_close(struct store *store)
{
    struct directory_store *self = STORE_DRIVER(struct directory_store, store);

    free(self->staging);
    free(self);
}

static const struct store_ops directory_ops = {
    .scheme = "file",
    .close = directory_close,
    .head = directory_head,
    .remove = directory_remove,
    .list = directory_list,
    .writer_open = directory_writer_open,
    .writer_match = directory_writer_match,
    .writer_add = directory_writer_add,
    .writer_commit = directory_writer_commit,
    .writer_close = directory_writer_close,
    .reader_open = directory_reader_open,
    .reader_read = directory_reader_read,
    .reader_close = directory_reader_close,
    .put_file = directory_put_file,
    .local_path = directory_local_path,
    .staging_dir = directory_staging_dir,
};

enum err_code store_directory_open(const char *path, struct store **ret_store, struct err *err)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    CLEANUP_IN_PLACE(buf_release) struct buf staging = {0};
    /* Absolute, so that a later change of the current folder changes nothing. */
    const char *root = file_resolve(scratch, NULL, path);

    if (strlen(root) >= sizeof((struct store *)0)->url)
        return err_set(err, ERR_CONFIG, "store '%.300s...': the path has more than 1023 bytes",
                       root);
    if (file_exists(root) && !file_is_dir(root))
        return err_set(err, ERR_CONFIG, "store '%.480s': is a file, not a folder", root);
    struct directory_store *self = mem_zalloc(1, sizeof *self);
    self->base.ops = &directory_ops;
    (void)snprintf(self->base.url, sizeof self->base.url, "%s", root);
    buf_addf(&staging, "%s/.staging", root);
    self->staging = STEAL(staging.data);
    remove_leftovers(self->staging);
    *ret_store = &self->base;
    return ERR_OK;
}
