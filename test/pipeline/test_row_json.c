/* What this gets wrong is wrong in the lake for ever: every value of a row passes through here. */
#include <stdlib.h>
#include <string.h>

#include "base/json_read.h"
#include "lib/unit.h"
#include "pipeline/copy_row.h"
#include "pipeline/row_json.h"

/* One column, one field: what stands between {"c": and } */
static void check(const char *type, const char *copy, const char *expected)
{
    struct record_column column = {.name = "c", .lake_name = "c", .type = type};
    CLEANUP(row_json_free) struct row_json *json = row_json_new(&column, 1);
    struct span field = {copy, strlen(copy)};
    size_t limit = row_json_limit(json, field.size);
    /* Exactly the promised room, so that the sanitizer sees a byte too much. */
    CLEANUP(free) char *out = mem_alloc(limit);
    char *end = row_json_put(json, &field, out);
    CLEANUP_IN_PLACE(buf_release) struct buf line = {0};
    assert_true((size_t)(end - out) <= limit);
    buf_add(&line, out, (size_t)(end - out));
    CLEANUP_IN_PLACE(buf_release) struct buf wanted = {0};
    buf_addf(&wanted, "{\"c\":%s}\n", expected);
    assert_string_equal(line.data, wanted.data);
}

static void test_forms(void **state)
{
    (void)state;
    check("int8", "-9223372036854775808", "-9223372036854775808");
    check("int2", "\\N", "null");
    check("float8", "1e+300", "1e+300");
    check("float8", "NaN", "\"NaN\"");
    check("float4", "-Infinity", "\"-Infinity\"");
    check("float4", "-0", "-0.0");
    check("bool", "t", "true");
    check("bool", "f", "false");
    check("bool", "\\N", "null");
    check("numeric", "12345678901234567890.10", "\"12345678901234567890.10\"");
    check("numeric", "NaN", "\"NaN\"");
    check("date", "0044-03-15 BC", "\"0044-03-15 BC\"");
    check("bytea", "\\\\x00ff", "\"\\\\x00ff\"");
    check("hashed", "ab12", "\"ab12\"");
}

static void test_timestamps(void **state)
{
    (void)state;
    check("timestamp", "2024-11-15 14:40:00", "\"2024-11-15 14:40:00.000000\"");
    check("timestamp", "2024-11-15 14:40:00.1", "\"2024-11-15 14:40:00.100000\"");
    check("timestamp", "2024-11-15 14:40:00.123456", "\"2024-11-15 14:40:00.123456\"");
    check("timestamptz", "2024-11-15 14:40:00+00", "\"2024-11-15 14:40:00.000000\"");
    check("timestamptz", "2024-11-15 14:40:00.12+00", "\"2024-11-15 14:40:00.120000\"");
    check("timestamptz", "0044-03-15 00:00:00+00 BC", "\"0044-03-15 00:00:00.000000 BC\"");
    check("timestamp", "12024-11-15 14:40:00.5", "\"12024-11-15 14:40:00.500000\"");
    check("timestamp", "infinity", "\"infinity\"");
    check("timestamptz", "-infinity", "\"-infinity\"");
    check("timestamp", "\\N", "null");
}

static void test_text(void **state)
{
    (void)state;
    check("text", "", "\"\"");
    check("text", "\\\\N", "\"\\\\N\""); /* the text \N, not NULL */
    check("text", "say \"hi\" and go on", "\"say \\\"hi\\\" and go on\"");
    check("text", "a\\tb\\nc\\rd\\be\\ff\\vg\\\\h", "\"a\\tb\\nc\\rd\\be\\ff\\u000bg\\\\h\"");
    check("text", "\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\"");
    check("text", "\xf0\x9f\x98\x80 \xc3\xa9", "\"\xf0\x9f\x98\x80 \xc3\xa9\"");
    /* COPY never writes these; they must not break the line all the same */
    check("text", "odd\\", "\"odd\\\\\"");
    check("text", "odd\\\"x", "\"odd\\\"x\"");
}

/* Control characters grow sixfold, and a field may be any size. */
static void test_worst_growth(void **state)
{
    (void)state;
    for (size_t size = 0; size < 70; size++) {
        CLEANUP(free) char *copy = mem_zalloc(size + 1, 1);
        CLEANUP_IN_PLACE(buf_release) struct buf wanted = {0};
        memset(copy, 1, size);
        buf_add_char(&wanted, '"');
        for (size_t i = 0; i < size; i++)
            buf_add_text(&wanted, "\\u0001");
        buf_add_char(&wanted, '"');
        check("text", copy, wanted.data);
        memset(copy, 'x', size);
        buf_clear(&wanted);
        buf_addf(&wanted, "\"%s\"", copy);
        check("text", copy, wanted.data);
    }
}

/* Any text survives escaping by COPY, this, and a JSON parser. */
static void test_round_trip(void **state)
{
    (void)state;
    struct record_column column = {
        .name = "odd \"name\"", .lake_name = "odd \"name\"", .type = "text"};
    CLEANUP(row_json_free) struct row_json *json = row_json_new(&column, 1);
    unsigned seed = 7;
    for (size_t round = 0; round < 2000; round++) {
        CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
        CLEANUP_IN_PLACE(buf_release) struct buf copy = {0};
        CLEANUP(json_doc_free) struct json_doc *doc = NULL;
        struct err err = {0};
        for (size_t i = 0; i < round % 40; i++) {
            seed = seed * 1103515245 + 12345;
            char c = (char)(1 + (seed >> 16) % 127);
            if ((seed >> 8) % 9 == 0)
                buf_add_text(&text, "\xc3\xa9");
            else
                buf_add_char(&text, c);
        }
        copy_escape(&copy, (struct span){buf_text(&text), text.size});
        struct span field = {buf_text(&copy), copy.size};
        CLEANUP(free) char *out = mem_alloc(row_json_limit(json, field.size));
        char *end = row_json_put(json, &field, out);
        assert_int_equal(json_parse("row", out, (size_t)(end - out), &doc, &err), ERR_OK);
        const char *back = json_opt_text(json_root(doc), "odd \"name\"", NULL);
        assert_non_null(back);
        assert_string_equal(back, buf_text(&text));

        CLEANUP_IN_PLACE(buf_release) struct buf plain = {0};
        copy_unescape(&plain, field);
        assert_string_equal(buf_text(&plain), buf_text(&text));
    }
}

static void test_several_columns(void **state)
{
    (void)state;
    struct record_column columns[] = {
        {.name = "id", .lake_name = "id", .type = "int4"},
        {.name = "a_rather_long_name_of_a_column",
         .lake_name = "a_rather_long_name_of_a_column",
         .type = "text"},
        {.name = "at", .lake_name = "at_2", .type = "timestamp"},
    };
    struct span fields[] = {{"17", 2}, {"\\N", 2}, {"2024-11-15 14:40:00", 19}};
    CLEANUP(row_json_free) struct row_json *json = row_json_new(columns, 3);
    CLEANUP(free) char *out = mem_alloc(row_json_limit(json, 23));
    char *end = row_json_put(json, fields, out);
    *end = '\0';
    assert_string_equal(out, "{\"id\":17,\"a_rather_long_name_of_a_column\":null,"
                             "\"at_2\":\"2024-11-15 14:40:00.000000\"}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),      cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_text),       cmocka_unit_test(test_worst_growth),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_several_columns),
    };
    return cmocka_run_group_tests_name("row_json", tests, NULL, NULL);
}
