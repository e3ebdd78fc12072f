#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "config/config.h"
#include "lib/unit.h"

static struct work_dir *folder;
static struct arena *arena;

static int set_up(void **state)
{
    struct err err;
    (void)state;

    arena = arena_new(0);
    return work_dir_open(NULL, &folder, &err) || chdir(work_dir_path(folder));
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    if (chdir("/"))
        return 1;
    work_dir_close(folder);
    return 0;
}

static void put(const char *path, const char *text)
{
    struct err err;

    assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, &err), ERR_OK);
}

static const char *inside(const char *name)
{
    return arena_printf(arena, "%s/%s", work_dir_path(folder), name);
}

static struct config *load(void)
{
    const struct config_request request = {0};
    struct config *config = NULL;
    struct err err = {0};

    enum err_code code = config_load(&request, &config, &err);
    if (code)
        print_error("%s\n", err.message);
    assert_int_equal(code, ERR_OK);
    return config;
}

static struct err load_fails(const char *yaml, enum err_code code)
{
    const struct config_request request = {0};
    struct config *config = NULL;
    struct err err = {0};

    put("tote.yaml", yaml);
    assert_int_equal(config_load(&request, &config, &err), code);
    assert_null(config);
    return err;
}

static const char whole[] = "# a comment\n"
                            "source:\n"
                            "  url: ${UNIT_URL}\n"
                            "  exclude: [_prisma_migrations, 'other.*']\n"
                            "  connections: 4\n"
                            "lake: {ingestion: ./lake/ingestion, processed: /var/lake}\n"
                            "warehouse:\n"
                            "  url: duckdb:./w.duckdb\n"
                            "models: ../models\n"
                            "tables:\n"
                            "  staff:\n"
                            "    hash_columns: [email_address]\n"
                            "    compare_every: 1d\n"
                            "  other.t: {cursor: id, exclude_columns: [a, b]}\n";

static void a_whole_file_is_read(void **state)
{
    size_t count;
    (void)state;

    put("tote.yaml", whole);
    put(".env", "UNIT_URL='postgresql://u:unit-secret@h/d'\n");
    CLEANUP(config_free) struct config *config = load();
    assert_string_equal(config_text(config, OPTION_SOURCE_URL), "postgresql://u:unit-secret@h/d");
    assert_string_equal(config_list(config, OPTION_SOURCE_EXCLUDE)[0], "_prisma_migrations");
    assert_string_equal(config_list(config, OPTION_SOURCE_EXCLUDE)[1], "other.*");
    assert_null(config_list(config, OPTION_SOURCE_EXCLUDE)[2]);
    assert_null(config_list(config, OPTION_SOURCE_INCLUDE));
    assert_int_equal(config_number(config, OPTION_SOURCE_CONNECTIONS), 4);
    assert_string_equal(config_text(config, OPTION_LAKE_INGESTION), inside("lake/ingestion"));
    assert_string_equal(config_text(config, OPTION_LAKE_PROCESSED), "/var/lake");
    assert_string_equal(config_text(config, OPTION_WAREHOUSE_URL),
                        arena_printf(arena, "duckdb:%s", inside("w.duckdb")));
    assert_true(text_ends(config_text(config, OPTION_MODELS), "/models"));
    assert_null(strstr(config_text(config, OPTION_MODELS), ".."));
    assert_true(config_number(config, OPTION_SCHEDULE_HEARTBEAT) == INT64_C(900000000));
    const struct config_table *tables = config_tables(config, &count);
    assert_int_equal(count, 2);
    assert_string_equal(tables[0].name, "staff");
    assert_string_equal(tables[0].hash_columns[0], "email_address");
    assert_true(tables[0].compare_every_us == INT64_C(86400000000));
    assert_string_equal(tables[1].name, "other.t");
    assert_string_equal(tables[1].cursor, "id");
    assert_string_equal(tables[1].exclude_columns[1], "b");
    assert_true(tables[1].compare_every_us == -1);
}

static void the_effective_configuration_hides_passwords(void **state)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0}, json = {0};
    struct json_writer writer;
    (void)state;

    put("tote.yaml", whole);
    put(".env", "UNIT_URL='postgresql://u:unit-secret@h/d'\nTOTE_MODELS=elsewhere\n");
    CLEANUP(config_free) struct config *config = load();
    config_print(config, &text);
    json_begin(&writer, &json, false);
    json_object_begin(&writer, NULL);
    config_print_json(config, &writer);
    json_object_end(&writer);
    assert_null(strstr(buf_text(&text), "unit-secret"));
    assert_null(strstr(buf_text(&json), "unit-secret"));
    assert_non_null(strstr(buf_text(&text), "postgresql://u:***@h/d"));
    assert_non_null(strstr(buf_text(&text), "tote.yaml:3"));
    assert_non_null(strstr(buf_text(&text), "tables.staff.hash_columns = email_address"));
    assert_non_null(strstr(buf_text(&json), "\"origin\":\".env\""));
    assert_non_null(strstr(buf_text(&json), "\"cursor\":\"id\""));
}

