#include "pipeline/run_spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"

enum {
    TAIL_BYTES = 1 << 20
};

void run_spill_init(struct run_spill *spill, const char *dir)
{
    *spill = (struct run_spill){.dir = mem_strdup(dir), .fd = -1};
}

void run_spill_release(struct run_spill *spill)
{
    free(spill->dir);
    file_close_p(&spill->fd);
    buf_release(&spill->tail);
    *spill = (struct run_spill){.fd = -1};
}

uint64_t run_spill_size(const struct run_spill *spill)
{
    return spill->file_size + spill->tail.size;
}

static enum err_code open_file(struct run_spill *spill, struct err *err)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/index-XXXXXX", spill->dir) >= (int)sizeof path)
        return err_set(err, ERR_IO, "the path of the work folder '%s' is too long", spill->dir);
    TRY(fault_before("file", path, err));
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return file_error(err, "making a temporary file in", spill->dir);
    (void)unlink(path);
    fault_after("file");
    spill->fd = fd;
    return ERR_OK;
}

enum err_code run_spill_write(void *arg, const void *data, size_t size, struct err *err)
{
    struct run_spill *spill = arg;
    buf_add(&spill->tail, data, size);
    if (spill->tail.size < TAIL_BYTES)
        return ERR_OK;
    if (spill->fd < 0)
        TRY(open_file(spill, err));
    TRY(file_write_all(spill->fd, spill->tail.data, spill->tail.size, spill->dir, err));
    spill->file_size += spill->tail.size;
    buf_clear(&spill->tail);
    return ERR_OK;
}

void run_spill_discard(struct run_spill *spill, uint64_t start, uint64_t end)
{
    if (end > spill->file_size)
        end = spill->file_size;
    if (spill->fd >= 0 && start < end)
        (void)fallocate(spill->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)start,
                        (off_t)(end - start));
}

enum err_code run_spill_read(void *arg, void *data, size_t size, size_t *ret_size, struct err *err)
{
    struct run_spill_range *range = arg;
    const struct run_spill *spill = range->spill;
    if (size > range->end - range->at)
        size = (size_t)(range->end - range->at);
    if (range->at >= spill->file_size) {
        if (size > 0)
            memcpy(data, spill->tail.data + (range->at - spill->file_size), size);
    } else {
        if (size > spill->file_size - range->at)
            size = (size_t)(spill->file_size - range->at);
        TRY(fault_before("file", spill->dir, err));
        ssize_t got = 0;
        do
            got = pread(spill->fd, data, size, (off_t)range->at);
        while (got < 0 && errno == EINTR);
        if (got < 0)
            return file_error(err, "reading a temporary file in", spill->dir);
        fault_after("file");
        size = (size_t)got;
    }
    range->at += size;
    *ret_size = size;
    return ERR_OK;
}
