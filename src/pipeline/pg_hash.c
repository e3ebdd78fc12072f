#include "pipeline/pg_hash.h"

#include <string.h>

struct lookup3 {
    uint32_t a, b, c;
};

static inline uint32_t rotate(uint32_t value, unsigned bits)
{
    return (value << bits) | (value >> (32 - bits));
}

static inline void mix(struct lookup3 *state)
{
    uint32_t a = state->a, b = state->b, c = state->c;
    a -= c, a ^= rotate(c, 4), c += b;
    b -= a, b ^= rotate(a, 6), a += c;
    c -= b, c ^= rotate(b, 8), b += a;
    a -= c, a ^= rotate(c, 16), c += b;
    b -= a, b ^= rotate(a, 19), a += c;
    c -= b, c ^= rotate(b, 4), b += a;
    *state = (struct lookup3){a, b, c};
}

static inline uint64_t finish(const struct lookup3 *state)
{
    uint32_t a = state->a, b = state->b, c = state->c;
    c ^= b, c -= rotate(b, 14);
    a ^= c, a -= rotate(c, 11);
    b ^= a, b -= rotate(a, 25);
    c ^= b, c -= rotate(b, 16);
    a ^= c, a -= rotate(c, 4);
    b ^= a, b -= rotate(a, 14);
    c ^= b, c -= rotate(b, 24);
    return ((uint64_t)b << 32) | c;
}

static inline struct lookup3 begin(size_t size, uint64_t seed)
{
    uint32_t start = 0x9e3779b9U + (uint32_t)size + 3923095U;
    struct lookup3 state = {start, start, start};
    if (seed != 0) {
        state.a += (uint32_t)(seed >> 32);
        state.b += (uint32_t)seed;
        mix(&state);
    }
    return state;
}

uint64_t pg_hash_int8(int64_t value, uint64_t seed)
{
    /* folded so that an int4 of the same value hashes alike */
    uint32_t low = (uint32_t)(uint64_t)value;
    uint32_t high = (uint32_t)((uint64_t)value >> 32);
    low ^= value >= 0 ? high : ~high;

    struct lookup3 state = begin(sizeof low, seed);
    state.a += low;
    return finish(&state);
}

/* Four bytes as a number, 0 read as 31: the separator that the server can have in a text. */
static inline uint32_t word(const uint8_t *bytes, size_t size)
{
    uint32_t value = 0;
    for (size_t i = 0; i < size; i++) {
        uint32_t byte = bytes[i] == 0 ? 31 : bytes[i];
        value |= byte << (8 * i);
    }
    return value;
}

uint64_t pg_hash_text(const void *bytes, size_t size, uint64_t seed)
{
    const uint8_t *at = bytes;
    struct lookup3 state = begin(size, seed);
    for (; size >= 12; size -= 12, at += 12) {
        state.a += word(at, 4);
        state.b += word(at + 4, 4);
        state.c += word(at + 8, 4);
        mix(&state);
    }
    /* the lowest byte of c is reserved for the length */
    if (size > 8)
        state.c += word(at + 8, size - 8) << 8;
    if (size > 4)
        state.b += word(at + 4, size > 8 ? 4 : size - 4);
    if (size > 0)
        state.a += word(at, size > 4 ? 4 : size);
    return finish(&state);
}
