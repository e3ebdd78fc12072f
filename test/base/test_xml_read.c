/* The answers of S3 come over a network: what is not what was asked for must not be taken for it.
 */
#include <string.h>

#include "base/buf.h"
#include "base/xml_read.h"
#include "lib/unit.h"

static enum err_code note(void *arg, const char *path, const char *text, struct err *err)
{
    if (strcmp(text, "stop") == 0)
        return err_set(err, ERR_CONFLICT, "stopped");
    buf_addf(arg, "%s=%s\n", path, text);
    return ERR_OK;
}

static enum err_code parse(const char *text, struct buf *seen, struct err *err)
{
    buf_clear(seen);
    return xml_parse("it", text, strlen(text), note, seen, err);
}

static void elements_are_told_with_their_path_and_text(void **state)
{
    CLEANUP_IN_PLACE(buf_release) struct buf seen = {0};
    struct err err;
    (void)state;

    assert_int_equal(parse("<?xml version=\"1.0\"?><r xmlns=\"u:x\"><n:a i=\"1\">x &amp; "
                           "&#x263a;</n:a><b><c/></b><b>y</b></r>",
                           &seen, &err),
                     ERR_OK);
    assert_string_equal(buf_text(&seen), "r/a=x & \xe2\x98\xba\nr/b/c=\nr/b=\nr/b=y\nr=\n");
}

static void what_is_not_xml_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "text",
                                      "<a>",
                                      "<a></b>",
                                      "<a/><b/>",
                                      "<a>&undefined;</a>",
                                      "<a>\xff</a>",
                                      "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
                                      "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>"};
    CLEANUP_IN_PLACE(buf_release) struct buf seen = {0};
    struct err err;
    (void)state;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(parse(bad[i], &seen, &err), ERR_DATA);
        assert_non_null(strstr(err.message, "it: not "));
    }
}

static void depth_and_length_have_limits(void **state)
{
    CLEANUP_IN_PLACE(buf_release) struct buf seen = {0}, deep = {0}, wide = {0};
    struct err err;
    (void)state;

    for (int i = 0; i <= XML_DEPTH_MAX; i++)
        buf_add_text(&deep, "<a>");
    assert_int_equal(parse(deep.data, &seen, &err), ERR_DATA);
    assert_non_null(strstr(err.message, "too deeply"));
    buf_add_text(&wide, "<a>");
    for (int i = 0; i <= XML_TEXT_LIMIT_BYTES / 8; i++)
        buf_add_text(&wide, "12345678");
    buf_add_text(&wide, "</a>");
    assert_int_equal(parse(wide.data, &seen, &err), ERR_DATA);
    assert_non_null(strstr(err.message, "too long"));
}

static void the_caller_may_stop(void **state)
{
    CLEANUP_IN_PLACE(buf_release) struct buf seen = {0};
    struct err err;
    (void)state;

    assert_int_equal(parse("<r><a>1</a><a>stop</a><a>3</a></r>", &seen, &err), ERR_CONFLICT);
    assert_string_equal(buf_text(&seen), "r/a=1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_are_told_with_their_path_and_text),
        cmocka_unit_test(what_is_not_xml_is_refused),
        cmocka_unit_test(depth_and_length_have_limits),
        cmocka_unit_test(the_caller_may_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
