/* A wrong clock puts batches into wrong folders and makes captured_at a lie. */
#include "base/cancel.h"
#include "base/clock.h"
#include "base/text.h"
#include "lib/unit.h"

static void known_instants_are_written_as_they_are(void **state)
{
    static const struct {
        int64_t at_us;
        const char *text, *compact;
    } cases[] = {
        {0, "1970-01-01 00:00:00.000000", "19700101T000000000000Z"},
        {INT64_C(1731681600123456), "2024-11-15 14:40:00.123456", "20241115T144000123456Z"},
        {-1, "1969-12-31 23:59:59.999999", "19691231T235959999999Z"},
        {INT64_C(951782400000000), "2000-02-29 00:00:00.000000", "20000229T000000000000Z"},
        {INT64_C(-62135596800000000), "0001-01-01 00:00:00.000000", "00010101T000000000000Z"},
        {INT64_C(253402300799999999), "9999-12-31 23:59:59.999999", "99991231T235959999999Z"},
    };
    char text[CLOCK_TEXT_MAX];
    struct err err;
    (void)state;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t back = 42;
        clock_format(cases[i].at_us, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(clock_parse(text, &back, &err), ERR_OK);
        assert_true(back == cases[i].at_us);
        clock_format_compact(cases[i].at_us, text);
        assert_string_equal(text, cases[i].compact);
    }
    /* Infinity sentinels must not overrun the buffer. */
    clock_format(INT64_MAX, text);
    clock_format(INT64_MIN, text);
}

static void every_day_of_four_centuries_reads_back(void **state)
{
    char text[CLOCK_TEXT_MAX];
    struct err err;
    (void)state;

    for (int64_t day = -80000; day < 80000; day++) {
        int64_t at_us = day * INT64_C(86400000000) + 12345678, back;
        clock_format(at_us, text);
        assert_int_equal(clock_parse(text, &back, &err), ERR_OK);
        assert_true(back == at_us);
    }
}

static void short_fractions_are_read(void **state)
{
    int64_t at_us;
    struct err err;
    (void)state;

    assert_int_equal(clock_parse("1970-01-01 00:00:01", &at_us, &err), ERR_OK);
    assert_int_equal(at_us, 1000000);
    assert_int_equal(clock_parse("1970-01-01 00:00:01.5", &at_us, &err), ERR_OK);
    assert_int_equal(at_us, 1500000);
}

static void nonsense_is_refused_and_leaves_the_output(void **state)
{
    static const char *const bad[] = {
        "",
        "2024-11-15",
        "2024-13-01 00:00:00",
        "2023-02-29 00:00:00",
        "2024-01-01 24:00:00",
        "2024-01-01 00:60:00",
        "2024-01-01 00:00:00.",
        "2024-01-01 00:00:00.1234567",
        "2024-01-01 00:00:00Z",
        "2024-1-01 00:00:00",
        " 2024-01-01 00:00:00",
        "0000-01-01 00:00:00",
        "2024-01-01T00:00:00",
        "infinity",
    };
    (void)state;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int64_t at_us = 7;
        struct err err;
        assert_int_equal(clock_parse(bad[i], &at_us, &err), ERR_DATA);
        assert_int_equal(at_us, 7);
    }
}

static void durations_are_for_people(void **state)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        {0, "0 ms"},
        {3200000, "3.2 s"},
        {999900, "1.0 s"},
        {59000000, "59 s"},
        {INT64_C(720000000), "12 min"},
        {INT64_C(5) * 86400000000, "5 d"},
        {INT64_C(3) * 3600000000, "3 h"},
        {-3200000, "-3.2 s"},
    };
    char text[CLOCK_TEXT_MAX];
    (void)state;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        clock_format_duration(cases[i].us, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void ctrl_c_ends_a_sleep(void **state)
{
    int64_t began = clock_monotonic_us();
    (void)state;

    clock_sleep_us(20000);
    assert_true(clock_monotonic_us() - began >= 20000);
    cancel_request();
    clock_sleep_us(INT64_C(3600000000));
    assert_true(clock_monotonic_us() - began < 10000000);
    cancel_clear();
}

static void programs_are_told_instants_as_rfc_3339_has_them(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_MAX];

    clock_format_iso(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
    clock_format_iso(INT64_C(1731681600123456), text);
    assert_string_equal(text, "2024-11-15T14:40:00.123456Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_instants_are_written_as_they_are),
        cmocka_unit_test(every_day_of_four_centuries_reads_back),
        cmocka_unit_test(programs_are_told_instants_as_rfc_3339_has_them),
        cmocka_unit_test(short_fractions_are_read),
        cmocka_unit_test(nonsense_is_refused_and_leaves_the_output),
        cmocka_unit_test(durations_are_for_people),
        cmocka_unit_test(ctrl_c_ends_a_sleep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
