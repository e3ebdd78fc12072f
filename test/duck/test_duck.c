/* DuckDB locked down: a model must not read what it was not given, and an operator must learn from
 * an error what to do. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "duck/duck.h"
#include "lib/unit.h"

struct fixture {
    struct work_dir *dir;
    struct arena *arena;
    struct duck *duck;
    struct err err;
};

static const char *path_in(struct fixture *fixture, const char *name)
{
    return arena_printf(fixture->arena, "%s/%s", work_dir_path(fixture->dir), name);
}

static int setup(void **state)
{
    struct fixture *fixture = mem_zalloc(1, sizeof *fixture);
    fixture->arena = arena_new(0);
    assert_int_equal(work_dir_open(NULL, &fixture->dir, &fixture->err), ERR_OK);
    assert_int_equal(file_make_dirs(path_in(fixture, "allowed"), &fixture->err), ERR_OK);
    assert_int_equal(file_make_dirs(path_in(fixture, "temp"), &fixture->err), ERR_OK);
    const char *allowed[] = {path_in(fixture, "allowed"), NULL};
    const struct duck_options options = {.memory_bytes = UINT64_C(128) << 20,
                                         .threads = 2,
                                         .temp_dir = path_in(fixture, "temp"),
                                         .allowed_dirs = allowed};
    enum err_code code = duck_open(&options, &fixture->duck, &fixture->err);
    if (code != ERR_OK)
        fail_msg("%s", fixture->err.message);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    cancel_clear();
    duck_close(fixture->duck);
    work_dir_close(fixture->dir);
    arena_free(fixture->arena);
    free(fixture);
    return 0;
}

static void assert_runs(struct fixture *fixture, const char *sql)
{
    if (duck_exec(fixture->duck, sql, NULL, &fixture->err) != ERR_OK)
        fail_msg("%s: %s", sql, fixture->err.message);
}

static void assert_fails(struct fixture *fixture, const char *sql, const char *expected)
{
    if (duck_exec(fixture->duck, sql, NULL, &fixture->err) == ERR_OK)
        fail_msg("%s did not fail", sql);
    if (!strstr(fixture->err.message, expected))
        fail_msg("%s: '%s' does not say '%s'", sql, fixture->err.message, expected);
}

static void files_outside_are_out_of_reach(void **state)
{
    struct fixture *fixture = *state;
    static const char *const forbidden[] = {
        "select * from read_text('/etc/passwd')",
        "select * from read_csv('/etc/passwd')",
        "select * from glob('/etc/*')",
        "copy (select 1) to '/tmp/tote_must_not_be.csv'",
        "attach '/tmp/tote_must_not_be.db' as other",
        "install httpfs",
        "load httpfs",
        "select * from 'http://localhost/x.parquet'",
        "set memory_limit = '10GB'",
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        "set temp_directory = '/tmp'",
        "export database '/tmp/tote_must_not_be'",
        "set TimeZone = 'Europe/Berlin'",
    };
    for (size_t i = 0; i < COUNT_OF(forbidden); i++)
        if (duck_exec(fixture->duck, forbidden[i], NULL, &fixture->err) == ERR_OK)
            fail_msg("'%s' is possible", forbidden[i]);
    assert_int_not_equal(access("/tmp/tote_must_not_be.csv", F_OK), 0);
    assert_int_not_equal(access("/tmp/tote_must_not_be.db", F_OK), 0);
    /* a link inside that leads outside, and a way around by ".." */
    const char *escape = arena_printf(fixture->arena, "select * from read_text('%s/../secret')",
                                      path_in(fixture, "allowed"));
    int fd = open(path_in(fixture, "secret"), O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_int_not_equal(duck_exec(fixture->duck, escape, NULL, &fixture->err), ERR_OK);
}

