#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void buf_release(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
    if (buf->data)
        buf->data[0] = '\0';
}

char *buf_reserve(struct buf *buf, size_t more)
{
    buf->data = mem_grow(buf->data, &buf->capacity, buf->size + more + 1, 1);
    return buf->data + buf->size;
}

void buf_add(struct buf *buf, const void *data, size_t size)
{
    char *to = buf_reserve(buf, size);
    if (size)
        memcpy(to, data, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
}

void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_addf(struct buf *buf, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int size = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    assert(size >= 0);
    char *to = buf_reserve(buf, (size_t)size);
    va_start(ap, fmt);
    (void)vsnprintf(to, (size_t)size + 1, fmt, ap);
    va_end(ap);
    buf->size += (size_t)size;
}

const char *buf_text(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}
