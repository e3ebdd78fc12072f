/* base/buf.h - bytes that grow.
 *
 * Invariants: data is NUL-terminated whenever data is not NULL; size does not count the NUL.  Begin
 * with `CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};`. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/mem.h"

struct buf {
    char *data;
    size_t size;
    size_t capacity;
};

void buf_release(struct buf *buf);
void buf_clear(struct buf *buf); /* keeps the memory */
/* Makes room for `more` bytes beyond size and returns where they go; the caller adds to size. */
char *buf_reserve(struct buf *buf, size_t more);
void buf_add(struct buf *buf, const void *data, size_t size);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_addf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The content as text; "" when nothing was ever added. */
const char *buf_text(const struct buf *buf);

#endif
