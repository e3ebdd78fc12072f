/* The log decides which batch exists: a commit that is lost, doubled or taken for another's makes
 * data vanish or appear twice. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "lib/unit.h"
#include "pipeline/batch_log.h"
#include "store/store_driver.h"

static const char ours[] = "0123456789abcdef0123456789abcdef";
static const char theirs[] = "fedcba9876543210fedcba9876543210";

struct fixture {
    struct work_dir *work;
    struct store *store;
};

static int set_up(void **state)
{
    struct err err;
    struct fixture *fixture = mem_zalloc(1, sizeof *fixture);
    *state = fixture;
    if (work_dir_open(NULL, &fixture->work, &err) != ERR_OK)
        return -1;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/lake", work_dir_path(fixture->work));
    return store_open(path, &fixture->store, &err) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    store_close(fixture->store);
    work_dir_close(fixture->work);
    free(fixture);
    return 0;
}

static struct span record_text(const char *attempt, char ret[static 200])
{
    int size = snprintf(ret, 200, "{\n  \"format\": 1,\n  \"attempt\": \"%s\"\n}\n", attempt);
    return (struct span){ret, (size_t)size};
}

static enum err_code commit(struct store *store, uint64_t batch, const char *attempt,
                            struct err *err)
{
    char text[200];
    return batch_log_commit(store, batch, attempt, record_text(attempt, text), err);
}

static uint64_t head(struct store *store)
{
    struct err err;
    uint64_t batch = 99;
    assert_int_equal(batch_log_head(store, &batch, &err), ERR_OK);
    return batch;
}

static void put(struct store *store, const char *key, const char *text)
{
    struct err err;
    struct span bytes = {text, strlen(text)};
    assert_int_equal(store_put(store, key, bytes, STORE_IF_ABSENT, &err), ERR_OK);
}

static bool record_is(struct store *store, uint64_t batch, const char *attempt)
{
    struct err err;
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    return batch_log_read(store, batch, &text, &err) == ERR_OK && strstr(text.data, attempt);
}

/* --- the head --- */

static void keys_are_as_designed(void **state)
{
    char key[64];
    (void)state;
    batch_log_key(43, key);
    assert_string_equal(key, "_batches/9999999956.0000000043.json");
    batch_log_key(9999999999, key);
    assert_string_equal(key, "_batches/0000000000.9999999999.json");
}

static void the_head_is_the_last_batch(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    assert_true(head(fixture->store) == 0);
    for (uint64_t batch = 1; batch <= 12; batch++) {
        assert_int_equal(commit(fixture->store, batch, ours, &err), ERR_OK);
        assert_true(head(fixture->store) == batch);
    }
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    assert_int_equal(batch_log_read(fixture->store, 13, &text, &err), ERR_NOT_FOUND);
    assert_true(record_is(fixture->store, 12, ours));
}

/* Somebody's copies and editors' leftovers are no batches. */
static void other_objects_are_not_batches(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    put(fixture->store, "_batches/0000000001.0000000043.json", "{}"); /* do not agree */
    put(fixture->store, "_batches/9999999956.0000000043.json.bak", "{}");
    put(fixture->store, "_batches/9999999956.0000000043", "{}");
    put(fixture->store, "_batches/9999999956x0000000043.json", "{}");
    put(fixture->store, "_batches/999999995 .0000000043.json", "{}");
    put(fixture->store, "_batches/9999999999.0000000000.json", "{}");
    put(fixture->store, "_batches/0/9999999956.0000000043.json", "{}");
    put(fixture->store, "_batches/00.json", "{}");
    assert_true(head(fixture->store) == 0);
    assert_int_equal(commit(fixture->store, 2, ours, &err), ERR_OK);
    assert_true(head(fixture->store) == 2);
}

/* --- commits --- */

static void the_second_runner_yields(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    assert_int_equal(commit(fixture->store, 1, theirs, &err), ERR_OK);
    assert_int_equal(commit(fixture->store, 1, ours, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.message, "another runner"));
    assert_true(record_is(fixture->store, 1, theirs));
}

static void a_commit_that_is_ours_already_is_a_success(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    assert_int_equal(commit(fixture->store, 1, ours, &err), ERR_OK);
    assert_int_equal(commit(fixture->store, 1, ours, &err), ERR_OK);
}

static void a_record_that_nobody_can_read_is_not_passed_over(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    put(fixture->store, "_batches/9999999998.0000000001.json", "{\"attempt\": ");
    assert_int_equal(commit(fixture->store, 1, ours, &err), ERR_DATA);
    assert_non_null(strstr(err.message, "_batches/9999999998.0000000001.json"));
}

