#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/fault.h"

static const struct {
    int sys_errno;
    enum err_code code;
    const char *hint;
} reasons[] = {
    {ENOENT, ERR_NOT_FOUND, ""},
    {EACCES, ERR_DENIED, "check owner and permissions of the path and of the folders above it"},
    {EPERM, ERR_DENIED, "check owner, permissions and attributes (lsattr) of the path"},
    {EROFS, ERR_IO, "the file system is mounted read-only: remount it or choose another folder"},
    {ENOSPC, ERR_IO, "the disk is full (df -h, df -i): make room, then run again"},
    {EDQUOT, ERR_IO, "the disk quota is used up: make room or raise it, then run again"},
    {ENOTDIR, ERR_IO, "a part of the path is a file where a folder is expected"},
    {EISDIR, ERR_IO, "the path is a folder where a file is expected"},
    {ELOOP, ERR_DENIED, "a part of the path is a symbolic link, which is not followed here"},
    {ENAMETOOLONG, ERR_IO, "choose a shorter path; a name has at most 255 bytes"},
    {EMFILE, ERR_IO, "too many open files: raise the limit (ulimit -n)"},
    {ENFILE, ERR_IO, "too many open files on this machine: raise fs.file-max"},
    {EFBIG, ERR_IO, "the file is larger than the file system or ulimit -f allows"},
    {ETXTBSY, ERR_IO, "the file is a program that is running"},
    {EIO, ERR_IO, "the disk reported an error: see the kernel's log (dmesg)"},
};

void file_hold_standard(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        (void)close(fd);
}

enum err_code file_error(struct err *err, const char *doing, const char *path)
{
    enum {
        SHOWN_BYTES = 480
    };
    int saved = errno;
    enum err_code code = ERR_IO;
    const char *hint = "";
    const char *shown = path, *cut = "";

    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (reasons[i].sys_errno == saved) {
            code = reasons[i].code;
            hint = reasons[i].hint;
        }
    /* The end of a long path tells more than its start, and the reason must not be cut off. */
    size_t size = strlen(path);
    if (size > SHOWN_BYTES) {
        cut = "...";
        shown = path + (size - SHOWN_BYTES);
        while (((unsigned char)*shown & 0xc0) == 0x80)
            shown++;
    }
    errno = saved;
    (void)err_sys(err, code, "%s '%s%s'", doing, cut, shown);
    if (*hint)
        (void)err_hint(err, "%s", hint);
    return code;
}

static enum err_code read_fd(int fd, const char *path, size_t limit_bytes, struct buf *content,
                             struct err *err)
{
    enum {
        CHUNK_BYTES = 64 << 10
    };
    size_t total = 0;

    for (;;) {
        char *to = buf_reserve(content, CHUNK_BYTES);
        ssize_t got = read(fd, to, CHUNK_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return file_error(err, "reading", path);
        if (got == 0)
            break;
        total += (size_t)got;
        content->size += (size_t)got;
        if (total > limit_bytes)
            return err_set(err, ERR_DATA, "'%.480s' is larger than %zu bytes", path, limit_bytes);
    }
    content->data[content->size] = '\0';
    return ERR_OK;
}

enum err_code file_read(const char *path, size_t limit_bytes, struct buf *ret_content,
                        struct err *err)
{
    CLEANUP(file_close) int fd = -1;
    size_t before = ret_content->size;

    TRY(fault_before("file", path, err));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return file_error(err, "opening", path);
    enum err_code code = read_fd(fd, path, limit_bytes, ret_content, err);
    fault_after("file");
    if (code != ERR_OK) {
        ret_content->size = before;
        if (ret_content->data)
            ret_content->data[before] = '\0';
    }
    return code;
}

enum err_code file_write_all(int fd, const void *data, size_t size, const char *path,
                             struct err *err)
{
    const char *at = data;

    while (size) {
        ssize_t done = write(fd, at, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return file_error(err, "writing", path);
        at += done;
        size -= (size_t)done;
    }
    return ERR_OK;
}

/* "a/b/c" -> "a/b", "c" -> ".", "/c" -> "/". */
static void parent_of(const char *path, struct buf *ret_parent)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        buf_add_text(ret_parent, ".");
    else
        buf_add(ret_parent, path, slash == path ? 1 : (size_t)(slash - path));
}

static enum err_code write_and_rename(const char *path, const char *temporary, const void *data,
                                      size_t size, mode_t mode, struct err *err)
{
    CLEANUP(file_close) int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    if (fd < 0)
        return file_error(err, "creating", temporary);
    TRY(file_write_all(fd, data, size, path, err));
    if (fsync(fd) != 0)
        return file_error(err, "writing", path);
    int to_close = fd;
    fd = -1;
    if (close(to_close) != 0 && errno != EINTR)
        return file_error(err, "writing", path);
    if (rename(temporary, path) != 0)
        return file_error(err, "renaming to", path);
    return ERR_OK;
}

enum err_code file_write_atomic(const char *path, const void *data, size_t size, mode_t mode,
                                struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf temporary = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf parent = {0};
    char id[RANDOM_ID_SIZE];

    random_id(id);
    buf_addf(&temporary, "%s.%.12s.tmp", path, id);
    parent_of(path, &parent);
    TRY(fault_before("file", path, err));
    enum err_code code = write_and_rename(path, temporary.data, data, size, mode, err);
    if (code == ERR_OK)
        code = file_sync_dir(parent.data, err);
    else
        (void)unlink(temporary.data);
    fault_after("file");
    return code;
}

enum err_code file_make_dirs(const char *path, struct err *err)
{
    CLEANUP(free) char *at = mem_strdup(path);
    size_t size = strlen(at);

