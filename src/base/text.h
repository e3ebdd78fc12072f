/* base/text.h - small questions about strings, without surprises. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

static inline bool text_equal(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}
bool text_starts(const char *text, const char *prefix);
/* Bytes of the mark that editors on Windows put in front of UTF-8: 3 or 0. */
size_t text_mark_size(const char *text);
bool text_ends(const char *text, const char *suffix);
/* Whole decimal numbers with nothing around them; false when not, or out of range. */
bool text_to_i64(const char *text, int64_t *ret_value);
bool text_to_u64(const char *text, uint64_t *ret_value);
int text_hex_value(char digit); /* 0..15, or -1 */
bool text_is_utf8(const char *text, size_t size);
/* Bytes of the well-formed UTF-8 character that text begins with (1 to 4); 0 when there is none. */
size_t text_utf8_size(const char *text, size_t size);
/* "1,234,567"; "12.3 MB": for people. */
char *text_count(struct arena *arena, uint64_t value);
char *text_bytes(struct arena *arena, uint64_t bytes);
/* Every byte outside [A-Za-z0-9_-] percent-encoded. */
void text_percent_encode(const char *text, char *ret, size_t ret_size);
/* The closest of `count` candidates by edit distance, or NULL when none is close: "did you mean".
 */
const char *text_closest(const char *text, const char *const *candidates, size_t count);

#endif
