#include "base/text.h"

#include <assert.h>
#include <stdio.h>

bool text_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

size_t text_mark_size(const char *text)
{
    static const char mark[] = "\xef\xbb\xbf";

    return text_starts(text, mark) ? sizeof mark - 1 : 0;
}

bool text_ends(const char *text, const char *suffix)
{
    size_t size = strlen(text), suffix_size = strlen(suffix);
    return suffix_size <= size && memcmp(text + size - suffix_size, suffix, suffix_size) == 0;
}

bool text_to_u64(const char *text, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return false;
    }
    *ret_value = value;
    return true;
}

bool text_to_i64(const char *text, int64_t *ret_value)
{
    bool negative = *text == '-';
    uint64_t value;

    if (!text_to_u64(text + negative, &value) || value > (uint64_t)INT64_MAX + negative)
        return false;
    *ret_value = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

int text_hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* Table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t text_utf8_size(const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t want;
    unsigned char low = 0x80, high = 0xbf;

    if (size == 0)
        return 0;
    if (at[0] < 0x80)
        return 1;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    want = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (at[0] == 0xe0)
        low = 0xa0;
    else if (at[0] == 0xed)
        high = 0x9f;
    else if (at[0] == 0xf0)
        low = 0x90;
    else if (at[0] == 0xf4)
        high = 0x8f;
    if (size < want || at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < want; i++)
        if (at[i] < 0x80 || at[i] > 0xbf)
            return 0;
    return want;
}

bool text_is_utf8(const char *text, size_t size)
{
    for (size_t i = 0; i < size;) {
        size_t bytes = text_utf8_size(text + i, size - i);
        if (!bytes)
            return false;
        i += bytes;
    }
    return true;
}

char *text_count(struct arena *arena, uint64_t value)
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    char *text = arena_alloc(arena, 32);
    size_t used = 0;

    for (int i = 0; i < count; i++) {
        if (i && (count - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    return text;
}

char *text_bytes(struct arena *arena, uint64_t bytes)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes / 1000;
    size_t unit = 0;

    if (bytes < 1000)
        return arena_printf(arena, "%llu bytes", (unsigned long long)bytes);
    for (; value >= 999.95 && unit + 1 < COUNT_OF(units); unit++)
        value /= 1000;
    return arena_printf(arena, "%.1f %s", value, units[unit]);
}

void text_percent_encode(const char *text, char *ret, size_t ret_size)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t used = 0;

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || c == '-';
        /* Cut off, two names could become one. */
        assert(used + (plain ? 1 : 3) < ret_size);
        if (plain) {
            ret[used++] = (char)c;
        } else {
            ret[used++] = '%';
            ret[used++] = digits[c >> 4];
            ret[used++] = digits[c & 15];
        }
    }
    assert(used < ret_size);
    ret[used] = '\0';
}

enum {
    CLOSEST_BYTES = 64
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours. */
static size_t edit_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t rows[3][CLOSEST_BYTES + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];

    for (size_t j = 0; j <= b_size; j++)
        last[j] = before[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            now[j] = least(least(now[j - 1], last[j]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b_size];
}

const char *text_closest(const char *text, const char *const *candidates, size_t count)
{
    const char *closest = NULL;
    size_t size = strlen(text);
    size_t best = size / 3 > 1 ? size / 3 : 1;

    if (size < 2 || size > CLOSEST_BYTES)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t candidate_size = strlen(candidates[i]);
        if (candidate_size > CLOSEST_BYTES)
            continue;
        size_t distance = edit_distance(text, size, candidates[i], candidate_size);
        if (distance < best || (distance == best && !closest)) {
            best = distance;
            closest = candidates[i];
        }
    }
    return closest;
}