    for (size_t i = 1; i <= size; i++) {
        CLEANUP_IN_PLACE(buf_release) struct buf parent = {0};
        if (at[i] != '/' && at[i] != '\0')
            continue;
        char saved = at[i];
        at[i] = '\0';
        if (mkdir(at, 0777) == 0) {
            parent_of(at, &parent);
            TRY(file_sync_dir(parent.data, err));
        } else {
            /* EEXIST, but also EROFS or EACCES, may be said of a folder that is there. */
            int reason = errno;
            if (!file_is_dir(at)) {
                errno = reason == EEXIST ? ENOTDIR : reason;
                return file_error(err, "making the folder", at);
            }
        }
        at[i] = saved;
    }
    return ERR_OK;
}

enum err_code file_sync_dir(const char *path, struct err *err)
{
    CLEANUP(file_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    /* A folder that may be written but not read cannot be synced; the files in it were. */
    if (fd < 0 && errno == EACCES)
        return ERR_OK;
    if (fd < 0)
        return file_error(err, "opening the folder", path);
    /* EINVAL: a file system without it. */
    if (fsync(fd) != 0 && errno != EINVAL && errno != EROFS)
        return file_error(err, "syncing the folder", path);
    return ERR_OK;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)where;
    int failed = kind == FTW_DP || kind == FTW_DNR ? rmdir(path) : unlink(path);
    return failed && errno != ENOENT ? -1 : 0;
}

enum err_code file_remove_tree(const char *path, struct err *err)
{
    enum {
        OPEN_FOLDERS = 32
    };

    if (nftw(path, remove_entry, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        return file_error(err, "removing", path);
    return ERR_OK;
}

bool file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool file_is_dir(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Appends the parts of `path` to `out` ("" or "/a/b"), resolving "." and ".." by text. */
static void add_parts(struct buf *out, const char *path)
{
    while (*path) {
        size_t size = strcspn(path, "/");
        if (size == 2 && path[0] == '.' && path[1] == '.') {
            const char *slash = out->data ? strrchr(out->data, '/') : NULL;
            if (slash) {
                out->size = (size_t)(slash - out->data);
                out->data[out->size] = '\0';
            }
        } else if (size && !(size == 1 && path[0] == '.')) {
            buf_add_char(out, '/');
            buf_add(out, path, size);
        }
        path += size;
        path += *path == '/';
    }
}

char *file_resolve(struct arena *arena, const char *base, const char *path)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};

    if (path[0] != '/') {
        if (!base || base[0] != '/') {
            char cwd[PATH_MAX];
            if (getcwd(cwd, sizeof cwd))
                add_parts(&out, cwd);
        }
        if (base)
            add_parts(&out, base);
    }
    add_parts(&out, path);
    return arena_strdup(arena, out.size ? out.data : "/");
}

struct work_dir {
    char *path;
};

enum err_code work_dir_open(const char *parent, struct work_dir **ret_dir, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf path = {0};

    if (parent) {
        TRY(file_make_dirs(parent, err));
    } else {
        parent = getenv("TMPDIR");
        if (!parent || !*parent)
            parent = "/tmp";
    }
    buf_addf(&path, "%s/tote-XXXXXX", parent);
    if (!mkdtemp(path.data)) {
        (void)file_error(err, "making a work folder in", parent);
        if (!*err->hint)
            (void)err_hint(err, "set TMPDIR to a folder that can be written");
        return err->code;
    }
    struct work_dir *dir = mem_zalloc(1, sizeof *dir);
    dir->path = STEAL(path.data);
    *ret_dir = dir;
    return ERR_OK;
}

void work_dir_close(struct work_dir *dir)
{
    struct err ignored;

    if (!dir)
        return;
    (void)!file_remove_tree(dir->path, &ignored);
    free(dir->path);
    free(dir);
}

const char *work_dir_path(const struct work_dir *dir)
{
    return dir->path;
}