static void there_is_no_batch_zero(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    assert_int_equal(commit(fixture->store, 0, ours, &err), ERR_INTERNAL);
    assert_int_equal(commit(fixture->store, 10000000000, ours, &err), ERR_INTERNAL);
}

/* --- a store whose answers get lost: the directory store behind a bad line --- */

struct bad_line {
    struct store base;
    struct store *behind;
    int lost_requests; /* puts that never arrive */
    int lost_answers;  /* puts that are carried out, and reported as failed */
    int lost_reads;
    int puts;
};

struct bad_writer {
    struct store_writer base;
    struct buf bytes;
};

static enum err_code line_is_down(struct err *err)
{
    return err_set(err, ERR_UNAVAILABLE, "503 slow down");
}

static void bad_close(struct store *store)
{
    free(store);
}

static enum err_code bad_writer_open(struct store *store, const char *key, enum store_when when,
                                     struct store_writer **ret_writer, struct err *err)
{
    (void)err;
    assert_int_equal(when, STORE_IF_ABSENT);
    struct bad_writer *writer = mem_zalloc(1, sizeof *writer);
    writer->base.store = store;
    (void)snprintf(writer->base.key, sizeof writer->base.key, "%s", key);
    *ret_writer = &writer->base;
    return ERR_OK;
}

static enum err_code bad_writer_add(struct store_writer *base, const void *data, size_t size,
                                    struct err *err)
{
    (void)err;
    buf_add(&STORE_DRIVER(struct bad_writer, base)->bytes, data, size);
    return ERR_OK;
}

static enum err_code bad_writer_commit(struct store_writer *base, struct err *err)
{
    struct bad_writer *writer = STORE_DRIVER(struct bad_writer, base);
    struct bad_line *line = STORE_DRIVER(struct bad_line, base->store);
    line->puts++;
    if (line->lost_requests-- > 0)
        return line_is_down(err);
    struct span bytes = {buf_text(&writer->bytes), writer->bytes.size};
    TRY(store_put(line->behind, base->key, bytes, STORE_IF_ABSENT, err));
    return line->lost_answers-- > 0 ? line_is_down(err) : ERR_OK;
}

static void bad_writer_close(struct store_writer *base)
{
    buf_release(&STORE_DRIVER(struct bad_writer, base)->bytes);
    free(base);
}

struct bad_reader {
    struct store_reader base;
    struct store_reader *behind;
};

static enum err_code bad_reader_open(struct store *store, const char *key,
                                     struct store_reader **ret_reader, struct err *err)
{
    struct bad_line *line = STORE_DRIVER(struct bad_line, store);
    if (line->lost_reads-- > 0)
        return line_is_down(err);
    struct store_reader *behind = NULL;
    TRY(store_reader_open(line->behind, key, &behind, err));
    struct bad_reader *reader = mem_zalloc(1, sizeof *reader);
    reader->base.store = store;
    reader->behind = behind;
    *ret_reader = &reader->base;
    return ERR_OK;
}

static enum err_code bad_reader_read(struct store_reader *base, void *data, size_t size,
                                     size_t *ret_size, struct err *err)
{
    return store_reader_read(STORE_DRIVER(struct bad_reader, base)->behind, data, size, ret_size,
                             err);
}

static void bad_reader_close(struct store_reader *base)
{
    store_reader_close(STORE_DRIVER(struct bad_reader, base)->behind);
    free(base);
}

static const struct store_ops bad_line_ops = {
    .scheme = "bad",
    .close = bad_close,
    .writer_open = bad_writer_open,
    .writer_add = bad_writer_add,
    .writer_commit = bad_writer_commit,
    .writer_close = bad_writer_close,
    .reader_open = bad_reader_open,
    .reader_read = bad_reader_read,
    .reader_close = bad_reader_close,
};

static struct store *bad_line_to(struct store *behind, struct bad_line faults)
{
    struct bad_line *line = mem_alloc(sizeof *line);
    *line = faults;
    line->base = (struct store){.ops = &bad_line_ops, .url = "bad://line"};
    line->behind = behind;
    return &line->base;
}

static void a_lost_answer_is_found_out(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    CLEANUP(store_close)
    struct store *line = bad_line_to(fixture->store, (struct bad_line){.lost_answers = 1});
    assert_int_equal(commit(line, 1, ours, &err), ERR_OK);
    assert_int_equal(STORE_DRIVER(struct bad_line, line)->puts, 1);
    assert_true(record_is(fixture->store, 1, ours));
}

