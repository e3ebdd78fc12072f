#include "pipeline/key_set.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void key_set_add(struct key_set *set, const char *key)
{
    set->hashes = mem_grow(set->hashes, &set->capacity, set->count + 1, sizeof *set->hashes);
    set->hashes[set->count++] = XXH3_64bits(key, strlen(key));
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

void key_set_settle(struct key_set *set)
{
    size_t kept = 0;

    if (set->count)
        qsort(set->hashes, set->count, sizeof *set->hashes, by_value);
    for (size_t i = 0; i < set->count; i++)
        if (!kept || set->hashes[kept - 1] != set->hashes[i])
            set->hashes[kept++] = set->hashes[i];
    set->count = kept;
}

bool key_set_has(const struct key_set *set, const char *key)
{
    uint64_t hash = XXH3_64bits(key, strlen(key));

    return set->count && bsearch(&hash, set->hashes, set->count, sizeof *set->hashes, by_value);
}

void key_set_release(struct key_set *set)
{
    free(set->hashes);
    *set = (struct key_set){0};
}
