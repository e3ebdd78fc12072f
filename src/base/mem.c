#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    ARENA_BLOCK_BYTES = 64 << 10,
    ARENA_ALIGN = 16
};

struct arena_block {
    struct arena_block *next;
    size_t size;
    size_t used;
    _Alignas(ARENA_ALIGN) char bytes[];
};

struct arena {
    struct arena_block *head;
    size_t limit_bytes;
    size_t total_bytes;
};

static _Noreturn void out_of_memory(size_t size)
{
    (void)fprintf(stderr, "error: out of memory (%zu bytes wanted)\n", size);
    abort();
}

void *mem_alloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p)
        out_of_memory(size);
    return p;
}

void *mem_zalloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p)
        out_of_memory(count * size);
    return p;
}

void *mem_realloc(void *old, size_t size)
{
    void *p = realloc(old, size ? size : 1);
    if (!p)
        out_of_memory(size);
    return p;
}

char *mem_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(mem_alloc(size), text, size);
}

void *mem_grow(void *array, size_t *capacity, size_t wanted, size_t element_size)
{
    size_t now = *capacity;

    if (wanted <= now && array)
        return array;
    if (now < 16)
        now = 16;
    while (now < wanted)
        now += now / 2;
    if (now > SIZE_MAX / 2 / element_size)
        out_of_memory(now);
    *capacity = now;
    return mem_realloc(array, now * element_size);
}

struct arena *arena_new(size_t limit_bytes)
{
    struct arena *arena = mem_zalloc(1, sizeof *arena);
    arena->limit_bytes = limit_bytes ? limit_bytes : (size_t)1 << 30;
    return arena;
}

static void free_blocks(struct arena_block *block)
{
    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_reset(struct arena *arena)
{
    free_blocks(arena->head);
    arena->head = NULL;
    arena->total_bytes = 0;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    free_blocks(arena->head);
    free(arena);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t need = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    struct arena_block *block = arena->head;

    if (need < size)
        out_of_memory(size);
    if (!block || block->size - block->used < need) {
        size_t room = need > ARENA_BLOCK_BYTES ? need : ARENA_BLOCK_BYTES;
        if (room > arena->limit_bytes - arena->total_bytes)
            out_of_memory(size);
        block = mem_alloc(sizeof *block + room);
        *block = (struct arena_block){.size = room};
        arena->total_bytes += room;
        /* A block made for one large piece must not hide the room left in the head. */
        if (arena->head && need > ARENA_BLOCK_BYTES / 2) {
            block->next = arena->head->next;
            arena->head->next = block;
        } else {
            block->next = arena->head;
            arena->head = block;
        }
    }
    void *p = block->bytes + block->used;
    block->used += need;
    return memset(p, 0, need);
}

char *arena_strndup(struct arena *arena, const char *text, size_t size)
{
    char *copy = arena_alloc(arena, size + 1);
    memcpy(copy, text, size);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int size = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    assert(size >= 0);
    char *text = arena_alloc(arena, (size_t)size + 1);
    va_start(ap, fmt);
    (void)vsnprintf(text, (size_t)size + 1, fmt, ap);
    va_end(ap);
    return text;
}
