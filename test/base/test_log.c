/* A password in a log is the worst thing that a log can hold. */
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json_read.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"
#include "lib/unit.h"

/* What `talk` writes to stderr. */
static char *heard(struct arena *arena, void (*talk)(void))
{
    CLEANUP(work_dir_close) struct work_dir *dir = NULL;
    CLEANUP_IN_PLACE(buf_release) struct buf content = {0};
    struct err err;

    assert_int_equal(work_dir_open(NULL, &dir, &err), ERR_OK);
    const char *path = arena_printf(arena, "%s/stderr", work_dir_path(dir));
    CLEANUP(file_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CLEANUP(file_close) int saved = dup(STDERR_FILENO);
    assert_true(fd >= 0 && saved >= 0);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    talk();
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    assert_int_equal(file_read(path, 1 << 20, &content, &err), ERR_OK);
    return arena_strdup(arena, buf_text(&content));
}

static void say_everything(void)
{
    struct err err = {0};

    log_debug("d");
    log_info("%d rows", 3);
    log_warn("of \x1b[31m colour\n");
    (void)err_set(&err, ERR_DENIED, "loading 'fact': permission denied\n");
    (void)err_hint(&err, "grant it");
    log_error(&err);
}

static void text_is_for_people(void **state)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    (void)state;

    log_configure(LOG_INFO, LOG_TEXT);
    assert_string_equal(heard(arena, say_everything),
                        "3 rows\nwarning: of ?[31m colour\n"
                        "error: loading 'fact': permission denied\nhint: grant it\n");
    log_configure(LOG_ERROR, LOG_TEXT);
    assert_true(text_starts(heard(arena, say_everything), "error: "));
    log_configure(LOG_OFF, LOG_TEXT);
    assert_string_equal(heard(arena, say_everything), "");
    log_configure(LOG_INFO, LOG_TEXT);
}

static void json_is_for_collectors(void **state)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    CLEANUP(json_doc_free) struct json_doc *doc = NULL;
    struct err err;
    (void)state;

    log_configure(LOG_ERROR, LOG_JSON);
    const char *line = heard(arena, say_everything);
    assert_int_equal(json_parse("line", line, strlen(line), &doc, &err), ERR_OK);
    const struct json_value *root = json_root(doc);
    assert_string_equal(json_opt_text(root, "level", ""), "error");
    assert_string_equal(json_opt_text(root, "code", ""), "DENIED");
    assert_string_equal(json_opt_text(root, "hint", ""), "grant it");
    assert_int_equal(strlen(json_opt_text(root, "ts", "")), 27);
    log_configure(LOG_INFO, LOG_TEXT);
}

static void leak(void)
{
    struct err err = {0};

    log_info("password is hunter2-tail and hunter2, in a URL p%%40ss%%2Fword, sent as p@ss/word");
    (void)err_set(&err, ERR_SOURCE, "bad: hunter2");
    (void)err_hint(&err, "not hunter2");
    log_error(&err);
}

static void say_about_an_invocation(void)
{
    log_context(&(struct log_context){.step = "load", .request_id = "r-1", .trace_id = "1-5759"});
    log_info("begun");
    log_context(&(struct log_context){.step = "load"});
    log_info("idle");
    log_context(NULL);
    log_info("ended");
}

/* Lines of one invocation are found by its id. */
static void the_context_stands_in_every_line(void **state)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    (void)state;

    log_configure(LOG_INFO, LOG_JSON);
    const char *text = heard(arena, say_about_an_invocation);
    assert_non_null(strstr(text, "\"message\":\"begun\",\"step\":\"load\",\"request_id\":\"r-1\","
                                 "\"trace_id\":\"1-5759\"}\n"));
    assert_non_null(strstr(text, "\"message\":\"idle\",\"step\":\"load\"}\n"));
    assert_non_null(strstr(text, "\"message\":\"ended\"}\n"));
    log_configure(LOG_INFO, LOG_TEXT);
}

static void secrets_are_scrubbed(void **state)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    (void)state;

    redact_register("hunter2");
    redact_register("hunter2-tail");
    redact_register("p@ss/word");
    redact_register("abc"); /* too short to be told from words */
    assert_string_equal(heard(arena, leak), "password is *** and ***, in a URL ***, sent as ***\n"
                                            "error: bad: ***\nhint: not ***\n");
    char text[] = "abc hunter2";
    redact(text);
    assert_string_equal(text, "abc ***");
}

static void addresses_lose_their_password(void **state)
{
    static const struct {
        const char *url, *shown;
    } cases[] = {
        {"postgresql://u:secret@h:5432/db", "postgresql://u:***@h:5432/db"},
        {"postgresql://u:s@e/c@h/db?sslmode=require", "postgresql://u:***@h/db?sslmode=require"},
        {"postgresql://u:s?e@h/db", "postgresql://u:***@h/db"},
        {"postgresql://u@h/db?password=x&a=1", "postgresql://u@h/db?password=***&a=1"},
        {"postgresql://h:5432/db?application_name=a@b",
         "postgresql://h:5432/db?application_name=a@b"},
        {"host=h password=secret user=u", "host=h password=*** user=u"},
        {"host=h password = 'a b\\'c' user=u", "host=h password = *** user=u"},
        {"password='unterminated user=u", "password=***"},
        {"s3://bucket/prefix", "s3://bucket/prefix"},
        {"duckdb:./x.duckdb", "duckdb:./x.duckdb"},
        {"./lake", "./lake"},
        {"", ""},
    };
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    (void)state;

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(redact_url(arena, cases[i].url), cases[i].shown);
}

static void count_quickly(void)
{
    progress_configure(true);
    progress_begin("ingest", 10);
    for (int i = 0; i < 1000; i++)
        progress_add(1, 10);
    progress_end();
    progress_add(1, 1);
    progress_configure(false);
}

static void short_work_shows_no_progress(void **state)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    (void)state;
    assert_string_equal(heard(arena, count_quickly), "");
    assert_false(progress_visible());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_for_people),
        cmocka_unit_test(json_is_for_collectors),
        cmocka_unit_test(the_context_stands_in_every_line),
        cmocka_unit_test(secrets_are_scrubbed),
        cmocka_unit_test(addresses_lose_their_password),
        cmocka_unit_test(short_work_shows_no_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
