/* The table's log decides what every reader sees: a commit that is lost or doubled is rows lost or
 * doubled, for tote and for every other engine. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "base/workers.h"
#include "lib/unit.h"
#include "pipeline/delta.h"

struct fixture {
    struct arena *arena;
    struct work_dir *work;
    struct store *store;
    struct duck *duck;
};

static int set_up(void **state)
{
    struct err err;
    struct fixture *fixture = mem_zalloc(1, sizeof *fixture);
    fixture->arena = arena_new(0);
    *state = fixture;
    if (work_dir_open(NULL, &fixture->work, &err) != ERR_OK)
        return -1;
    const char *dirs[] = {work_dir_path(fixture->work), NULL};
    const struct duck_options options = {
        .threads = 1, .temp_dir = work_dir_path(fixture->work), .allowed_dirs = dirs};
    if (duck_open(&options, &fixture->duck, &err) != ERR_OK)
        return -1;
    return store_open(arena_printf(fixture->arena, "%s/lake", work_dir_path(fixture->work)),
                      &fixture->store, &err) == ERR_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    duck_close(fixture->duck);
    store_close(fixture->store);
    work_dir_close(fixture->work);
    arena_free(fixture->arena);
    free(fixture);
    return 0;
}

static const struct delta_column columns[] = {{"id", "INTEGER"},
                                              {"amount", "DECIMAL(10,2)"},
                                              {"a \"quoted\" name", "VARCHAR"},
                                              {"at", "TIMESTAMP"}};

static struct delta_commit commit_of(struct fixture *fixture, uint64_t batch,
                                     struct delta_file *file)
{
    *file = (struct delta_file){
        .path = arena_printf(fixture->arena, "%010llu-abcdef-1.parquet", (unsigned long long)batch),
        .bytes = 100 + batch,
        .rows = batch,
        .sha256 = "5f",
        .at_ms = 5};
    return (struct delta_commit){.directory = "star/t",
                                 .app_id = "tote:t:g",
                                 .batch = batch,
                                 .at_ms = 7,
                                 .append_only = true,
                                 .new_schema = batch == 1,
                                 .columns = columns,
                                 .column_count = COUNT_OF(columns),
                                 .adds = file,
                                 .add_count = 1,
                                 .summary =
                                     arena_printf(fixture->arena, "{\"batch\":%d}", (int)batch)};
}

static struct delta_outcome put(struct fixture *fixture, uint64_t batch, int64_t base)
{
    struct err err = {0};
    struct delta_file file;
    struct delta_outcome outcome;
    struct delta_commit commit = commit_of(fixture, batch, &file);
    if (delta_put(fixture->store, &commit, base, fixture->arena, &outcome, &err) != ERR_OK)
        fail_msg("%s", err.message);
    return outcome;
}

static struct delta_state read_at(struct fixture *fixture, int64_t version)
{
    struct err err = {0};
    struct delta_state state;
    if (delta_read(fixture->store, fixture->duck, work_dir_path(fixture->work), "star/t", version,
                   fixture->arena, &state, &err) != ERR_OK)
        fail_msg("%s", err.message);
    return state;
}

static void commits_add_up(void **state)
{
    assert_int_equal(put(*state, 1, -1).version, 0);
    assert_int_equal(put(*state, 2, 0).version, 1);
    struct delta_state table = read_at(*state, 1);
    assert_int_equal(table.file_count, 2);
    assert_string_equal(table.files[1].path, "0000000002-abcdef-1.parquet");
    assert_int_equal(table.files[1].rows, 2);
    assert_int_equal(table.files[1].bytes, 102);
    assert_string_equal(table.files[1].sha256, "5f");
    assert_non_null(strstr(table.protocol, "timestampNtz"));
    assert_non_null(strstr(table.metadata, "decimal(10,2)"));
    assert_int_equal(read_at(*state, 0).file_count, 1);
}

/* A run that was killed after its commit comes again. */
static void a_batch_is_committed_once(void **state)
{
    struct fixture *fixture = *state;
    (void)put(fixture, 1, -1);
    (void)put(fixture, 2, 0);
    struct delta_outcome again = put(fixture, 2, 0);
    assert_true(again.adopted);
    assert_int_equal(again.version, 1);
    assert_string_equal(again.summary, "{\"batch\":2}");
    struct store_info info;
    struct err err;
    assert_int_equal(
        store_head(fixture->store, "star/t/_delta_log/00000000000000000002.json", &info, &err),
        ERR_NOT_FOUND);
}

