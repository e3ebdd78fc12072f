/* store/directory_list.h - the listing of a directory store: its files in byte order of their keys.
 *
 * One folder's names are held at a time, and those of the folders above it.  Files are looked at
 * only when it is their turn, so that a listing that is stopped early costs one reading of the
 * names. */
#ifndef STORE_DIRECTORY_LIST_H
#define STORE_DIRECTORY_LIST_H

#include <sys/stat.h>

#include "store/store_driver.h"

struct directory_listing {
    const struct store *store;
    const char *prefix;
    const char *after;
    store_list_fn *each;
    void *arg;
    struct store_info (*info_of)(const struct stat *file);
};

/* dir_fd: the folder that `prefix` names up to its last '/'; stays the caller's. */
CHECKED enum err_code directory_list_run(const struct directory_listing *listing, int dir_fd,
                                         struct err *err);

#endif