static void the_nearest_place_wins(void **state)
{
    const struct config_flag flags[] = {{OPTION_SOURCE_CONNECTIONS, "8"}};
    struct config_request request = {0};
    struct config *config;
    struct err err;
    (void)state;

    static const struct {
        const char *yaml, *dotenv, *environment;
        bool flag;
        int64_t number;
        enum config_origin origin;
    } cases[] = {
        {"", "", NULL, false, 2, CONFIG_DEFAULT},
        {"source: {connections: 3}", "", NULL, false, 3, CONFIG_FILE},
        {"source: {connections: 3}", "TOTE_SOURCE_CONNECTIONS=4", NULL, false, 4, CONFIG_DOTENV},
        {"source: {connections: 3}", "TOTE_SOURCE_CONNECTIONS=4", "5", false, 5,
         CONFIG_ENVIRONMENT},
        {"source: {connections: 3}", "TOTE_SOURCE_CONNECTIONS=4", "", false, 4, CONFIG_DOTENV},
        {"source: {connections: 3}", "TOTE_SOURCE_CONNECTIONS=4", "5", true, 8, CONFIG_FLAG},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        put("tote.yaml",
            arena_printf(arena, "%s\nlake: {ingestion: a, processed: b}\n", cases[i].yaml));
        put(".env", cases[i].dotenv);
        assert_int_equal(cases[i].environment
                             ? setenv("TOTE_SOURCE_CONNECTIONS", cases[i].environment, 1)
                             : unsetenv("TOTE_SOURCE_CONNECTIONS"),
                         0);
        request.flags = flags;
        request.flag_count = cases[i].flag;
        assert_int_equal(config_load(&request, &config, &err), ERR_OK);
        assert_int_equal(config_number(config, OPTION_SOURCE_CONNECTIONS), cases[i].number);
        assert_int_equal(config_origin(config, OPTION_SOURCE_CONNECTIONS), cases[i].origin);
        config_free(config);
    }
    assert_int_equal(unsetenv("TOTE_SOURCE_CONNECTIONS"), 0);
}

