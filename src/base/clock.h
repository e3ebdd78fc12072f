/* base/clock.h - instants are int64_t microseconds since 1970-01-01 UTC (suffix _us); durations are
 * microseconds of the monotonic clock. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#include "base/mem.h"

int64_t clock_now_us(void);       /* wall clock */
int64_t clock_monotonic_us(void); /* for durations only */
/* Sleeps, or returns early when the program is being cancelled. */
void clock_sleep_us(int64_t duration_us);

enum {
    CLOCK_TEXT_MAX = 40
};
/* "2024-11-15 14:40:00.123456": 26 characters for the years 1 to 9999. */
void clock_format(int64_t at_us, char ret_text[static CLOCK_TEXT_MAX]);
/* "2024-11-15T14:40:00.123456Z", RFC 3339, for programs. */
void clock_format_iso(int64_t at_us, char ret_text[static CLOCK_TEXT_MAX]);
/* "20241115T144000123456Z", for keys. */
void clock_format_compact(int64_t at_us, char ret_text[static CLOCK_TEXT_MAX]);
/* Takes what clock_format writes; the fraction may be shorter or absent. */
CHECKED enum err_code clock_parse(const char *text, int64_t *ret_at_us, struct err *err);
/* "3.2 s", "12 min", "5 d": for people. */
void clock_format_duration(int64_t duration_us, char ret_text[static CLOCK_TEXT_MAX]);

#endif