/* Somebody else's maintenance stands where our commit wanted to go. */
static void foreign_commits_are_stepped_over(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    static const char text[] =
        "{\"remove\":{\"path\":\"0000000001-abcdef-1.parquet\",\"dataChange\":false}}\n"
        "{\"add\":{\"path\":\"compact-1.parquet\",\"partitionValues\":{},\"size\":9,"
        "\"modificationTime\":1,\"dataChange\":false}}\n";
    (void)put(fixture, 1, -1);
    assert_int_equal(store_put(fixture->store, "star/t/_delta_log/00000000000000000001.json",
                               (struct span){text, strlen(text)}, STORE_IF_ABSENT, &err),
                     ERR_OK);
    struct delta_outcome outcome = put(fixture, 2, 0);
    assert_int_equal(outcome.version, 2);
    assert_false(outcome.adopted);
    struct delta_state table = read_at(fixture, 0);
    assert_int_equal(
        delta_follow(fixture->store, "star/t", "tote:t:g", 2, fixture->arena, &table, &err),
        ERR_OK);
    assert_int_equal(table.version, 1);
    assert_int_equal(table.file_count, 1);
    assert_string_equal(table.files[0].path, "compact-1.parquet");

    struct delta_file file;
    struct delta_commit replacing = commit_of(fixture, 3, &file);
    replacing.removes = &file;
    replacing.remove_count = 1;
    replacing.app_id = "another";
    assert_int_equal(delta_put(fixture->store, &replacing, 1, fixture->arena, &outcome, &err),
                     ERR_CONFLICT);
}

static enum err_code race(void *arg, unsigned worker, size_t task, struct err *err)
{
    struct fixture *fixture = arg;
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct fixture own = {.arena = arena, .store = fixture->store};
    (void)worker, (void)task;
    for (uint64_t batch = 1; batch <= 25; batch++) {
        struct delta_file file;
        struct delta_outcome outcome;
        struct delta_commit commit = commit_of(&own, batch, &file);
        TRY(delta_put(own.store, &commit, (int64_t)batch - 2, arena, &outcome, err));
    }
    return ERR_OK;
}

static void racing_writers_lose_and_double_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    if (workers_run(8, 8, race, fixture, &err) != ERR_OK)
        fail_msg("%s", err.message);
    struct delta_state table = read_at(fixture, 24);
    assert_int_equal(table.file_count, 25);
    for (size_t i = 0; i < 25; i++)
        assert_int_equal(table.files[i].rows, i + 1);
}

static void a_checkpoint_says_the_same(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    for (uint64_t batch = 1; batch <= 101; batch++)
        (void)put(fixture, batch, (int64_t)batch - 2);
    struct delta_state before = read_at(fixture, 100);
    if (delta_checkpoint(fixture->store, fixture->duck, work_dir_path(fixture->work), "star/t",
                         &before, &err) != ERR_OK)
        fail_msg("%s", err.message);
    /* proof that the checkpoint is what is read: the log before it is gone */
    assert_int_equal(
        store_remove(fixture->store, "star/t/_delta_log/00000000000000000005.json", &err), ERR_OK);
    (void)put(fixture, 102, 100);
    struct delta_state after = read_at(fixture, 101);
    assert_int_equal(after.file_count, 102);
    assert_int_equal(after.version, 101);
    for (size_t i = 0; i < 102; i++) {
        assert_int_equal(after.files[i].rows, i + 1);
        assert_int_equal(after.files[i].bytes, 101 + i);
        assert_string_equal(after.files[i].sha256, "5f");
        assert_int_equal(after.files[i].at_ms, 5);
    }
    assert_non_null(strstr(after.protocol, "timestampNtz"));
    assert_non_null(strstr(after.metadata, "schemaString"));
    assert_non_null(strstr(after.txn, "tote:t:g"));
}

static void a_gap_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    struct delta_state table;
    (void)put(fixture, 1, -1);
    assert_int_equal(
        delta_read(fixture->store, NULL, NULL, "star/t", 3, fixture->arena, &table, &err),
        ERR_DATA);
    assert_non_null(strstr(err.message, "version 1"));
    assert_null(delta_type("HUGEINT", fixture->arena));
    assert_null(delta_type("TIME", fixture->arena));
    assert_string_equal(delta_type("TIMESTAMP WITH TIME ZONE", fixture->arena), "timestamp");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commits_add_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_batch_is_committed_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_commits_are_stepped_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(racing_writers_lose_and_double_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_checkpoint_says_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_gap_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
