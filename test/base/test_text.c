#include "base/text.h"
#include "lib/unit.h"

static void only_whole_numbers_are_numbers(void **state)
{
    static const char *const bad[] = {
        "", "-", "+1", " 1", "1 ", "1.0", "0x1", "9223372036854775808", "--1", "1e3"};
    int64_t number = 7;
    uint64_t natural = 7;
    (void)state;

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(text_to_i64(bad[i], &number));
    assert_false(text_to_u64("18446744073709551616", &natural));
    assert_false(text_to_u64("-1", &natural));
    assert_int_equal(number, 7);
    assert_true(text_to_i64("-9223372036854775808", &number));
    assert_true(number == INT64_MIN);
    assert_true(text_to_i64("9223372036854775807", &number));
    assert_true(number == INT64_MAX);
    assert_true(text_to_u64("18446744073709551615", &natural));
    assert_true(natural == UINT64_MAX);
}

static void beginnings_and_ends(void **state)
{
    (void)state;
    assert_true(text_starts("abc", "ab"));
    assert_true(text_starts("abc", ""));
    assert_false(text_starts("ab", "abc"));
    assert_true(text_ends("abc", "bc"));
    assert_false(text_ends("c", "bc"));
}

static void utf8_is_told_from_lookalikes(void **state)
{
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xe0\x80\x80",
                                      "\xed\xa0\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xe2\x82",
                                      "a\xff"};
    (void)state;

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(text_is_utf8(bad[i], strlen(bad[i])));
    assert_true(text_is_utf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10));
}

static void encoded_names_do_not_clash(void **state)
{
    char encoded[64];
    (void)state;

    text_percent_encode("a-b_C.9 \xc3\xa9%", encoded, sizeof encoded);
    assert_string_equal(encoded, "a-b_C%2E9%20%C3%A9%25");
    text_percent_encode("ab", encoded, 3);
    assert_string_equal(encoded, "ab");
}

static void numbers_for_people(void **state)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    (void)state;

    assert_string_equal(text_count(arena, 0), "0");
    assert_string_equal(text_count(arena, 999), "999");
    assert_string_equal(text_count(arena, 1234567), "1,234,567");
    assert_string_equal(text_count(arena, UINT64_MAX), "18,446,744,073,709,551,615");
    assert_string_equal(text_bytes(arena, 999), "999 bytes");
    assert_string_equal(text_bytes(arena, 12345678), "12.3 MB");
    assert_string_equal(text_bytes(arena, 999960), "1.0 MB");
    assert_string_equal(text_bytes(arena, UINT64_MAX), "18.4 EB");
}

static void a_typo_finds_its_word(void **state)
{
    static const char *const words[] = {"ingest", "process", "load", "status"};
    (void)state;

    assert_string_equal(text_closest("igest", words, 4), "ingest");
    assert_string_equal(text_closest("laod", words, 4), "load");
    assert_string_equal(text_closest("stauts", words, 4), "status");
    assert_null(text_closest("frobnicate", words, 4));
    assert_null(text_closest("", words, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_whole_numbers_are_numbers),
        cmocka_unit_test(beginnings_and_ends),
        cmocka_unit_test(utf8_is_told_from_lookalikes),
        cmocka_unit_test(encoded_names_do_not_clash),
        cmocka_unit_test(numbers_for_people),
        cmocka_unit_test(a_typo_finds_its_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
