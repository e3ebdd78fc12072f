/* A connection: what it says when something is wrong decides whether an operator can help himself.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "lib/unit.h"
#include "pg/pg.h"

struct fixture {
    struct arena *arena;
    struct pg *pg;
    struct err err;
};

#define ASSERT_OK(call)                                                  \
    do {                                                                 \
        if ((call) != ERR_OK)                                            \
            fail_msg("%s: %s (%s)", #call, f->err.message, f->err.hint); \
    } while (0)

static const char *test_url(void)
{
    return getenv("TOTE_TEST_PG");
}

static enum err_code open_url(struct fixture *f, const char *url, struct pg **ret_pg)
{
    const struct pg_options options = {.url = url, .role = "source", .blame = ERR_SOURCE};
    return pg_open(&options, ret_pg, &f->err);
}

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(1, sizeof *f);

    f->arena = arena_new(0);
    ASSERT_OK(open_url(f, test_url(), &f->pg));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    cancel_clear();
    pg_close(f->pg);
    arena_free(f->arena);
    free(f);
    return 0;
}

/* --- opening --- */

/* Else a wrong url would be a riddle, or print the password. */
static void test_what_is_wrong_with_a_url(void **state)
{
    static const struct {
        const char *add;
        enum err_code code;
        const char *word;
    } cases[] = {
        {"host=127.0.0.1 port=1 password=MARKERPW", ERR_UNAVAILABLE, "127.0.0.1:1"},
        {"dbname=not_there password=MARKERPW", ERR_NOT_FOUND, "not_there"},
        {"user=not_there password=MARKERPW", ERR_DENIED, "not_there"},
        {"host=127.0.0.1 MARKERPW", ERR_CONFIG, "url of the source"},
        {"sslmode=MARKERPW", ERR_CONFIG, "sslmode"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct pg *pg = NULL;
        enum err_code code =
            open_url(f, arena_printf(f->arena, "%s %s", test_url(), cases[i].add), &pg);
        assert_int_equal(code, cases[i].code);
        if (!strstr(f->err.message, cases[i].word))
            fail_msg("'%s' does not say '%s'", f->err.message, cases[i].word);
        assert_true(f->err.hint[0] != '\0');
        if (i != 4) /* there it is no password */
            assert_null(strstr(f->err.message, "MARKERPW"));
    }
}

static void test_a_wrong_password_is_denied(void **state)
{
    struct fixture *f = *state;
    struct pg *pg = NULL;
    int pid = (int)getpid();

    /* the role asks_password is made by tools/postgres.sh */
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    ASSERT_OK(pg_query(f->pg, "select 1 from pg_roles where rolname = 'asks_password'", NULL, 0,
                       &rows, &f->err));
    if (pg_rows_count(rows) == 0) {
        pg_rows_free(STEAL(rows));
        skip();
    }
    ASSERT_OK(pg_exec(
        f->pg,
        arena_printf(f->arena, "create role pw_%d login password 'RIGHTMARK' in role asks_password",
                     pid),
        &f->err));
    enum err_code code = open_url(
        f,
        arena_printf(f->arena, "%s host=127.0.0.1 user=pw_%d password=WRONGMARK", test_url(), pid),
        &pg);
    struct err saved = f->err;
    ASSERT_OK(open_url(
        f,
        arena_printf(f->arena, "%s host=127.0.0.1 user=pw_%d password=RIGHTMARK", test_url(), pid),
        &pg));
    pg_close(pg);
    ASSERT_OK(pg_exec(f->pg, arena_printf(f->arena, "drop role pw_%d", pid), &f->err));
    assert_int_equal(code, ERR_DENIED);
    assert_non_null(strstr(saved.message, "password"));
    assert_non_null(strstr(saved.hint, "password"));
    assert_null(strstr(saved.message, "WRONGMARK"));
    char line[] = "is WRONGMARK shown";
    redact(line);
    assert_null(strstr(line, "WRONGMARK"));
}

/* Else a firewall that swallows packets would hang the run for minutes. */
static void test_a_server_that_says_nothing(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    struct pg *pg = NULL;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    const struct pg_options options = {
        .url = arena_printf(f->arena, "host=127.0.0.1 port=%d sslmode=disable",
                            ntohs(address.sin_port)),
        .role = "source",
        .blame = ERR_SOURCE,
        .connect_timeout_us = 200000,
    };
    int64_t began_us = clock_monotonic_us();
    assert_int_equal(pg_open(&options, &pg, &f->err), ERR_UNAVAILABLE);
    assert_true(clock_monotonic_us() - began_us < 5000000);
    (void)close(fd);
}

/* --- statements --- */

static void test_queries(void **state)
{
    struct fixture *f = *state;
    const char *const params[] = {"a'b", NULL};
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    struct pg_rows *several[2];
    uint64_t affected;

    assert_true(pg_server_version(f->pg) >= 130000);
    assert_string_equal(pg_database(f->pg), "postgres");
    assert_non_null(strstr(pg_where(f->pg), "/postgres"));
    ASSERT_OK(
        pg_query(f->pg, "select $1::text as x, $2::text, '' as empty", params, 2, &rows, &f->err));
    assert_int_equal(pg_rows_count(rows), 1);
    assert_int_equal(pg_rows_columns(rows), 3);
    assert_string_equal(pg_rows_name(rows, 0), "x");
    assert_string_equal(pg_rows_text(rows, 0, 0), "a'b");
    assert_null(pg_rows_text(rows, 0, 1));
    assert_string_equal(pg_rows_text(rows, 0, 2), "");
    assert_int_equal(pg_rows_size(rows, 0, 0), 3);
    ASSERT_OK(pg_query_several(f->pg, "select 1; set local jit = off; select 2 union select 3", 2,
                               several, &f->err));
    assert_int_equal(pg_rows_count(several[1]), 2);
    pg_rows_free(several[0]);
    pg_rows_free(several[1]);
    assert_int_equal(pg_query_several(f->pg, "select 1; select 2; select 3", 2, several, &f->err),
                     ERR_INTERNAL);
    assert_int_equal(pg_query_several(f->pg, "select 1; select 1 / 0", 2, several, &f->err),
                     ERR_SOURCE);
    ASSERT_OK(
        pg_exec(f->pg, "create temporary table t (n int); insert into t values (1), (2)", &f->err));
    ASSERT_OK(pg_exec_params(f->pg, "delete from t where n = $1::int", (const char *[]){"2"}, 1,
                             &affected, &f->err));
    assert_int_equal(affected, 1);
}

static bool count_rows(void *arg, const struct pg_rows *row)
{
    unsigned *count = arg;
    (void)row;
    return ++*count < 10;
}

static void test_a_large_result_can_be_left(void **state)
{
    struct fixture *f = *state;
    unsigned count = 0;

    ASSERT_OK(
        pg_query_each(f->pg, "select generate_series(1, 3)", NULL, 0, count_rows, &count, &f->err));
    assert_int_equal(count, 3);
    ASSERT_OK(pg_query_each(f->pg, "select generate_series(1, 100000000)", NULL, 0, count_rows,
                            &count, &f->err));
    assert_int_equal(count, 10);
    ASSERT_OK(pg_exec(f->pg, "select 1", &f->err));
    count = 0;
    assert_int_equal(pg_query_each(f->pg, "select 1 / (3 - n) from generate_series(1, 5) n", NULL,
                                   0, count_rows, &count, &f->err),
                     ERR_SOURCE);
}

/* The code decides about exit status, retry and whom to call. */
static void test_codes_of_errors(void **state)
{
    static const struct {
        const char *sql;
        enum err_code code;
        const char *state;
    } cases[] = {
        {"select 1 / 0", ERR_SOURCE, "22012"},
        {"nonsense", ERR_SOURCE, "42601"},
        {"do $$ begin raise exception 'no' using errcode = '42501'; end $$", ERR_DENIED, "42501"},
        {"set statement_timeout = '20ms'; select pg_sleep(5)", ERR_TIMEOUT, "57014"},
        {"do $$ begin raise exception 'no' using errcode = '55P03'; end $$", ERR_TIMEOUT, "55P03"},
        {"do $$ begin raise exception 'no' using errcode = '53300'; end $$", ERR_UNAVAILABLE,
         "53300"},
        {"do $$ begin raise exception 'no' using errcode = '53100', hint = 'h'; end $$", ERR_SOURCE,
         "53100"},
        {"copy (select 1) to stdout", ERR_INTERNAL, ""},
        {"select pg_terminate_backend(pg_backend_pid())", ERR_UNAVAILABLE, "57P01"},
        {"select 1", ERR_UNAVAILABLE, "08006"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(pg_exec(f->pg, cases[i].sql, &f->err), cases[i].code);
        assert_string_equal(f->err.sqlstate, cases[i].state);
        assert_null(strchr(f->err.message, '\n'));
    }
    assert_non_null(strstr(f->err.message, "terminated"));
}

static void *cancel_later(void *arg)
{
    (void)arg;
    (void)usleep(100000);
    cancel_request();
    return NULL;
}

/* Else Ctrl-C would wait for a long statement, and the server would go on with it. */
static void test_cancelling_stops_the_server_too(void **state)
{
    struct fixture *f = *state;
    CLEANUP(pg_close) struct pg *other = NULL;
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    pthread_t thread;

    ASSERT_OK(open_url(f, test_url(), &other));
    assert_int_equal(pthread_create(&thread, NULL, cancel_later, NULL), 0);
    int64_t began_us = clock_monotonic_us();
    assert_int_equal(pg_exec(f->pg, "select pg_sleep(30) /* cancelled */", &f->err), ERR_CANCELLED);
    assert_true(clock_monotonic_us() - began_us < 5000000);
    assert_int_equal(pthread_join(thread, NULL), 0);
    cancel_clear();
    ASSERT_OK(pg_query(other,
                       "select 1 from pg_stat_activity where query like '%/* cancelled */' and "
                       "state = 'active' and pid <> pg_backend_pid()",
                       NULL, 0, &rows, &f->err));
    assert_int_equal(pg_rows_count(rows), 0);
    ASSERT_OK(pg_exec(f->pg, "select 1", &f->err));
}

/* --- copy --- */

static void test_copy_out(void **state)
{
    struct fixture *f = *state;
    struct span row = {0};
    size_t rows = 0, bytes = 0;

    ASSERT_OK(pg_copy_out_begin(
        f->pg, "copy (select n, repeat('x', 1000) from generate_series(1, 5000) n) to stdout",
        &f->err));
    for (;;) {
        ASSERT_OK(pg_copy_out_next(f->pg, &row, &f->err));
        if (!row.data)
            break;
        assert_int_equal(row.data[row.size - 1], '\n');
        rows++;
        bytes += row.size;
    }
    assert_int_equal(rows, 5000);
    assert_true(bytes > 5000000);
    ASSERT_OK(pg_exec(f->pg, "select 1", &f->err));
    /* left in the middle */
    ASSERT_OK(
        pg_copy_out_begin(f->pg, "copy (select generate_series(1, 100000000)) to stdout", &f->err));
    ASSERT_OK(pg_copy_out_next(f->pg, &row, &f->err));
    ASSERT_OK(pg_exec(f->pg, "select 1", &f->err));
    assert_int_equal(pg_copy_out_begin(f->pg, "copy nothing to stdout", &f->err), ERR_SOURCE);
    assert_int_equal(pg_copy_out_begin(f->pg, "select 1", &f->err), ERR_INTERNAL);
    ASSERT_OK(pg_exec(f->pg, "select 1", &f->err));
}

/* Rows that are missing must never look like the end. */
static void test_copy_out_that_breaks_off(void **state)
{
    static const char *const statements[] = {
        "copy (select 1 / (5000 - n) from generate_series(1, 10000) n) to stdout",
        "copy (select case when n = 5000 then pg_terminate_backend(pg_backend_pid())::int else n "
        "end "
        "from generate_series(1, 10000) n) to stdout",
    };
    static const enum err_code codes[] = {ERR_SOURCE, ERR_UNAVAILABLE};
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(statements); i++) {
        struct span row = {0};
        size_t rows = 0;
        enum err_code code;
        ASSERT_OK(pg_copy_out_begin(f->pg, statements[i], &f->err));
        while ((code = pg_copy_out_next(f->pg, &row, &f->err)) == ERR_OK) {
            assert_non_null(row.data);
            rows++;
        }
        assert_int_equal(code, codes[i]);
        assert_true(rows <= 5000);
    }
    assert_non_null(strstr(f->err.message, "terminat"));
}

static void test_copy_in(void **state)
{
    struct fixture *f = *state;
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    CLEANUP_IN_PLACE(buf_release) struct buf big = {0};
    uint64_t copied = 0;

    ASSERT_OK(pg_exec(f->pg, "create temporary table t (n int, v text)", &f->err));
    ASSERT_OK(pg_copy_in_begin(f->pg, "copy t from stdin", &f->err));
    for (unsigned i = 0; i < 20; i++) {
        buf_clear(&big);
        buf_addf(&big, "%u\t", i);
        memset(buf_reserve(&big, 3 << 20), 'y', 3 << 20);
        big.size += 3 << 20;
        buf_add_char(&big, '\n');
        ASSERT_OK(pg_copy_in_put(f->pg, big.data, big.size, &f->err));
    }
    ASSERT_OK(pg_copy_in_end(f->pg, &copied, &f->err));
    assert_int_equal(copied, 20);
    ASSERT_OK(pg_query(f->pg, "select sum(length(v)) from t", NULL, 0, &rows, &f->err));
    assert_string_equal(pg_rows_text(rows, 0, 0), "62914560");
    ASSERT_OK(pg_copy_in_begin(f->pg, "copy t from stdin", &f->err));
    ASSERT_OK(pg_copy_in_put(f->pg, "x\ty\n", 4, &f->err));
    assert_int_equal(pg_copy_in_end(f->pg, &copied, &f->err), ERR_SOURCE);
    assert_string_equal(f->err.sqlstate, "22P02");
    /* given up: nothing of it is there */
    ASSERT_OK(pg_copy_in_begin(f->pg, "copy t from stdin", &f->err));
    ASSERT_OK(pg_copy_in_put(f->pg, "99\ty\n", 5, &f->err));
    pg_abandon(f->pg);
    pg_rows_free(STEAL(rows));
    ASSERT_OK(pg_query(f->pg, "select count(*) from t where n = 99", NULL, 0, &rows, &f->err));
    assert_string_equal(pg_rows_text(rows, 0, 0), "0");
}

/* --- text --- */

/* Else a name or value could end its quotes and run as SQL. */
static void test_quoting(void **state)
{
    static const char *const texts[] = {"",     "plain", "it's",       "\\' or 1 = 1 --",
                                        "a\"b", "\\",    "ü\n\t'\\''", "%s%n"};
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        for (int standard = 0; standard < 2; standard++) {
            CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
            CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
            ASSERT_OK(pg_exec(f->pg,
                              standard ? "set standard_conforming_strings = on"
                                       : "set standard_conforming_strings = off",
                              &f->err));
            buf_add_text(&sql, "select ");
            pg_literal(&sql, texts[i]);
            buf_add_text(&sql, " as ");
            pg_ident(&sql, *texts[i] ? texts[i] : "x");
            ASSERT_OK(pg_query(f->pg, sql.data, NULL, 0, &rows, &f->err));
            assert_string_equal(pg_rows_text(rows, 0, 0), texts[i]);
            assert_string_equal(pg_rows_name(rows, 0), *texts[i] ? texts[i] : "x");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
        TEST(test_what_is_wrong_with_a_url),
        TEST(test_a_wrong_password_is_denied),
        TEST(test_a_server_that_says_nothing),
        TEST(test_queries),
        TEST(test_a_large_result_can_be_left),
        TEST(test_codes_of_errors),
        TEST(test_cancelling_stops_the_server_too),
        TEST(test_copy_out),
        TEST(test_copy_out_that_breaks_off),
        TEST(test_copy_in),
        TEST(test_quoting),
#undef TEST
    };

    if (!test_url()) {
        (void)fprintf(stderr, "TOTE_TEST_PG is not set: run me by tools/with_postgres.sh\n");
        return 1;
    }
    return cmocka_run_group_tests_name("pg", tests, NULL, NULL);
}
