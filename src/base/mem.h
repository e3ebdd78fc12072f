/* base/mem.h - who owns what.
 *
 * Every allocation has one owner that its declaration shows: a CLEANUP() local, a field of an
 * owner, or an arena named by its lifetime.  Running out of memory aborts the program: commits are
 * atomic, so a crash loses nothing. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"

/* malloc, calloc, realloc that abort instead of returning NULL.  Freed with free(). */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
void *mem_zalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *old, size_t size) __attribute__((returns_nonnull));
char *mem_strdup(const char *text) __attribute__((malloc, returns_nonnull));

/* Grows an array to hold at least `wanted` elements, doubling; *capacity counts elements. */
void *mem_grow(void *array, size_t *capacity, size_t wanted, size_t element_size)
    __attribute__((returns_nonnull));

/* A region whose allocations all end together.  Named by lifetime at the point of use: run_arena,
 * batch_arena, table_arena, scratch.  One thread at a time. */
struct arena;

struct arena *arena_new(size_t limit_bytes); /* aborts rather than exceed it; 0: 1 GiB */
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena); /* NULL is fine */
/* Zeroed, aligned for any type; never NULL. */
void *arena_alloc(struct arena *arena, size_t size)
    __attribute__((malloc, returns_nonnull, alloc_size(2)));
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t size);
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Borrowed bytes, passed by value; never NUL-terminated by promise. */
struct span {
    const char *data;
    size_t size;
};

/* Scope exit.  CLEANUP(store_close) struct store *store = NULL; */
#define CLEANUP(fn) __attribute__((cleanup(fn##_p)))
#define DEFINE_CLEANUP(type, fn)       \
    static inline void fn##_p(type *p) \
    {                                  \
        if (*p)                        \
            fn(*p);                    \
    }
/* For things kept in place: CLEANUP_IN_PLACE(buf_release) struct buf sql = {0}; */
#define CLEANUP_IN_PLACE(fn) __attribute__((cleanup(fn)))

#define STEAL(ptr)                         \
    __extension__({                        \
        __typeof__(ptr) steal_ptr = (ptr); \
        (ptr) = NULL;                      \
        steal_ptr;                         \
    })
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

DEFINE_CLEANUP(struct arena *, arena_free)
DEFINE_CLEANUP(char *, free)

#endif
