/* A key read wrongly joins two rows into one; a content hash that misses a change loses it, one
 * that sees a change where none is writes the whole table again. */
#include <string.h>

#include "lib/unit.h"
#include "pipeline/copy_row.h"

static const int numbers[] = {1, 2, 4, 5};
static const size_t first_field[] = {0}, two_fields[] = {2, 1};

static struct row_layout layout_of(size_t columns)
{
    return (struct row_layout){.column_count = columns,
                               .numbers = numbers,
                               .form = KEY_INT8,
                               .key_fields = first_field,
                               .key_count = 1};
}

static struct source_row parse(struct row_parser *parser, const char *line)
{
    struct source_row row = {0};
    struct err err = {0};
    if (row_parse(parser, (struct span){line, strlen(line)}, &row, &err) != ERR_OK)
        fail_msg("%s", err.message);
    return row;
}

static uint64_t content(size_t columns, const char *line)
{
    struct row_layout layout = layout_of(columns);
    CLEANUP(row_parser_free) struct row_parser *parser = row_parser_new(&layout);
    return parse(parser, line).content;
}

static void test_fields(void **state)
{
    (void)state;
    struct row_layout layout = layout_of(3);
    CLEANUP(row_parser_free) struct row_parser *parser = row_parser_new(&layout);
    struct source_row row =
        parse(parser, "4294967295\t-9223372036854775808\t\tlonger than eight\n");
    assert_true(row.xmin == UINT32_MAX);
    assert_true(row.key.number == INT64_MIN);
    assert_int_equal(row.fields[1].size, 0);
    assert_int_equal(row.fields[2].size, strlen("longer than eight"));
    assert_memory_equal(row.fields[2].data, "longer than eight", row.fields[2].size);
}

static void test_wrong_lines(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "1\n",
                                        "1\t2\t3\n",
                                        "1\t2\t3\t4\t5\n",
                                        "x\t2\t3\t4\n",
                                        "1\tx\t3\t4\n",
                                        "1\t\t3\t4\n",
                                        "1\t-\t3\t4\n"};
    struct row_layout layout = layout_of(3);
    CLEANUP(row_parser_free) struct row_parser *parser = row_parser_new(&layout);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct source_row row;
        struct err err = {0};
        assert_int_equal(row_parse(parser, (struct span){wrong[i], strlen(wrong[i])}, &row, &err),
                         ERR_INTERNAL);
    }
}

static void test_content(void **state)
{
    (void)state;
    uint64_t one = content(2, "5\t1\ta\n");
    assert_true(one == content(2, "6\t1\ta\n"));      /* another xmin is no change */
    assert_true(one == content(3, "5\t1\ta\t\\N\n")); /* nor is a new column that is NULL */
    assert_true(one != content(3, "5\t1\ta\tb\n"));
    assert_true(one != content(3, "5\t1\ta\t\n")); /* '' is not NULL */
    assert_true(one != content(2, "5\t1\tb\n"));
    assert_true(content(3, "5\t1\ta\t\\N\n") != content(3, "5\t1\t\\N\ta\n")); /* moved */
    assert_true(content(4, "5\t1\t\\N\tx\t\\N\n") == content(3, "5\t1\t\\N\tx\n"));
    /* a backslash is not a NULL */
    assert_true(content(2, "5\t1\ta\\\\b\n") == content(3, "5\t1\ta\\\\b\t\\N\n"));
}

static void test_text_keys(void **state)
{
    (void)state;
    struct row_layout layout = {.column_count = 3,
                                .numbers = numbers,
                                .form = KEY_TEXT,
                                .key_fields = two_fields,
                                .key_count = 2};
    CLEANUP(row_parser_free) struct row_parser *parser = row_parser_new(&layout);
    struct source_row row = parse(parser, "5\tx\ta\\tb\tc\\\\\n");
    assert_int_equal(row.key.text.size, 6);
    assert_memory_equal(row.key.text.data, "c\\\0a\tb", 6);
    row = parse(parser, "5\tx\t\t\n"); /* two empty texts */
    assert_int_equal(row.key.text.size, 1);
}

/* Rows of a table without a key are counted when they are equal. */
static void test_keyless(void **state)
{
    (void)state;
    static const int made[] = {0, 1};
    struct row_layout layout = {.column_count = 2,
                                .numbers = made,
                                .form = KEY_TEXT,
                                .key_fields = first_field,
                                .key_count = 1,
                                .keyless = true};
    CLEANUP(row_parser_free) struct row_parser *parser = row_parser_new(&layout);
    static const char *const lines[] = {"0\t0cc175b9c0f1b6a831c399e269772661\ta\n",
                                        "0\t0cc175b9c0f1b6a831c399e269772661\ta\n",
                                        "0\t92eb5ffee6ae2fec3ad71c777531578f\tb\n"};
    static const char *const keys[] = {"0cc175b9c0f1b6a831c399e269772661",
                                       "0cc175b9c0f1b6a831c399e269772661:2",
                                       "92eb5ffee6ae2fec3ad71c777531578f"};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct source_row row = parse(parser, lines[i]);
        assert_int_equal(row.key.text.size, strlen(keys[i]));
        assert_memory_equal(row.key.text.data, keys[i], strlen(keys[i]));
        assert_int_equal(row.fields[0].size, strlen(keys[i])); /* is the column _key too */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),  cmocka_unit_test(test_wrong_lines),
        cmocka_unit_test(test_content), cmocka_unit_test(test_text_keys),
        cmocka_unit_test(test_keyless),
    };
    return cmocka_run_group_tests_name("copy_row", tests, NULL, NULL);
}
