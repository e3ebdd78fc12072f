/* A large table is compared in parts.  A row that no part holds, or two do, is a change that is
 * never seen, or one that is seen for ever. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "lib/unit.h"
#include "pipeline/capture.h"

struct fixture {
    struct arena *arena;
    struct pg *pg;
    char schema[64];
    struct catalog catalog;
    struct source_plan plan;
    struct snapshot_facts facts;
    struct ingest_options options;
    struct capture_batch batch;
    struct err err;
};

#define ASSERT_OK(call)                                                  \
    do {                                                                 \
        if ((call) != ERR_OK)                                            \
            fail_msg("%s: %s (%s)", #call, f->err.message, f->err.hint); \
    } while (0)

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(1, sizeof *f);
    const struct pg_options options = {
        .url = getenv("TOTE_TEST_PG"), .role = "source", .blame = ERR_SOURCE};

    f->arena = arena_new(0);
    (void)snprintf(f->schema, sizeof f->schema, "ranges_%d", (int)getpid());
    f->facts.utf8 = true;
    f->batch = (struct capture_batch){.options = &f->options, .facts = &f->facts, .batch = 1};
    ASSERT_OK(pg_open(&options, &f->pg, &f->err));
    ASSERT_OK(pg_exec(f->pg, arena_printf(f->arena, "create schema %s", f->schema), &f->err));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ASSERT_OK(pg_exec(f->pg, arena_printf(f->arena, "drop schema %s cascade", f->schema), &f->err));
    pg_close(f->pg);
    arena_free(f->arena);
    free(f);
    return 0;
}

/* Dead rows, holes, updated rows at the end, and rows that no VACUUM has counted. */
static const struct source_table *make_table(struct fixture *f, const char *key)
{
    const char **include = arena_alloc(f->arena, 2 * sizeof *include);
    const struct source_plan_options options = {.ingest = &f->options, .utf8 = true};

    include[0] = arena_printf(f->arena, "%s.*", f->schema);
    include[1] = NULL;
    f->options.include = include;
    ASSERT_OK(
        pg_exec(f->pg,
                arena_printf(f->arena,
                             "create table %s.t (id %s primary key, filler text)"
                             " with (autovacuum_enabled = off);"
                             "insert into %s.t select i, repeat('x', 100)"
                             " from generate_series(1, 20000) i;"
                             "analyze %s.t;"
                             "update %s.t set filler = '' where id::text like '%%7';"
                             "delete from %s.t where id::text like '1%%5';"
                             "insert into %s.t select i, repeat('y', 300)"
                             " from generate_series(20001, 25000) i;",
                             f->schema, key, f->schema, f->schema, f->schema, f->schema, f->schema),
                &f->err));
    ASSERT_OK(catalog_read(f->pg, f->arena, &f->catalog, &f->err));
    ASSERT_OK(source_plan_make(&options, &f->catalog, f->arena, &f->plan, &f->err));
    assert_int_equal(f->plan.count, 1);
    return &f->plan.tables[0];
}

static struct fingerprint_bucket total_of_ranges(struct fixture *f, struct table_capture *capture,
                                                 size_t ranges)
{
    struct fingerprint_bucket sum = {0};

    capture_divide(capture, ranges, (uint64_t)capture->source->catalog->pages);
    for (size_t i = 0; i < ranges; i++) {
        ASSERT_OK(capture_incremental_range(capture, f->pg, i, &f->err));
        sum.count += capture->ranges[i].total.count;
        sum.version_sum += capture->ranges[i].total.version_sum;
    }
    return sum;
}

static void parts_make_the_whole(struct fixture *f, const char *key)
{
    const struct source_table *source = make_table(f, key);
    struct catalog_table catalog = *source->catalog;
    struct source_table table = *source;
    const int64_t pages[] = {catalog.pages, catalog.pages / 2, 1, 0, catalog.pages * 2};
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint whole = {0};
    struct table_capture capture = {0};

    table.catalog = &catalog;
    table_capture_init(&capture, &f->batch, &table, NULL, CAPTURE_FIRST);
    capture_choose(&capture, 1, 25000, 25000, &whole);
    ASSERT_OK(capture_ask_fingerprint(&capture, f->pg, &whole, &f->err));
    struct fingerprint_bucket expected = fingerprint_total(&whole);
    assert_in_range(expected.count, 20000, 25000);
    assert_in_range(whole.count, 50, 200);
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        for (size_t ranges = 1; ranges <= 5; ranges += 2) {
            catalog.pages = pages[i];
            struct fingerprint_bucket sum = total_of_ranges(f, &capture, ranges);
            assert_int_equal(sum.count, expected.count);
            assert_true(sum.version_sum == expected.version_sum);
        }
    }
    table_capture_release(&capture);
}

static void number_keys(void **state)
{
    parts_make_the_whole(*state, "int");
}

static void text_keys(void **state)
{
    parts_make_the_whole(*state, "text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(number_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(text_keys, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
