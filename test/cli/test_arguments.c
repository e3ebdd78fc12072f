#include "base/log.h"
#include "base/text.h"
#include "cli/arguments.h"
#include "lib/unit.h"

enum {
    WORDS_MAX = 16
};

static struct arena *arena;
static char *words[WORDS_MAX + 1];

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(0);
    log_configure(LOG_OFF, LOG_TEXT);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* Splits at '|', into memory that may be overwritten, as argv may be. */
static enum err_code parse(const char *line, struct call *ret_call, struct err *err)
{
    int count = 0;

    words[count++] = arena_strdup(arena, "tote");
    while (*line) {
        size_t size = strcspn(line, "|");
        words[count++] = arena_strndup(arena, line, size);
        line += size + (line[size] == '|');
    }
    words[count] = NULL;
    *ret_call = (struct call){.arena = arena};
    return arguments_parse(count, words, ret_call, err);
}

static struct call parsed(const char *line)
{
    struct call call;
    struct err err = {0};

    if (parse(line, &call, &err))
        fail_msg("%s: %s", line, err.message);
    return call;
}

static void options_may_stand_anywhere(void **state)
{
    static const char *const lines[] = {
        "-C|dir|run|--every|5m|--json|--lake-part-size|2MiB",
        "run|--every=5m|-C|dir|--lake-part-size=2MiB|--json",
        "--json|--lake-part-size|2MiB|-C|dir|run|--every|5m",
    };
    (void)state;

    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct call call = parsed(lines[i]);
        assert_string_equal(call.command->name, "run");
        assert_string_equal(call.directory, "dir");
        assert_true(call.json);
        assert_false(call.quiet);
        assert_string_equal(call_value(&call, "--every"), "5m");
        assert_null(call_value(&call, "--full"));
        assert_int_equal(call.request.flag_count, 1);
        assert_int_equal(call.request.flags[0].option, OPTION_LAKE_PART_SIZE);
        assert_string_equal(call.request.flags[0].value, "2MiB");
    }
}

static void a_value_may_be_left_out_where_that_has_a_meaning(void **state)
{
    (void)state;
    struct call call = parsed("run|--every|--json");
    assert_string_equal(call_value(&call, "--every"), "");
    assert_true(call.json);
    call = parsed("run|--every");
    assert_string_equal(call_value(&call, "--every"), "");
}

static void the_last_of_equal_flags_counts(void **state)
{
    (void)state;
    struct call call = parsed("config|--models|a|--models=b");
    assert_int_equal(call.request.flag_count, 1);
    assert_string_equal(call.request.flags[0].value, "b");
}

static void short_names_are_known(void **state)
{
    (void)state;
    struct call call = parsed("-q|-v|-h");
    assert_true(call.quiet && call.verbose && call.help);
    call = parsed("-V");
    assert_true(call.version);
}

static void words_after_two_dashes_are_arguments(void **state)
{
    (void)state;
    struct call call = parsed("query|--|--not an option");
    assert_string_equal(call.arguments[0], "--not an option");
    call = parsed("query|select 1 -- x");
    assert_string_equal(call.arguments[0], "select 1 -- x");
}

static void mistakes_say_what_was_meant(void **state)
{
    static const struct {
        const char *line, *message, *hint;
    } cases[] = {
        {"", "no command", "`tote help`"},
        {"rnu", "unknown command 'rnu'", "did you mean 'run'?"},
        {"xyzzyx", "unknown command 'xyzzyx'", "`tote help`"},
        {"run|--evry", "unknown option '--evry'", "did you mean '--every'?"},
        {"run|--source-ulr|x", "unknown option '--source-ulr'", "did you mean '--source-url'?"},
        {"run|-x", "unknown option '-x'", ""},
        {"--frobnicate-it", "unknown option '--frobnicate-it'", "`tote help`"},
        {"status|--every|5m", "unknown option '--every'", ""},
        {"version|--models|x", "unknown option '--models'", ""},
        {"run|now", "'run' takes no argument 'now'", "`tote help run`"},
        {"query", "'query' needs an argument: SQL", "`tote help query`"},
        {"query|a|b", "'query' takes no argument 'b'", ""},
        {"run|--json=yes", "option '--json' takes no value", ""},
        {"run|--models", "option '--models' needs a value", "--models DIR"},
        {"-C", "option '-C' needs a value", "-C DIR"},
        {"-C|a|-C|b|run", "'-C' comes twice", ""},
    };
    (void)state;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct call call;
        struct err err = {0};
        assert_int_equal(parse(cases[i].line, &call, &err), ERR_USAGE);
        if (!text_equal(err.message, cases[i].message) || !text_starts(err.hint, cases[i].hint))
            fail_msg("'%s': '%s' hint '%s'", cases[i].line, err.message, err.hint);
    }
}

/* `ps` shows argv to everybody on the machine. */
static void passwords_leave_the_process_list(void **state)
{
    static const char *const lines[] = {
        "run|--source-url|postgresql://u:argv-secret@h/d",
        "run|--warehouse-url=host=h password=argv-secret",
        "init|--source=postgresql://h/d?password=argv-secret",
        "init|--warehouse|postgresql://u:argv-secret@h/d",
    };
    (void)state;

    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct call call = parsed(lines[i]);
        for (char **word = words; *word; word++)
            assert_null(strstr(*word, "argv-secret"));
        const char *kept = call.request.flag_count         ? call.request.flags[0].value
                           : call_value(&call, "--source") ? call_value(&call, "--source")
                                                           : call_value(&call, "--warehouse");
        assert_non_null(strstr(kept, "argv-secret"));
    }
    /* Nothing to hide: what ps shows stays useful. */
    (void)parsed("init|--source|postgresql://u@h/d");
    assert_string_equal(words[3], "postgresql://u@h/d");
}

static void every_command_has_what_help_prints(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_count; i++) {
        size_t options = 0;
        for (const struct command_option *o = commands[i].options; o && o->name; o++)
            options++;
        assert_true(options <= COMMAND_OPTIONS_MAX);
        assert_true(commands[i].arguments_most <= COMMAND_ARGUMENTS_MAX);
        assert_true(commands[i].arguments_least <= commands[i].arguments_most);
        assert_non_null(commands[i].run);
        assert_ptr_equal(command_find(commands[i].name), &commands[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_may_stand_anywhere),
        cmocka_unit_test(a_value_may_be_left_out_where_that_has_a_meaning),
        cmocka_unit_test(the_last_of_equal_flags_counts),
        cmocka_unit_test(short_names_are_known),
        cmocka_unit_test(words_after_two_dashes_are_arguments),
        cmocka_unit_test(mistakes_say_what_was_meant),
        cmocka_unit_test(passwords_leave_the_process_list),
        cmocka_unit_test(every_command_has_what_help_prints),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
