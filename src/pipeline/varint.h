/* pipeline/varint.h - whole numbers in as few bytes as they need: seven bits a byte, lowest first,
 * the top bit set on all but the last; signed ones by zigzag.  For the columns of fingerprints and
 * index runs.  The byte order of everything else there is that of the machine, which has to be
 * little-endian. */
#ifndef PIPELINE_VARINT_H
#define PIPELINE_VARINT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#    error "fingerprints and index runs are little-endian"
#endif

enum {
    VARINT_MAX = 10
};

/* Writes at most VARINT_MAX bytes; returns where the next one goes. */
static inline uint8_t *varint_put(uint8_t *to, uint64_t value)
{
    while (value >= 0x80) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to++ = (uint8_t)value;
    return to;
}

/* Reads one from [*from, end) and moves *from behind it; false when there is none. */
static inline bool varint_get(const uint8_t **from, const uint8_t *end, uint64_t *ret_value)
{
    const uint8_t *at = *from;
    if (at < end && *at < 0x80) { /* nearly always */
        *ret_value = *at;
        *from = at + 1;
        return true;
    }
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
        uint8_t byte = *at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            *from = at;
            return true;
        }
    }
    return false;
}

/* Differences wrap, so that they work for any two 64-bit numbers. */
static inline uint64_t zigzag(uint64_t difference)
{
    return (difference << 1) ^ (uint64_t)((int64_t)difference >> 63);
}

static inline uint64_t unzigzag(uint64_t value)
{
    return (value >> 1) ^ (0 - (value & 1));
}

static inline uint64_t load_u64(const void *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

#endif
