/* pipeline/key_set.h - which keys were seen, eight bytes each: a lake may have millions.
 *
 * Keys are known by a hash of 64 bits.  Of n keys one that was not seen passes for one that was
 * with a chance of n / 2^64; callers say what that would mean for them. */
#ifndef PIPELINE_KEY_SET_H
#define PIPELINE_KEY_SET_H

#include "base/mem.h"

struct key_set {
    uint64_t *hashes;
    size_t count; /* once settled, that of different keys */
    size_t capacity;
};

void key_set_add(struct key_set *set, const char *key);
/* After the last key was added and before the first is asked for. */
void key_set_settle(struct key_set *set);
bool key_set_has(const struct key_set *set, const char *key);
void key_set_release(struct key_set *set);

#endif