static void mistakes_are_located(void **state)
{
    static const struct {
        const char *yaml;
        const char *message;
        const char *hint;
    } cases[] = {
        {"sorce:\n  url: x\n", "tote.yaml:1:1: unknown key 'sorce'", "did you mean 'source'?"},
        {"source:\n  url: x\n    exclude: y\n", "tote.yaml:3:", ""},
        {"source:\n  url: x\n  exlude: [y]\n", "tote.yaml:3:3: unknown key 'exlude'",
         "did you mean 'exclude'?"},
        {"source: x\n", "tote.yaml:1:1: 'source' must be a mapping", ""},
        {"source:\n  url: [x]\n", "tote.yaml:2:3: 'source.url' must be one value", ""},
        {"source:\n  url: {a: x}\n", "tote.yaml:2:3: 'source.url' must be one value", ""},
        {"source:\n  url:\n", "tote.yaml:2:3: 'source.url' has no value", ""},
        {"source:\n  exclude: y\n", "tote.yaml:2:3: 'source.exclude' must be a list", ""},
        {"source:\n  exclude: [y, [z]]\n", "tote.yaml:2:16: a list holds plain values only", ""},
        {"source:\n  exclude: [y, {z: 1}]\n", "tote.yaml:2:16: a list holds plain values only", ""},
        {"source:\n  exclude: [y, ]\n  exclude: []\n", "tote.yaml:3:3: key 'exclude' comes twice",
         ""},
        {"models: a\nlake: {}\nmodels: b\n", "tote.yaml:3:1: key 'models' comes twice", ""},
        {"models: a\nlake: {}\nlake: {}\n", "tote.yaml:3:1: key 'lake' comes twice", ""},
        {"models: &x a\n", "tote.yaml:1:9: anchors ('&name') are not supported", ""},
        {"models: *x\n", "tote.yaml:1:9: aliases ('*name') are not supported", ""},
        {"models: !!str a\n", "tote.yaml:1:9: tags ('!name') are not supported", ""},
        {"- a\n", "tote.yaml:1:1: the file must be a mapping", ""},
        {"a\n", "tote.yaml:1:1: the file must be a mapping", ""},
        {"? [a]\n: b\n", "tote.yaml:1:3: a key must be plain text", ""},
        {"? {a: b}\n: b\n", "tote.yaml:1:3: a key must be plain text", ""},
        {"models: a\n---\nmodels: b\n", "tote.yaml:2:1: the file must hold one document", ""},
        {"models: \"a\\0b\"\n", "tote.yaml:1:9: a value must not hold a zero byte", ""},
        {"models: \"a\n", "tote.yaml:2:1: found unexpected end of stream", ""},
        {"source:\n  connections: 99\n",
         "tote.yaml:2:16: 'source.connections': '99' is not between", ""},
        {"source:\n  lock_timeout: soon\n",
         "tote.yaml:2:17: 'source.lock_timeout': 'soon' is not a",
         "write a whole number and a unit"},
        {"models: ${UNIT_NONE}\n", "tote.yaml:1:9: 'models': variable 'UNIT_NONE' is not defined",
         ""},
        {"lake:\n  region: secret:x\n",
         "tote.yaml:2:11: 'lake.region': a reference to a secret manager is not possible", ""},
        {"tables:\n  t:\n    exclude: [a]\n", "tote.yaml:3:5: unknown key 'exclude'", ""},
        {"tables:\n  t: x\n", "tote.yaml:2:3: 't' must be a mapping", ""},
        {"tables: x\n", "tote.yaml:1:1: 'tables' must be a mapping", ""},
        {"tables:\n  t:\n    cursor: [x]\n", "tote.yaml:3:5: 'tables.t.cursor' must be one value",
         ""},
        {"tables:\n  t:\n    cursor: {a: {b: {c: d}}}\n",
         "tote.yaml:3:5: 'tables.t.cursor' must be one value", ""},
        {"tables:\n  t: {exclude_columns: [a], hash_columns: [a]}\n",
         "'tables.t': column 'a' is both excluded and hashed", ""},
        {"tables:\n  t:\n    compare_every: x\n",
         "tote.yaml:3:20: 'tables.t.compare_every': 'x' is not", ""},
        {"lake: {ingestion: ./a/../b, processed: b}\n",
         "'lake.ingestion' and 'lake.processed' are the same folder", "give each its own"},
    };
    (void)state;

    put(".env", "");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = load_fails(cases[i].yaml, ERR_CONFIG);
        if (!text_starts(err.message, cases[i].message) || !text_starts(err.hint, cases[i].hint))
            fail_msg("case %zu: '%s' hint '%s'", i, err.message, err.hint);
    }
}

static void nothing_but_comments_is_a_file(void **state)
{
    static const char *const empties[] = {"", "# nothing\n", "---\n", "source:\nlake:\ntables:\n",
                                          "source: {}\n"};
    (void)state;

    put(".env", "");
    for (size_t i = 0; i < COUNT_OF(empties); i++) {
        struct err err;
        put("tote.yaml", empties[i]);
        CLEANUP(config_free) struct config *config = load();
        assert_int_equal(config_require(config, OPTION_SOURCE_URL, &err), ERR_CONFIG);
        assert_string_equal(err.message, "'source.url' is not set");
        assert_non_null(strstr(err.hint, "--source-url"));
        assert_non_null(strstr(err.hint, "TOTE_SOURCE_URL"));
    }
}

static void a_missing_file_is_said(void **state)
{
    struct config_request request = {0};
    struct config *config = NULL;
    struct err err;
    (void)state;

    assert_true(unlink("tote.yaml") == 0 || !file_exists("tote.yaml"));
    assert_int_equal(config_load(&request, &config, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.hint, "tote init"));
    request.file = "elsewhere.yaml";
    assert_int_equal(config_load(&request, &config, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "elsewhere.yaml"));

    /* In a container everything may come by environment. */
    const struct config_flag flags[] = {{OPTION_LAKE_INGESTION, "a"}, {OPTION_LAKE_PROCESSED, "b"}};
    request = (struct config_request){.flags = flags, .flag_count = 2};
    assert_int_equal(config_load(&request, &config, &err), ERR_OK);
    assert_string_equal(config_text(config, OPTION_LAKE_INGESTION), inside("a"));
    assert_null(config_file(config));
    config_free(config);
}

static void another_file_may_be_named(void **state)
{
    struct config_request request = {.file = "sub/other.yaml"};
    struct config *config = NULL;
    struct err err;
    (void)state;

    assert_int_equal(file_make_dirs("sub", &err), ERR_OK);
    put("sub/other.yaml", "lake: {ingestion: a, processed: b}\nmodels: ${WHERE}\n");
    put("sub/.env", "WHERE=here\n");
    assert_int_equal(config_load(&request, &config, &err), ERR_OK);
    assert_string_equal(config_text(config, OPTION_LAKE_INGESTION), inside("sub/a"));
    assert_string_equal(config_text(config, OPTION_MODELS), inside("sub/here"));
    config_free(config);
}

