/* Linked into a DuckDB whose own memory the sanitizers are not to watch (tools/setup.sh): what it allocates comes from the C
 * library itself, past their malloc.  The program's memory stays watched. */
#include <stddef.h>
#include <string.h>

void *__libc_malloc(size_t size);
void __libc_free(void *memory);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
    return __libc_malloc(size);
}

void free(void *memory)
{
    __libc_free(memory);
}

void *calloc(size_t count, size_t size)
{
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return __libc_realloc(memory, size);
}

char *strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = __libc_malloc(size);

    return copy ? memcpy(copy, text, size) : NULL;
}
