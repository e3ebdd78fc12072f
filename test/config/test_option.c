#include "base/text.h"
#include "config/option.h"
#include "lib/unit.h"

static void names_are_derived_from_the_key(void **state)
{
    char name[OPTION_NAME_MAX];
    (void)state;

    option_flag(OPTION_LAKE_COMPRESS_ABOVE, name);
    assert_string_equal(name, "--lake-compress-above");
    option_variable(OPTION_LAKE_COMPRESS_ABOVE, name);
    assert_string_equal(name, "TOTE_LAKE_COMPRESS_ABOVE");
    option_variable(OPTION_WORK_DIR, name);
    assert_string_equal(name, "TOTE_WORK_DIR");
}

static void durations_have_units(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } good[] = {{"0", 0},
                {"500ms", 500000},
                {"10s", 10000000},
                {"5m", 300000000},
                {"5 min", 300000000},
                {"2h", 7200000000},
                {"7d", 604800000000},
                {"0s", 0}};
    static const char *const bad[] = {
        "", "5", "5x", "-5s", "s", "1.5h", "5s ", " 5s", "99999999999999999999s", "9999999999999d"};
    int64_t us;
    struct err err;
    (void)state;

    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(duration_parse(good[i].text, &us, &err), ERR_OK);
        assert_true(us == good[i].us);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(duration_parse(bad[i], &us, &err), ERR_CONFIG);
}

static void sizes_are_decimal_or_binary(void **state)
{
    int64_t bytes;
    struct err err;
    (void)state;

    assert_int_equal(size_parse("512MB", &bytes, &err), ERR_OK);
    assert_true(bytes == 512000000);
    assert_int_equal(size_parse("64MiB", &bytes, &err), ERR_OK);
    assert_true(bytes == 64 << 20);
    assert_int_equal(size_parse("1234", &bytes, &err), ERR_OK);
    assert_true(bytes == 1234);
    assert_int_equal(size_parse("2 GB", &bytes, &err), ERR_OK);
    assert_true(bytes == 2000000000);
    assert_int_equal(size_parse("1mb", &bytes, &err), ERR_CONFIG);
    assert_int_equal(size_parse("99999999TB", &bytes, &err), ERR_CONFIG);
}

static void limits_are_said_as_people_write_them(void **state)
{
    int64_t number;
    struct err err;
    (void)state;

    assert_int_equal(option_check(OPTION_SOURCE_CONNECTIONS, "17", &number, &err), ERR_CONFIG);
    assert_string_equal(err.message, "'17' is not between 1 and 16");
    assert_int_equal(option_check(OPTION_LAKE_PART_SIZE, "5", &number, &err), ERR_CONFIG);
    assert_string_equal(err.message, "'5' is not between 1MiB and 4GiB");
    assert_int_equal(option_check(OPTION_LOG_FORMAT, "yaml", &number, &err), ERR_CONFIG);
    assert_string_equal(err.message, "'yaml' is none of text|json");
    assert_int_equal(option_check(OPTION_LOG_FORMAT, "json", &number, &err), ERR_OK);
    assert_int_equal(number, 1);
    assert_int_equal(option_check(OPTION_MODELS, "", &number, &err), ERR_CONFIG);
}

/* A default that its own limits refuse would stop every run. */
static void defaults_are_valid(void **state)
{
    int64_t number;
    struct err err;
    (void)state;

    for (int i = 0; i < OPTION_COUNT; i++)
        if (option_info((enum option)i)->fallback)
            assert_int_equal(
                option_check((enum option)i, option_info((enum option)i)->fallback, &number, &err),
                ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_derived_from_the_key),
        cmocka_unit_test(durations_have_units),
        cmocka_unit_test(sizes_are_decimal_or_binary),
        cmocka_unit_test(limits_are_said_as_people_write_them),
        cmocka_unit_test(defaults_are_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