static void allowed_folders_are_read_and_written(void **state)
{
    struct fixture *fixture = *state;
    const char *allowed = path_in(fixture, "allowed");
    assert_runs(fixture, arena_printf(fixture->arena,
                                      "copy (select range as a, 'x' as b from range(10)) to "
                                      "'%s/t.json'; copy (from read_json('%s/t.json')) to "
                                      "'%s/t.parquet' (compression zstd)",
                                      allowed, allowed, allowed));
    int64_t count = 0;
    const char *sql =
        arena_printf(fixture->arena, "select count(*) from read_parquet('%s/*.parquet')", allowed);
    assert_int_equal(duck_query_i64(fixture->duck, sql, &count, &fixture->err), ERR_OK);
    assert_int_equal(count, 10);
}

static void spills_instead_of_failing(void **state)
{
    struct fixture *fixture = *state;
    assert_runs(fixture, "create table big as select range as a, md5(range::varchar) as b from "
                         "range(5000000)");
    int64_t count = 0;
    assert_int_equal(
        duck_query_i64(fixture->duck,
                       "select count(*) from (select b, a from big order by b) where b > ''",
                       &count, &fixture->err),
        ERR_OK);
    assert_int_equal(count, 5000000);
}

static void out_of_memory_says_what_to_raise(void **state)
{
    struct fixture *fixture = *state;
    const struct duck_options options = {
        .memory_bytes = 8 << 20, .threads = 1, .blame = ERR_WAREHOUSE};
    CLEANUP(duck_close) struct duck *small = NULL;
    assert_int_equal(duck_open(&options, &small, &fixture->err), ERR_OK);
    assert_int_equal(
        duck_exec(small, "select list(range) from range(100000000)", NULL, &fixture->err),
        ERR_WAREHOUSE);
    assert_non_null(strstr(fixture->err.message, "out of memory"));
    assert_non_null(strstr(fixture->err.hint, "process.memory"));
}

static void results_stream_and_report_late_errors(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(duck_result_free) struct duck_result *result = NULL;
    const char *params[] = {"2999999"};
    assert_int_equal(duck_query(fixture->duck,
                                "select range as a, case when range = cast($1 as bigint) then "
                                "cast('no number' as integer) else 1 end as b from range(3000000)",
                                params, 1, &result, &fixture->err),
                     ERR_OK);
    assert_int_equal(duck_result_columns(result), 2);
    assert_string_equal(duck_result_name(result, 1), "b");
    assert_int_equal(duckdb_get_type_id(duck_result_type(result, 0)), DUCKDB_TYPE_BIGINT);
    uint64_t rows = 0;
    enum err_code code = ERR_OK;
    for (;;) {
        duckdb_data_chunk chunk = NULL;
        code = duck_result_next(result, &chunk, &fixture->err);
        if (code != ERR_OK || !chunk)
            break;
        rows += duckdb_data_chunk_get_size(chunk);
    }
    assert_int_equal(code, ERR_TRANSFORM);
    assert_true(rows > 0 && rows < 3000000);
    assert_non_null(strstr(fixture->err.message, "conversion error"));
}

static void messages_leave_the_query_out(void **state)
{
    struct fixture *fixture = *state;
    assert_fails(fixture, "select 'top secret' as a, no_such_column from range(1)",
                 "no_such_column");
    assert_null(strstr(fixture->err.message, "secret"));
    assert_null(strchr(fixture->err.message, '\n'));
    assert_fails(fixture, "selec 1", "parser error");
    assert_fails(fixture, "create table t (a integer); insert into t values ('x')", "conversion");
}

static bool join_cells(void *arg, size_t column_count, const char *const *names,
                       const struct span *cells)
{
    struct buf *out = arg;
    for (size_t i = 0; i < column_count; i++) {
        buf_addf(out, "%s=", names[i]);
        if (cells[i].data)
            buf_add(out, cells[i].data, cells[i].size);
        else
            buf_add_text(out, "NULL");
        buf_add_char(out, ';');
    }
    return true;
}

