/* Records and events come from outside: they must be read exactly or refused by name. */
#include "base/buf.h"
#include "base/json_read.h"
#include "base/text.h"
#include "lib/unit.h"

static struct json_doc *parse(const char *text)
{
    struct json_doc *doc = NULL;
    struct err err = {0};

    if (json_parse("record 'r'", text, strlen(text), &doc, &err))
        fail_msg("%s", err.message);
    return doc;
}

static void members_are_read_by_kind(void **state)
{
    CLEANUP(json_doc_free)
    struct json_doc *doc = parse("{\"t\":\"x\",\"i\":-9223372036854775808,\"b\":true,\"o\":{\"k\":"
                                 "1},\"a\":[\"p\",null],\"n\":null}");
    const struct json_value *root = json_root(doc), *value = NULL;
    const char *text = NULL;
    int64_t number = 0;
    bool flag = false;
    struct err err;
    (void)state;

    assert_int_equal(json_get_text(root, "t", &text, &err), ERR_OK);
    assert_string_equal(text, "x");
    assert_int_equal(json_get_int(root, "i", &number, &err), ERR_OK);
    assert_true(number == INT64_MIN);
    assert_int_equal(json_get_bool(root, "b", &flag, &err), ERR_OK);
    assert_true(flag);
    assert_int_equal(json_get_object(root, "o", &value, &err), ERR_OK);
    assert_int_equal(json_opt_int(value, "k", 0), 1);
    assert_int_equal(json_get_array(root, "a", &value, &err), ERR_OK);
    assert_int_equal(json_array_count(value), 2);
    assert_string_equal(json_as_text(json_array_at(value, 0)), "p");
    assert_null(json_as_text(json_array_at(value, 1)));
    assert_string_equal(json_opt_text(root, "n", "otherwise"), "otherwise");
    assert_string_equal(json_opt_text(root, "absent", "otherwise"), "otherwise");
    assert_true(json_opt_bool(root, "t", true));
    assert_null(json_opt(root, "absent"));
    assert_int_equal(json_array_count(NULL), 0);
}

static void members_come_in_the_order_of_the_document(void **state)
{
    CLEANUP(json_doc_free) struct json_doc *doc = parse("{\"z\":\"1\",\"a\":\"2\",\"m\":\"3\"}");
    const struct json_value *value = NULL;
    char seen[16] = "";
    const char *name;
    (void)state;

    for (size_t i = 0; (name = json_member(json_root(doc), i, &value)); i++) {
        (void)strncat(seen, name, 1);
        (void)strncat(seen, json_as_text(value), 1);
    }
    assert_string_equal(seen, "z1a2m3");
}

static void errors_name_document_and_path(void **state)
{
    CLEANUP(json_doc_free)
    struct json_doc *doc = parse("{\"tables\":[{},{\"objects\":[{\"bytes\":1.5}]}]}");
    const struct json_value *tables = NULL, *objects = NULL;
    int64_t number = 7;
    struct err err;
    (void)state;

    assert_int_equal(json_get_array(json_root(doc), "tables", &tables, &err), ERR_OK);
    assert_int_equal(json_get_array(json_array_at(tables, 1), "objects", &objects, &err), ERR_OK);
    assert_int_equal(json_get_int(json_array_at(objects, 0), "bytes", &number, &err), ERR_DATA);
    assert_string_equal(err.message, "record 'r': 'tables[1].objects[0].bytes' is a number with a "
                                     "fraction or exponent, not an integer");
    assert_int_equal(json_get_int(json_array_at(tables, 0), "rows", &number, &err), ERR_DATA);
    assert_string_equal(err.message, "record 'r': 'tables[0].rows' is missing");
    assert_int_equal(number, 7);
}

static void damaged_documents_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "{}x",
        "{\"a\":1,\"a\":2}",
        "{\"a\":99999999999999999999}",
        "\"text\"",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":01}",
        "{\"a\":NaN}",
        "[1,]",
    };
    (void)state;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct json_doc *doc = NULL;
        struct err err;
        assert_int_equal(json_parse("event", bad[i], strlen(bad[i]), &doc, &err), ERR_DATA);
        assert_null(doc);
        assert_true(text_starts(err.message, "event: line "));
    }
}

static void hostile_sizes_are_refused(void **state)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    struct json_doc *doc = NULL;
    struct err err;
    (void)state;

    for (int i = 0; i < 100000; i++)
        buf_add_char(&text, '[');
    assert_int_equal(json_parse("event", text.data, text.size, &doc, &err), ERR_DATA);
    buf_clear(&text);
    buf_add_char(&text, '[');
    for (int i = 0; i < 3000000; i++)
        buf_add_text(&text, "1,");
    buf_add_text(&text, "1]");
    assert_int_equal(json_parse("event", text.data, text.size, &doc, &err), ERR_DATA);
    assert_non_null(strstr(err.message, "values"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_read_by_kind),
        cmocka_unit_test(members_come_in_the_order_of_the_document),
        cmocka_unit_test(errors_name_document_and_path),
        cmocka_unit_test(damaged_documents_are_refused),
        cmocka_unit_test(hostile_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
