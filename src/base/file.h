/* base/file.h - files and folders of the local disk.  Paths are NUL-terminated; every error names
 * the path and says what the operator can do about the usual reasons (disk full, read-only,
 * permission). */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

/* Opens /dev/null for each of the descriptors 0, 1 and 2 that is closed: else the next file opened
 * would get its number, and what is said on standard error would be written into an object. */
void file_hold_standard(void);

/* Raises ERR_IO (or ERR_NOT_FOUND, ERR_DENIED) for errno with a hint that fits. */
enum err_code file_error(struct err *err, const char *doing, const char *path);

CHECKED enum err_code file_read(const char *path, size_t limit_bytes, struct buf *ret_content,
                                struct err *err);
/* Writes to a temporary file beside it, then renames: readers see old or new. */
CHECKED enum err_code file_write_atomic(const char *path, const void *data, size_t size,
                                        mode_t mode, struct err *err);
CHECKED enum err_code file_write_all(int fd, const void *data, size_t size, const char *path,
                                     struct err *err);
CHECKED enum err_code file_make_dirs(const char *path, struct err *err); /* mkdir -p */
CHECKED enum err_code file_sync_dir(const char *path, struct err *err);
CHECKED enum err_code file_remove_tree(const char *path, struct err *err);
bool file_exists(const char *path);
bool file_is_dir(const char *path);
/* Absolute path: `path` itself when absolute, else below `base`; "." and ".." resolved textually.
 */
char *file_resolve(struct arena *arena, const char *base, const char *path);

/* A private folder for work files, mode 0700, removed with all it holds when closed.
 * parent NULL: $TMPDIR or /tmp. */
struct work_dir;
CHECKED enum err_code work_dir_open(const char *parent, struct work_dir **ret_dir, struct err *err);
void work_dir_close(struct work_dir *dir);
const char *work_dir_path(const struct work_dir *dir);
DEFINE_CLEANUP(struct work_dir *, work_dir_close)

static inline void file_close_p(int *fd);
#include <unistd.h>
static inline void file_close_p(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

#endif