static const char *text_of(struct fixture *fixture, const char *sql, const char *const *params,
                           size_t param_count, struct buf *out)
{
    buf_clear(out);
    if (duck_query_each(fixture->duck, sql, params, param_count, join_cells, out, &fixture->err) !=
        ERR_OK)
        fail_msg("%s: %s", sql, fixture->err.message);
    return buf_text(out);
}

static void every_type_becomes_text(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    assert_string_equal(
        text_of(fixture,
                "select 1.50::decimal(10,2) as a, null as b, '' as c, [1, 2] as d, 7 as a, "
                "timestamp '2024-11-15 14:40:00.1234' as t, uuid "
                "'5f2c9100-0000-0000-0000-000000000001' as u -- done\n;",
                NULL, 0, &out),
        "a=1.50;b=NULL;c=;d=[1, 2];a=7;t=2024-11-15 14:40:00.1234;u="
        "5f2c9100-0000-0000-0000-000000000001;");
    const char *params[] = {"7", "it's", NULL};
    assert_string_equal(text_of(fixture,
                                "select range as r, $2 as s, $3::integer as n from range(10) "
                                "where range = $1",
                                params, 3, &out),
                        "r=7;s=it's;n=NULL;");
    assert_string_equal(text_of(fixture, "select 1 as a where false", NULL, 0, &out), "");
    int64_t number;
    assert_int_equal(duck_query_i64(fixture->duck, "select 'x'", &number, &fixture->err),
                     ERR_INTERNAL);
}

static void names_and_texts_are_quoted(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    buf_add_text(&sql, "create table ");
    duck_ident(&sql, "we\"ird name; drop");
    buf_add_text(&sql, " (a text); insert into ");
    duck_ident(&sql, "we\"ird name; drop");
    buf_add_text(&sql, " values (");
    duck_literal(&sql, "it's \\ fine");
    buf_add_text(&sql, "), (");
    duck_literal(&sql, "");
    buf_add_text(&sql, ")");
    uint64_t changed = 99;
    assert_int_equal(duck_exec(fixture->duck, sql.data, &changed, &fixture->err), ERR_OK);
    assert_int_equal(changed, 2);
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    assert_string_equal(text_of(fixture, "from \"we\"\"ird name; drop\"", NULL, 0, &out),
                        "a=it's \\ fine;a=;");
}

static void *request_soon(void *arg)
{
    (void)arg;
    (void)usleep(100 * 1000);
    cancel_request();
    return NULL;
}

static void cancellation_stops_a_statement(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    int64_t start_us = clock_monotonic_us();
    assert_int_equal(pthread_create(&thread, NULL, request_soon, NULL), 0);
    enum err_code code = duck_exec(
        fixture->duck, "select sum(a.range * b.range) from range(10000000) a, range(10000) b", NULL,
        &fixture->err);
    pthread_join(thread, NULL);
    assert_int_equal(code, ERR_CANCELLED);
    assert_true(clock_monotonic_us() - start_us < 5 * 1000 * 1000);
    cancel_clear();
    assert_runs(fixture, "select 1");
}

/* A process that holds the file for a while, with another's DuckDB. */
static pid_t hold_in_child(const char *path, unsigned hold_ms)
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct err err;
        struct duck *duck = NULL;
        const struct duck_options options = {.path = path};
        if (duck_open(&options, &duck, &err) != ERR_OK)
            _exit(1);
        (void)!write(ready[1], "", 1);
        (void)usleep(hold_ms * 1000);
        _exit(0);
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