static void bad_variables_are_named(void **state)
{
    struct config_request request = {0};
    struct config *config = NULL;
    struct err err;
    (void)state;

    put("tote.yaml", "lake: {ingestion: a, processed: b}\n");
    put(".env", "TOTE_PROCESS_MEMORY=lots\n");
    assert_int_equal(config_load(&request, &config, &err), ERR_CONFIG);
    assert_true(text_starts(err.message, ".env: 'TOTE_PROCESS_MEMORY': 'lots' is not a size"));
    put(".env", "nonsense\n");
    assert_int_equal(config_load(&request, &config, &err), ERR_CONFIG);
    assert_true(text_starts(err.message, ".env:1: "));
    put(".env", "");
    const struct config_flag flags[] = {{OPTION_PROCESS_MEMORY, "1kB"}};
    request = (struct config_request){.flags = flags, .flag_count = 1};
    assert_int_equal(config_load(&request, &config, &err), ERR_CONFIG);
    assert_true(text_starts(err.message, "'--process-memory': '1kB' is not between"));
}

static void lists_of_flags_are_split(void **state)
{
    const struct config_flag flags[] = {{OPTION_SOURCE_INCLUDE, " a, b.c ,,d "}};
    const struct config_request request = {.flags = flags, .flag_count = 1};
    struct config *config = NULL;
    struct err err;
    (void)state;

    put("tote.yaml", "lake: {ingestion: a, processed: b}\n");
    assert_int_equal(config_load(&request, &config, &err), ERR_OK);
    const char *const *list = config_list(config, OPTION_SOURCE_INCLUDE);
    assert_string_equal(list[0], "a");
    assert_string_equal(list[1], "b.c");
    assert_string_equal(list[2], "d");
    assert_null(list[3]);
    config_free(config);
}

/* Editors on Windows write it. */
static void a_byte_order_mark_is_no_part_of_the_file(void **state)
{
    (void)state;
    put("tote.yaml", "\xef\xbb\xbf"
                     "lake:\r\n  ingestion: a\r\n  processed: b\r\nmodels: ${M}\r\n");
    put(".env", "\xef\xbb\xbfM=from-env\r\n");
    CLEANUP(config_free) struct config *config = load();
    assert_string_equal(config_text(config, OPTION_MODELS), inside("from-env"));
    assert_int_equal(unlink(".env"), 0);
}

/* Passwords are masked in messages, never in what is meant. */
static void a_password_may_be_any_word(void **state)
{
    (void)state;
    put("tote.yaml", "source: {url: \"postgresql://u:info@h/d\"}\n"
                     "lake: {ingestion: a, processed: b}\nlog: {level: info, format: text}\n");
    CLEANUP(config_free) struct config *config = load();
    assert_int_equal(config_number(config, OPTION_LOG_LEVEL), 1);
    struct err err = load_fails("source: {url: \"postgresql://u:verbose@h/d\"}\n"
                                "log: {level: verbose}\n",
                                ERR_CONFIG);
    assert_null(strstr(err.message, "verbose"));
}

/* A file that somebody made huge must not take the memory of the machine. */
static void a_huge_file_is_refused(void **state)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    const struct config_request request = {0};
    struct config *config = NULL;
    struct err err;
    (void)state;

    for (int i = 0; i < 200000; i++)
        buf_add_text(&text, "# 12345\n");
    put("tote.yaml", buf_text(&text));
    assert_int_not_equal(config_load(&request, &config, &err), ERR_OK);

    buf_clear(&text);
    buf_add_text(&text, "tables:\n");
    for (int i = 0; i < 3000; i++)
        buf_addf(&text, "  t%d: {cursor: a}\n", i);
    put("tote.yaml", buf_text(&text));
    assert_int_equal(config_load(&request, &config, &err), ERR_CONFIG);
    assert_non_null(strstr(err.message, "too many keys"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_is_read),
        cmocka_unit_test(the_effective_configuration_hides_passwords),
        cmocka_unit_test(the_nearest_place_wins),
        cmocka_unit_test(mistakes_are_located),
        cmocka_unit_test(nothing_but_comments_is_a_file),
        cmocka_unit_test(a_missing_file_is_said),
        cmocka_unit_test(another_file_may_be_named),
        cmocka_unit_test(bad_variables_are_named),
        cmocka_unit_test(lists_of_flags_are_split),
        cmocka_unit_test(a_byte_order_mark_is_no_part_of_the_file),
        cmocka_unit_test(a_password_may_be_any_word),
        cmocka_unit_test(a_huge_file_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