static void a_lost_request_is_repeated(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    CLEANUP(store_close)
    struct store *line = bad_line_to(fixture->store, (struct bad_line){.lost_requests = 2});
    assert_int_equal(commit(line, 1, ours, &err), ERR_OK);
    assert_int_equal(STORE_DRIVER(struct bad_line, line)->puts, 3);
    assert_true(record_is(fixture->store, 1, ours));
}

/* The answer and the first look are lost: the second put meets our own record. */
static void our_own_record_is_no_conflict(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    CLEANUP(store_close)
    struct store *line =
        bad_line_to(fixture->store, (struct bad_line){.lost_answers = 1, .lost_reads = 1});
    assert_int_equal(commit(line, 1, ours, &err), ERR_OK);
    assert_int_equal(STORE_DRIVER(struct bad_line, line)->puts, 2);
}

static void a_line_that_stays_down_is_given_up(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    CLEANUP(store_close)
    struct store *line = bad_line_to(fixture->store, (struct bad_line){.lost_requests = 100});
    assert_int_equal(commit(line, 1, ours, &err), ERR_UNAVAILABLE);
    assert_int_equal(STORE_DRIVER(struct bad_line, line)->puts, 3);
    assert_non_null(strstr(err.message, "committing batch 1, tried 3 times"));
    assert_true(head(fixture->store) == 0);
}

/* --- killed anywhere --- */

#ifdef TOTE_FAULTS
static int status_of(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static pid_t commit_with_fault(const char *path, const char *fault)
{
    pid_t child = fork();
    if (child == 0) {
        struct err err;
        struct store *store = NULL;
        (void)setenv("TOTE_FAULT", fault, 1);
        bool done =
            store_open(path, &store, &err) == ERR_OK && commit(store, 1, theirs, &err) == ERR_OK;
        _exit(done ? 0 : 1);
    }
    return child;
}

/* After the faulty runner there is its batch or none, and the next runner's commit says which. */
static bool is_all_or_nothing(const char *path, bool reported)
{
    struct err err;
    uint64_t batch = 99;
    CLEANUP(store_close) struct store *store = NULL;
    if (store_open(path, &store, &err) != ERR_OK || batch_log_head(store, &batch, &err) != ERR_OK)
        return false;
    bool done = batch == 1 && record_is(store, 1, theirs);
    if (batch > 1 || (batch == 1 && !done) || (reported && !done))
        return false;
    enum err_code expected = done ? ERR_CONFLICT : ERR_OK;
    return commit(store, 1, ours, &err) == expected &&
           batch_log_head(store, &batch, &err) == ERR_OK && batch == 1;
}

/* Runs in a process of its own, as faults are counted over a process.  Exits with 0 when all is
 * well, with 1 when there are no more operations to fail, else with 2. */
static void try_fault(const char *fault)
{
    char path[] = P_tmpdir "/tote-batch-log-XXXXXX";
    struct err err;
    if (!mkdtemp(path))
        _exit(2);
    bool reported = status_of(commit_with_fault(path, fault)) == 0;
    bool good = is_all_or_nothing(path, reported);
    if (file_remove_tree(path, &err) != ERR_OK)
        good = false;
    _exit(!good ? 2 : reported ? 1 : 0);
}

/* Fails, then dies, at the first, second, third operation. */
static void a_commit_is_all_or_nothing(void **state)
{
    static const char *const actions[] = {"store:fail", "store:kill", "store:kill-after",
                                          "file:fail",  "file:kill",  "file:kill-after"};
    (void)state;
    for (size_t action = 0; action < COUNT_OF(actions); action++) {
        int n = 0;
        int status = 0;
        do {
            char fault[64];
            (void)snprintf(fault, sizeof fault, "%s:%d", actions[action], ++n);
            pid_t child = fork();
            if (child == 0)
                try_fault(fault);
            status = status_of(child);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 2);
        } while (WEXITSTATUS(status) == 0);
        assert_in_range(n, 1, 40);
    }
}
#endif

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef TOTE_FAULTS
        cmocka_unit_test(a_commit_is_all_or_nothing), /* first: faults are counted from the start */
#endif
        cmocka_unit_test(keys_are_as_designed),
        WITH_STORE(the_head_is_the_last_batch),
        WITH_STORE(other_objects_are_not_batches),
        WITH_STORE(the_second_runner_yields),
        WITH_STORE(a_commit_that_is_ours_already_is_a_success),
        WITH_STORE(a_record_that_nobody_can_read_is_not_passed_over),
        WITH_STORE(there_is_no_batch_zero),
        WITH_STORE(a_lost_answer_is_found_out),
        WITH_STORE(a_lost_request_is_repeated),
        WITH_STORE(our_own_record_is_no_conflict),
        WITH_STORE(a_line_that_stays_down_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
