/* A record that is not valid JSON is a batch that nobody can read. */
#include <math.h>

#include "base/json_read.h"
#include "base/json_write.h"
#include "base/text.h"
#include "lib/unit.h"

static void commas_and_names_are_the_writers_business(void **state)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    struct json_writer json;
    (void)state;

    json_begin(&json, &out, false);
    json_object_begin(&json, NULL);
    json_text(&json, "a", "x");
    json_text(&json, "none", NULL);
    json_array_begin(&json, "list");
    json_int(&json, NULL, INT64_MIN);
    json_uint(&json, NULL, UINT64_MAX);
    json_array_begin(&json, NULL);
    json_array_end(&json);
    json_array_end(&json);
    json_bool(&json, "yes", true);
    json_raw(&json, "raw", "{\"z\":1}");
    json_object_begin(&json, "empty");
    json_object_end(&json);
    json_object_end(&json);
    assert_string_equal(out.data,
                        "{\"a\":\"x\",\"none\":null,\"list\":[-9223372036854775808,"
                        "18446744073709551615,[]],\"yes\":true,\"raw\":{\"z\":1},\"empty\":{}}");
}

static void indented_it_is_for_people(void **state)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    struct json_writer json;
    (void)state;

    json_begin(&json, &out, true);
    json_object_begin(&json, NULL);
    json_int(&json, "a", 1);
    json_array_begin(&json, "b");
    json_int(&json, NULL, 2);
    json_array_end(&json);
    json_array_begin(&json, "c");
    json_array_end(&json);
    json_object_end(&json);
    assert_string_equal(out.data, "{\n  \"a\": 1,\n  \"b\": [\n    2\n  ],\n  \"c\": []\n}");
}

static void numbers_read_back_as_they_were(void **state)
{
    static const double values[] = {0.1, 1.0 / 3, 1e300, -0.0, 5e-324, 123456789012345678.0};
    (void)state;

    for (size_t i = 0; i < COUNT_OF(values); i++) {
        CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
        struct json_writer json;
        json_begin(&json, &out, false);
        json_double(&json, NULL, values[i]);
        double back = strtod(out.data, NULL);
        assert_memory_equal(&back, &values[i], sizeof back);
    }
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    struct json_writer json;
    json_begin(&json, &out, false);
    json_array_begin(&json, NULL);
    json_double(&json, NULL, 0.1);
    json_double(&json, NULL, NAN);
    json_double(&json, NULL, -INFINITY);
    json_array_end(&json);
    assert_string_equal(out.data, "[0.1,null,null]");
}

static void any_bytes_become_valid_text(void **state)
{
    static const char bytes[] =
        "q\" b\\ n\n t\t \x01 \x7f \xc3\xa9 \xf0\x9f\x98\x80 \xff \xc0\x80 \xed\xa0\x80 \xe2\x82";
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    (void)state;

    json_quote(&out, bytes, sizeof bytes - 1);
    assert_true(text_is_utf8(out.data, out.size));
    assert_true(text_starts(
        out.data, "\"q\\\" b\\\\ n\\n t\\t \\u0001 \x7f \xc3\xa9 \xf0\x9f\x98\x80 \xef\xbf\xbd "));
    buf_clear(&out);
    json_quote(&out, "\0x", 2);
    assert_string_equal(out.data, "\"\\u0000x\"");
    buf_clear(&out);
    json_quote(&out, "", 0);
    assert_string_equal(out.data, "\"\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_names_are_the_writers_business),
        cmocka_unit_test(indented_it_is_for_people),
        cmocka_unit_test(numbers_read_back_as_they_were),
        cmocka_unit_test(any_bytes_become_valid_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
