/* pipeline/run_spill.h - where a sorter keeps its finished runs: in memory while they are few, then
 * in a file without a name, which is gone when it is closed, whatever happens. */
#ifndef PIPELINE_RUN_SPILL_H
#define PIPELINE_RUN_SPILL_H

#include "base/buf.h"

struct run_spill {
    char *dir;          /* for the file */
    int fd;             /* -1: none yet */
    uint64_t file_size; /* what the file holds; the tail follows */
    struct buf tail;
};

void run_spill_init(struct run_spill *spill, const char *dir);
void run_spill_release(struct run_spill *spill);
uint64_t run_spill_size(const struct run_spill *spill);
/* Gives the disk back what nobody will read any more, where the file system can. */
void run_spill_discard(struct run_spill *spill, uint64_t start, uint64_t end);
/* An index_write_fn: appends. */
CHECKED enum err_code run_spill_write(void *spill, const void *data, size_t size, struct err *err);

/* What a reader of part of it is given; run_spill_read is an index_read_fn. */
struct run_spill_range {
    struct run_spill *spill;
    uint64_t at;
    uint64_t end;
};
CHECKED enum err_code run_spill_read(void *range, void *data, size_t size, size_t *ret_size,
                                     struct err *err);

#endif