static void a_held_file_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    const char *path = path_in(fixture, "held.duckdb");
    duck_close(STEAL(fixture->duck)); /* no threads while forking */
    pid_t pid = hold_in_child(path, 700);
    const struct duck_options impatient = {.path = path, .lock_wait_us = 50 * 1000};
    struct duck *duck = NULL;
    assert_int_equal(duck_open(&impatient, &duck, &fixture->err), ERR_UNAVAILABLE);
    char expected[64];
    (void)snprintf(expected, sizeof expected, "process %d", (int)pid);
    assert_non_null(strstr(fixture->err.message, expected));
    const struct duck_options patient = {.path = path, .lock_wait_us = 20 * 1000 * 1000};
    assert_int_equal(duck_open(&patient, &duck, &fixture->err), ERR_OK);
    (void)waitpid(pid, NULL, 0);
    /* and within the process, where DuckDB itself would not notice */
    struct duck *second = NULL;
    assert_int_equal(duck_open(&impatient, &second, &fixture->err), ERR_UNAVAILABLE);
    duck_close(duck);
    const struct duck_options reader = {.path = path, .read_only = true};
    assert_int_equal(duck_open(&reader, &duck, &fixture->err), ERR_OK);
    assert_int_equal(duck_open(&reader, &second, &fixture->err), ERR_OK);
    assert_int_not_equal(duck_exec(second, "create table t (a integer)", NULL, &fixture->err),
                         ERR_OK);
    duck_close(second);
    duck_close(duck);
}

static void what_is_no_database_is_named(void **state)
{
    struct fixture *fixture = *state;
    const char *path = path_in(fixture, "garbage.duckdb");
    char garbage[8192];
    memset(garbage, 'x', sizeof garbage);
    assert_int_equal(file_write_atomic(path, garbage, sizeof garbage, 0600, &fixture->err), ERR_OK);
    struct duck *duck = NULL;
    const struct duck_options options = {.path = path, .blame = ERR_WAREHOUSE};
    assert_int_equal(duck_open(&options, &duck, &fixture->err), ERR_DATA);
    assert_non_null(strstr(fixture->err.message, "garbage.duckdb"));
    const struct duck_options absent = {.path = path_in(fixture, "absent.duckdb"),
                                        .read_only = true};
    assert_int_equal(duck_open(&absent, &duck, &fixture->err), ERR_NOT_FOUND);
    const struct duck_options nowhere = {.path = path_in(fixture, "no/such/folder.duckdb")};
    assert_int_equal(duck_open(&nowhere, &duck, &fixture->err), ERR_IO);
}

static void a_file_keeps_what_was_committed(void **state)
{
    struct fixture *fixture = *state;
    const char *path = path_in(fixture, "kept.duckdb");
    const struct duck_options options = {.path = path};
    struct duck *duck = NULL;
    int64_t number = 0;
    assert_int_equal(duck_open(&options, &duck, &fixture->err), ERR_OK);
    assert_int_equal(duck_exec(duck,
                               "create table t as select 42 as a; begin; insert into t values (1)",
                               NULL, &fixture->err),
                     ERR_OK);
    duck_close(duck);
    assert_int_equal(duck_open(&options, &duck, &fixture->err), ERR_OK);
    assert_int_equal(duck_query_i64(duck, "select sum(a) from t", &number, &fixture->err), ERR_OK);
    assert_int_equal(number, 42);
    duck_close(duck);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_held_file_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(files_outside_are_out_of_reach, setup, teardown),
        cmocka_unit_test_setup_teardown(allowed_folders_are_read_and_written, setup, teardown),
        cmocka_unit_test_setup_teardown(spills_instead_of_failing, setup, teardown),
        cmocka_unit_test_setup_teardown(out_of_memory_says_what_to_raise, setup, teardown),
        cmocka_unit_test_setup_teardown(results_stream_and_report_late_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_leave_the_query_out, setup, teardown),
        cmocka_unit_test_setup_teardown(every_type_becomes_text, setup, teardown),
        cmocka_unit_test_setup_teardown(names_and_texts_are_quoted, setup, teardown),
        cmocka_unit_test_setup_teardown(cancellation_stops_a_statement, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_database_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_keeps_what_was_committed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
