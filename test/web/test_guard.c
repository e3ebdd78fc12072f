/* If these fail, somebody reads a company's figures who was never let in, or nobody can. */
#include <string.h>

#include "base/file.h"
#include "lib/unit.h"
#include "web/guard.h"

struct fixture {
    struct work_dir *work;
    struct config *config;
};

static int set_up(void **state)
{
    struct fixture *fixture = mem_zalloc(1, sizeof *fixture);
    struct err err;

    *state = fixture;
    return work_dir_open(NULL, &fixture->work, &err) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    config_free(fixture->config);
    work_dir_close(fixture->work);
    free(fixture);
    return 0;
}

/* A configuration with just these lines. */
static enum err_code guard_of(struct fixture *fixture, const char *yaml, struct guard *ret_guard,
                              struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    const char *path = arena_printf(arena, "%s/tote.yaml", work_dir_path(fixture->work));
    const struct config_request request = {.file = path};

    assert_int_equal(file_write_atomic(path, yaml, strlen(yaml), 0600, err), ERR_OK);
    config_free(fixture->config);
    fixture->config = NULL;
    assert_int_equal(config_load(&request, &fixture->config, err), ERR_OK);
    return guard_init(fixture->config, NULL, ret_guard, err);
}

static void only_this_machine_needs_no_token(void **state)
{
    static const struct {
        const char *listen;
        enum err_code code;
    } cases[] = {
        {"127.0.0.1:0", ERR_OK},    {"127.8.8.8:80", ERR_OK},       {"\"[::1]:8080\"", ERR_OK},
        {"0.0.0.0:0", ERR_CONFIG},  {"\":8080\"", ERR_CONFIG},      {"192.0.2.1:80", ERR_CONFIG},
        {"127.0.0.1", ERR_CONFIG},  {"127.0.0.1:http", ERR_CONFIG}, {"127.0.0.1:65536", ERR_CONFIG},
        {"\"::1:80\"", ERR_CONFIG}, {"127.0.0.1:-1", ERR_CONFIG},
    };
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct guard guard;
    struct err err;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *yaml = arena_printf(arena, "serve:\n  listen: %s\n", cases[i].listen);
        if (guard_of(*state, yaml, &guard, &err) != cases[i].code)
            fail_msg("'%s' was taken wrongly", cases[i].listen);
    }
    const char *open = "serve:\n  listen: 0.0.0.0:0\n  token: 0123456789abcdef\n";
    assert_int_equal(guard_of(*state, open, &guard, &err), ERR_OK);
    open = "serve:\n  listen: 0.0.0.0:0\n  trusted_header: X-User\n";
    assert_int_equal(guard_of(*state, open, &guard, &err), ERR_OK);
}

static void a_token_is_all_or_nothing(void **state)
{
    struct guard guard;
    struct err err;
    const char *yaml = "serve:\n  token: 0123456789abcdef\n";

    assert_int_equal(guard_of(*state, yaml, &guard, &err), ERR_OK);
    static const char *const wrong[] = {"",
                                        "Bearer",
                                        "Bearer ",
                                        "Bearer 0123456789abcde",
                                        "Bearer 0123456789abcdef ",
                                        "Bearer 0123456789abcdefg",
                                        "Basic 0123456789abcdef",
                                        "0123456789abcdef"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_false(guard_lets_in(&guard, &(struct guard_papers){.authorization = wrong[i]}));
    assert_true(
        guard_lets_in(&guard, &(struct guard_papers){.authorization = "Bearer 0123456789abcdef"}));
    assert_true(
        guard_lets_in(&guard, &(struct guard_papers){.authorization = "bearer 0123456789abcdef"}));
    assert_true(guard_lets_in(&guard, &(struct guard_papers){.cookie = guard.cookie}));
    assert_false(guard_lets_in(&guard, &(struct guard_papers){.cookie = "0123456789abcdef"}));
    assert_false(guard_lets_in(&guard, &(struct guard_papers){.trusted_header = "ada"}));
    assert_false(guard_lets_in(&guard, &(struct guard_papers){0}));
    yaml = "serve:\n  token: \"0123456789 abcdef\"\n";
    assert_int_equal(guard_of(*state, yaml, &guard, &err), ERR_CONFIG);
}

static void another_name_is_not_answered(void **state)
{
    struct guard guard;
    struct err err;

    assert_int_equal(guard_of(*state, "serve:\n  listen: 127.0.0.1:0\n", &guard, &err), ERR_OK);
    static const char *const known[] = {"localhost", "LocalHost:8080", "127.0.0.1:1", "[::1]",
                                        "[::1]:8080"};
    static const char *const unknown[] = {"",       "evil.example", "localhost.evil.example",
                                          "[::1",   ":8080",        "127.0.0.1.evil.example",
                                          "[::1]x", "[::2]"};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (!guard_knows_host(&guard, known[i]))
            fail_msg("'%s' is not known", known[i]);
    for (size_t i = 0; i < COUNT_OF(unknown); i++)
        if (guard_knows_host(&guard, unknown[i]))
            fail_msg("'%s' is known", unknown[i]);
    assert_false(guard_knows_host(&guard, NULL));
    const char *yaml = "serve:\n  hosts: [totes.example]\n";
    assert_int_equal(guard_of(*state, yaml, &guard, &err), ERR_OK);
    assert_true(guard_knows_host(&guard, "totes.example:443"));
    assert_false(guard_knows_host(&guard, "localhost"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_this_machine_needs_no_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_token_is_all_or_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_name_is_not_answered, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
