#include "base/text.h"
#include "config/dotenv.h"
#include "lib/unit.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static const struct dotenv *parsed(const char *text)
{
    struct dotenv *dotenv = NULL;
    struct err err = {0};

    assert_int_equal(dotenv_parse(".env", text, arena, &dotenv, &err), ERR_OK);
    return dotenv;
}

static void every_form_is_read(void **state)
{
    const struct dotenv *dotenv = parsed("# comment\n"
                                         "\n"
                                         "PLAIN=a b#c  # said so\r\n"
                                         "  export SINGLE='a \"b\" $c \\n'  # more\n"
                                         "DOUBLE=\"a \\\"b\\\" \\\\ \\$ \\n\\tx\"\n"
                                         "EMPTY=\n"
                                         "AGAIN=1\nAGAIN=2\n"
                                         "URL=postgresql://u:p@h/d?x=y&z='q'\n"
                                         "LAST=end");
    (void)state;

    assert_string_equal(dotenv_get(dotenv, "PLAIN"), "a b#c");
    assert_string_equal(dotenv_get(dotenv, "SINGLE"), "a \"b\" $c \\n");
    assert_string_equal(dotenv_get(dotenv, "DOUBLE"), "a \"b\" \\ $ \n\tx");
    assert_string_equal(dotenv_get(dotenv, "EMPTY"), "");
    assert_string_equal(dotenv_get(dotenv, "AGAIN"), "2");
    assert_string_equal(dotenv_get(dotenv, "URL"), "postgresql://u:p@h/d?x=y&z='q'");
    assert_string_equal(dotenv_get(dotenv, "LAST"), "end");
    assert_null(dotenv_get(dotenv, "NONE"));
    assert_null(dotenv_get(NULL, "NONE"));
}

/* The message must not repeat the line: it may hold a password. */
static void damage_is_located_and_not_repeated(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } bad[] = {
        {"A=1\nhush-hush\n", ".env:2: expected NAME=VALUE"},
        {"A = hush\n", ".env:1: expected NAME=VALUE"},
        {"1A=hush\n", ".env:1: expected NAME=VALUE"},
        {"A='hush\n", ".env:1: the quote of 'A' does not end"},
        {"\n\nA=\"hush\\", ".env:3: the quote of 'A' does not end"},
        {"A='hush' hush\n", ".env:1: text after the quoted value of 'A'"},
    };
    (void)state;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct dotenv *dotenv = NULL;
        struct err err = {0};
        assert_int_equal(dotenv_parse(".env", bad[i].text, arena, &dotenv, &err), ERR_CONFIG);
        assert_string_equal(err.message, bad[i].message);
        assert_null(strstr(err.hint, "hush"));
    }
}

static void references_are_replaced(void **state)
{
    const struct dotenv *dotenv = parsed("WHO=env file\nTWICE=${WHO}\n");
    const char *text;
    struct err err = {0};
    (void)state;

    assert_int_equal(setenv("TOTE_UNIT_WHO", "environment", 1), 0);
    assert_int_equal(dotenv_expand(dotenv, "<${WHO}|${TOTE_UNIT_WHO}>", arena, &text, &err),
                     ERR_OK);
    assert_string_equal(text, "<env file|environment>");
    assert_int_equal(setenv("WHO", "environment first", 1), 0);
    assert_int_equal(dotenv_expand(dotenv, "${WHO}", arena, &text, &err), ERR_OK);
    assert_string_equal(text, "environment first");
    assert_int_equal(unsetenv("WHO"), 0);
    /* Once: what a variable holds is not looked at again. */
    assert_int_equal(dotenv_expand(dotenv, "${TWICE}$$${WHO} $x $", arena, &text, &err), ERR_OK);
    assert_string_equal(text, "${WHO}$env file $x $");
}

static void undefined_references_are_named(void **state)
{
    const char *text;
    struct err err = {0};
    (void)state;

    assert_int_equal(dotenv_expand(NULL, "a${TOTE_UNIT_NONE}", arena, &text, &err), ERR_CONFIG);
    assert_string_equal(err.message, "variable 'TOTE_UNIT_NONE' is not defined");
    assert_int_equal(dotenv_expand(NULL, "${", arena, &text, &err), ERR_CONFIG);
    assert_int_equal(dotenv_expand(NULL, "${A B}", arena, &text, &err), ERR_CONFIG);
    assert_int_equal(dotenv_expand(NULL, "${}", arena, &text, &err), ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_read),
        cmocka_unit_test(damage_is_located_and_not_repeated),
        cmocka_unit_test(references_are_replaced),
        cmocka_unit_test(undefined_references_are_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
