#include "store/directory_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/text.h"

/* A folder's names, sorted, with '/' behind those of folders: "a-b/x" comes before "a/x", and
 * "a.json" before "a/x", as '-' and '.' are less than '/'. */
struct folder {
    int fd;
    size_t key_size; /* of the key up to here: "t/2024/" */
    struct buf text;
    size_t *names; /* offsets into text */
    size_t count;
    size_t capacity;
    size_t next;
};

/* The folders from the first to the one at work, and the key that leads there. */
struct walk {
    const struct directory_listing *listing;
    struct buf key;
    struct folder *folders;
    size_t depth;
    size_t capacity;
};

static void leave(struct walk *walk)
{
    struct folder *folder = &walk->folders[--walk->depth];

    file_close_p(&folder->fd);
    buf_release(&folder->text);
    free(folder->names);
}

static void walk_release(struct walk *walk)
{
    while (walk->depth)
        leave(walk);
    free(walk->folders);
    buf_release(&walk->key);
}

static void set_key(struct walk *walk, const struct folder *folder, const char *name)
{
    walk->key.size = folder->key_size;
    buf_add_text(&walk->key, name);
}

/* Whether the key, or when it ends with '/' any key that begins with it, is asked for. */
static bool is_wanted(const struct walk *walk)
{
    const char *key = walk->key.data, *prefix = walk->listing->prefix,
               *after = walk->listing->after;
    bool folder = text_ends(key, "/");

    if (!text_starts(key, prefix) && !(folder && text_starts(prefix, key)))
        return false;
    return strcmp(key, after) > 0 || (folder && text_starts(after, key));
}

enum kind {
    KIND_OTHER,
    KIND_FILE,
    KIND_FOLDER
};

static enum kind kind_of(int dir_fd, const struct dirent *entry)
{
    struct stat info;

    if (entry->d_type == DT_REG)
        return KIND_FILE;
    if (entry->d_type == DT_DIR)
        return KIND_FOLDER;
    if (entry->d_type != DT_UNKNOWN || fstatat(dir_fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW))
        return KIND_OTHER;
    return S_ISREG(info.st_mode) ? KIND_FILE : S_ISDIR(info.st_mode) ? KIND_FOLDER : KIND_OTHER;
}

static void take_entry(struct walk *walk, struct folder *folder, const struct dirent *entry)
{
    enum kind kind = kind_of(folder->fd, entry);

    if (kind == KIND_OTHER || text_equal(entry->d_name, ".") || text_equal(entry->d_name, ".."))
        return;
    set_key(walk, folder, entry->d_name);
    /* Files that somebody else put there may have names that are no keys; also leaves out .staging.
     */
    if (!store_key_is_valid(walk->key.data))
        return;
    if (kind == KIND_FOLDER)
        buf_add_char(&walk->key, '/');
    if (!is_wanted(walk))
        return;
    folder->names = mem_grow(folder->names, &folder->capacity, folder->count + 1, sizeof(size_t));
    folder->names[folder->count++] = folder->text.size;
    buf_add(&folder->text, walk->key.data + folder->key_size,
            walk->key.size - folder->key_size + 1); /* with its NUL */
}

static enum err_code list_error(const struct walk *walk, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf path = {0};
    int saved = errno;

    buf_addf(&path, "%s/%s", walk->listing->store->url, buf_text(&walk->key));
    errno = saved;
    return file_error(err, "listing", path.data);
}

static int compare_names(const void *a, const void *b, void *text)
{
    return strcmp((const char *)text + *(const size_t *)a, (const char *)text + *(const size_t *)b);
}

static enum err_code read_names(struct walk *walk, struct folder *folder, struct err *err)
{
    const struct dirent *entry;
    int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        enum err_code code = list_error(walk, err);
        file_close_p(&fd);
        return code;
    }
    while (errno = 0, (entry = readdir(dir)))
        take_entry(walk, folder, entry);
    int reason = errno;
    (void)closedir(dir);
    if (reason) {
        errno = reason;
        return list_error(walk, err);
    }
    if (folder->count)
        qsort_r(folder->names, folder->count, sizeof(size_t), compare_names, folder->text.data);
    return ERR_OK;
}

/* The key as it stands leads to the folder; fd is taken over. */
static enum err_code enter(struct walk *walk, int fd, struct err *err)
{
    walk->folders =
        mem_grow(walk->folders, &walk->capacity, walk->depth + 1, sizeof *walk->folders);
    struct folder *folder = &walk->folders[walk->depth++];
    *folder = (struct folder){.fd = fd, .key_size = walk->key.size};
    TRY(cancel_check(err));
    return read_names(walk, folder, err);
}

/* The next name of the innermost folder.  Files that vanish meanwhile were not there throughout. */
static enum err_code step(struct walk *walk, bool *ret_stop, struct err *err)
{
    struct folder *folder = &walk->folders[walk->depth - 1];
    const char *name = folder->text.data + folder->names[folder->next++];
    const struct directory_listing *listing = walk->listing;
    struct stat file;

    set_key(walk, folder, name);
    if (text_ends(name, "/")) {
        char plain[256] = {0};
        memcpy(plain, name, strlen(name) - 1);
        int fd = openat(folder->fd, plain, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return errno == ENOENT || errno == ENOTDIR ? ERR_OK : list_error(walk, err);
        return enter(walk, fd, err);
    }
    if (fstatat(folder->fd, name, &file, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? ERR_OK : list_error(walk, err);
    if (S_ISREG(file.st_mode)) {
        const struct store_info info = listing->info_of(&file);
        *ret_stop = !listing->each(listing->arg, walk->key.data, &info);
    }
    return ERR_OK;
}

enum err_code directory_list_run(const struct directory_listing *listing, int dir_fd,
                                 struct err *err)
{
    CLEANUP_IN_PLACE(walk_release) struct walk walk = {.listing = listing};
    const char *slash = strrchr(listing->prefix, '/');
    bool stop = false;

    buf_add(&walk.key, listing->prefix, slash ? (size_t)(slash + 1 - listing->prefix) : 0);
    int fd = openat(dir_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return list_error(&walk, err);
    TRY(enter(&walk, fd, err));
    while (walk.depth && !stop) {
        const struct folder *folder = &walk.folders[walk.depth - 1];
        if (folder->next == folder->count)
            leave(&walk);
        else
            TRY(step(&walk, &stop, err));
    }
    return ERR_OK;
}
