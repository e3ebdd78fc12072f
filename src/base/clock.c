#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cancel.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US    (INT64_C(86400) * SECOND_US)

struct civil {
    int64_t year;
    int month, day, hour, minute, second, micro;
};

static int64_t read_clock(clockid_t id)
{
    struct timespec now = {0};

    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

void clock_sleep_us(int64_t duration_us)
{
    int64_t end = clock_monotonic_us() + duration_us;

    while (!cancel_requested()) {
        int64_t left = end - clock_monotonic_us();
        if (left <= 0)
            return;
        struct timespec wait = {.tv_sec = (time_t)(left / SECOND_US),
                                .tv_nsec = (long)(left % SECOND_US) * 1000};
        struct pollfd waker = {.fd = cancel_fd(), .events = POLLIN};
        (void)ppoll(&waker, 1, &wait, NULL);
    }
}

/* Days and dates by the shifted year that begins in March, so that the leap day comes last; exact
 * for the proleptic Gregorian calendar.  (gmtime_r and timegm would do, but read the environment.)
 */
static int64_t days_of_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static struct civil civil_of(int64_t at_us)
{
    int64_t days = at_us / DAY_US, rest = at_us % DAY_US;

    if (rest < 0) {
        rest += DAY_US;
        days--;
    }
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    return (struct civil){
        .year = yoe + era * 400 + (month <= 2),
        .month = month,
        .day = (int)(doy - (153 * mp + 2) / 5 + 1),
        .hour = (int)(rest / (3600 * SECOND_US)),
        .minute = (int)(rest / (60 * SECOND_US) % 60),
        .second = (int)(rest / SECOND_US % 60),
        .micro = (int)(rest % SECOND_US),
    };
}

void clock_format(int64_t at_us, char ret_text[static CLOCK_TEXT_MAX])
{
    struct civil t = civil_of(at_us);

    (void)snprintf(ret_text, CLOCK_TEXT_MAX, "%04lld-%02d-%02d %02d:%02d:%02d.%06d",
                   (long long)t.year, t.month, t.day, t.hour, t.minute, t.second, t.micro);
}

void clock_format_iso(int64_t at_us, char ret_text[static CLOCK_TEXT_MAX])
{
    clock_format(at_us, ret_text);
    char *space = strchr(ret_text, ' ');
    if (!space)
        return;
    *space = 'T';
    size_t size = strlen(ret_text);
    (void)snprintf(ret_text + size, CLOCK_TEXT_MAX - size, "Z");
}

void clock_format_compact(int64_t at_us, char ret_text[static CLOCK_TEXT_MAX])
{
    struct civil t = civil_of(at_us);

    (void)snprintf(ret_text, CLOCK_TEXT_MAX, "%04lld%02d%02dT%02d%02d%02d%06dZ", (long long)t.year,
                   t.month, t.day, t.hour, t.minute, t.second, t.micro);
}

/* Exactly `count` digits and the separator after them ('\0': none wanted); -1 when not so. */
static int take_digits(const char **at, int count, char separator)
{
    int value = 0;

    for (int i = 0; i < count; i++) {
        char c = (*at)[0];
        if (c < '0' || c > '9')
            return -1;
        value = value * 10 + (c - '0');
        (*at)++;
    }
    if (separator) {
        if (**at != separator)
            return -1;
        (*at)++;
    }
    return value;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

/* The digits after the point, as microseconds; -1 when not one to six digits. */
static int take_fraction(const char **at)
{
    int value = 0, scale = 100000, digits = 0;

    for (; **at >= '0' && **at <= '9'; (*at)++, digits++) {
        value += (**at - '0') * scale;
        scale /= 10;
    }
    return digits >= 1 && digits <= 6 ? value : -1;
}

static bool parse(const char *text, int64_t *ret_at_us)
{
    const char *at = text;
    int year = take_digits(&at, 4, '-');
    int month = year < 0 ? -1 : take_digits(&at, 2, '-');
    int day = month < 0 ? -1 : take_digits(&at, 2, ' ');
    int hour = day < 0 ? -1 : take_digits(&at, 2, ':');
    int minute = hour < 0 ? -1 : take_digits(&at, 2, ':');
    int second = minute < 0 ? -1 : take_digits(&at, 2, '\0');
    int micro = 0;

    if (second < 0)
        return false;
    if (*at == '.') {
        at++;
        micro = take_fraction(&at);
    }
    if (*at || micro < 0 || year < 1 || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 59)
        return false;
    *ret_at_us = days_of_civil(year, month, day) * DAY_US +
                 ((int64_t)hour * 3600 + minute * 60 + second) * SECOND_US + micro;
    return true;
}

enum err_code clock_parse(const char *text, int64_t *ret_at_us, struct err *err)
{
    if (!parse(text, ret_at_us))
        return err_set(err, ERR_DATA, "'%.60s' is not a time like '2024-11-15 14:40:00.123456'",
                       text);
    return ERR_OK;
}

void clock_format_duration(int64_t duration_us, char ret_text[static CLOCK_TEXT_MAX])
{
    double seconds = (double)duration_us / (double)SECOND_US;
    const char *sign = seconds < 0 ? "-" : "";

    if (seconds < 0)
        seconds = -seconds;
    if (seconds < 0.9995)
        (void)snprintf(ret_text, CLOCK_TEXT_MAX, "%s%.0f ms", sign, seconds * 1000);
    else if (seconds < 9.95)
        (void)snprintf(ret_text, CLOCK_TEXT_MAX, "%s%.1f s", sign, seconds);
    else if (seconds < 119.5)
        (void)snprintf(ret_text, CLOCK_TEXT_MAX, "%s%.0f s", sign, seconds);
    else if (seconds < 119.5 * 60)
        (void)snprintf(ret_text, CLOCK_TEXT_MAX, "%s%.0f min", sign, seconds / 60);
    else if (seconds < 47.5 * 3600)
        (void)snprintf(ret_text, CLOCK_TEXT_MAX, "%s%.0f h", sign, seconds / 3600);
    else
        (void)snprintf(ret_text, CLOCK_TEXT_MAX, "%s%.0f d", sign, seconds / 86400);
}
