#include "lib/store_contract.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"
#include "base/workers.h"
#include "lib/unit.h"

static const struct store_contract *contract;

struct place {
    struct arena *arena;
    struct work_dir *work;
    struct store *store;
    struct err err;
};

static int set_up(void **state)
{
    struct place *place = mem_zalloc(1, sizeof *place);

    *state = place;
    place->arena = arena_new(0);
    if (work_dir_open(NULL, &place->work, &place->err) ||
        store_open(contract->make(place->arena), &place->store, &place->err))
        fail_msg("%s", place->err.message);
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    store_close(place->store);
    work_dir_close(place->work);
    arena_free(place->arena);
    free(place);
    return 0;
}

static enum err_code put(struct place *place, const char *key, const char *text,
                         enum store_when when)
{
    struct span bytes = {text, strlen(text)};
    return store_put(place->store, key, bytes, when, &place->err);
}

static void must_put(struct place *place, const char *key, const char *text)
{
    if (put(place, key, text, STORE_IF_ABSENT))
        fail_msg("%s", place->err.message);
}

static const char *content(struct place *place, const char *key)
{
    CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};

    if (store_get(place->store, key, 1 << 20, &bytes, &place->err))
        return err_name(place->err.code);
    return arena_strdup(place->arena, buf_text(&bytes));
}

struct seen {
    struct buf keys; /* one a line */
    size_t count;
    size_t stop_after;
};

static bool see(void *arg, const char *key, const struct store_info *info)
{
    struct seen *seen = arg;

    (void)info;
    buf_addf(&seen->keys, "%s\n", key);
    return ++seen->count != seen->stop_after;
}

static const char *listed(struct place *place, const char *prefix, const char *after,
                          size_t stop_after)
{
    struct seen seen = {.stop_after = stop_after};

    if (store_list(place->store, prefix, after, see, &seen, &place->err))
        fail_msg("%s", place->err.message);
    const char *keys = arena_strdup(place->arena, buf_text(&seen.keys));
    buf_release(&seen.keys);
    return keys;
}

static void what_is_put_is_got(void **state)
{
    struct place *place = *state;
    CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};
    struct span binary = {"a\0b\xff\n", 5};

    assert_int_equal(store_put(place->store, "t/x.bin", binary, STORE_IF_ABSENT, &place->err),
                     ERR_OK);
    buf_add_text(&bytes, "before:");
    assert_int_equal(store_get(place->store, "t/x.bin", 5, &bytes, &place->err), ERR_OK);
    assert_int_equal(bytes.size, 12);
    assert_memory_equal(bytes.data, "before:a\0b\xff\n", 12);
    must_put(place, "empty", "");
    assert_string_equal(content(place, "empty"), "");
}

static void nothing_is_overwritten(void **state)
{
    struct place *place = *state;

    must_put(place, "a/b", "first");
    assert_int_equal(put(place, "a/b", "second", STORE_IF_ABSENT), ERR_CONFLICT);
    assert_non_null(strstr(place->err.message, "a/b"));
    assert_non_null(strstr(place->err.message, store_url(place->store)));
    assert_string_equal(content(place, "a/b"), "first");
    assert_int_equal(put(place, "a/b", "third", STORE_ALWAYS), ERR_OK);
    assert_string_equal(content(place, "a/b"), "third");
}

static void what_is_absent_is_said_to_be(void **state)
{
    struct place *place = *state;
    struct store_info info = {.size_bytes = 7};
    struct store_reader *reader = NULL;
    const char *path = "untouched";
    struct buf bytes = {0};
    struct err *err = &place->err;

    must_put(place, "folder/x", "");
    assert_int_equal(store_head(place->store, "no/where", &info, err), ERR_NOT_FOUND);
    assert_int_equal(store_head(place->store, "folder", &info, err), ERR_NOT_FOUND);
    assert_int_equal(store_head(place->store, "folder/x/y", &info, err), ERR_NOT_FOUND);
    assert_int_equal(info.size_bytes, 7);
    assert_int_equal(store_get(place->store, "nothing", 10, &bytes, err), ERR_NOT_FOUND);
    assert_null(bytes.data);
    assert_int_equal(store_reader_open(place->store, "nothing", &reader, err), ERR_NOT_FOUND);
    assert_null(reader);
    assert_int_equal(store_local_copy(place->store, "nothing", work_dir_path(place->work),
                                      place->arena, &path, err),
                     ERR_NOT_FOUND);
    assert_string_equal(path, "untouched");
    assert_non_null(strstr(err->message, "nothing"));
    assert_int_equal(store_remove(place->store, "nothing", err), ERR_OK);
    assert_int_equal(store_remove(place->store, "no/where", err), ERR_OK);
    assert_int_equal(store_remove(place->store, "folder", err), ERR_OK);
    assert_string_equal(listed(place, "", NULL, 0), "folder/x\n");
}

static void what_is_removed_is_gone(void **state)
{
    struct place *place = *state;

    must_put(place, "a/b", "x");
    assert_int_equal(store_remove(place->store, "a/b", &place->err), ERR_OK);
    assert_string_equal(content(place, "a/b"), "NOT_FOUND");
    assert_string_equal(listed(place, "", NULL, 0), "");
    must_put(place, "a/b", "y");
    assert_string_equal(content(place, "a/b"), "y");
}

/* More than S3 takes at once, with keys that XML has to escape; and some that are not there. */
static void many_are_removed_at_once(void **state)
{
    struct place *place = *state;
    static const char *const awkward[] = {"a & b/<c>", "\"q\" 'r' +?#%25",
                                          "schl\xc3\xbcssel/\xf0\x9f\xa6\x89"};
    enum {
        MANY = 1003
    };
    const char *keys[MANY + COUNT_OF(awkward)];

    must_put(place, "kept", "x");
    must_put(place, "many", "a name that others begin with");
    for (size_t i = 0; i < MANY; i++) {
        keys[i] = arena_printf(place->arena, "many-%04zu", i);
        if (i % 50 == 0 || i >= 1000)
            must_put(place, keys[i], "x");
    }
    for (size_t i = 0; i < COUNT_OF(awkward); i++)
        must_put(place, keys[MANY + i] = awkward[i], "x");
    if (store_remove_all(place->store, keys, COUNT_OF(keys), &place->err))
        fail_msg("%s", place->err.message);
    assert_string_equal(listed(place, "", NULL, 0), "kept\nmany\n");
    assert_int_equal(store_remove_all(place->store, keys, COUNT_OF(keys), &place->err), ERR_OK);
    assert_int_equal(store_remove_all(place->store, keys, 0, &place->err), ERR_OK);
    keys[1] = "../up";
    assert_int_equal(store_remove_all(place->store, keys, 2, &place->err), ERR_DATA);
    assert_string_equal(listed(place, "", NULL, 0), "kept\nmany\n");
}

static void large_objects_are_refused_whole(void **state)
{
    struct place *place = *state;
    CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};

    must_put(place, "a", "12345");
    buf_add_text(&bytes, "old");
    assert_int_equal(store_get(place->store, "a", 4, &bytes, &place->err), ERR_DATA);
    assert_string_equal(bytes.data, "old");
}

static void info_tells_size_time_and_identity(void **state)
{
    struct place *place = *state;
    struct store_info one, again, other;

    must_put(place, "a", "12345");
    assert_int_equal(store_head(place->store, "a", &one, &place->err), ERR_OK);
    assert_int_equal(store_head(place->store, "a", &again, &place->err), ERR_OK);
    assert_int_equal(one.size_bytes, 5);
    assert_true(one.modified_us > INT64_C(1700000000000000));
    assert_string_equal(one.etag, again.etag);
    assert_int_equal(put(place, "a", "54321", STORE_ALWAYS), ERR_OK);
    assert_int_equal(store_head(place->store, "a", &other, &place->err), ERR_OK);
    assert_string_not_equal(one.etag, other.etag);
}

/* The order is what makes the first key of the log the head of the log. */
static void listing_is_in_byte_order_of_the_whole_key(void **state)
{
    static const char *const keys[] = {"a/x",   "a-b/x",    "a.json", "a0",  "B",         "a/x.1/y",
                                       "a/x-1", "\xc3\xa9", "z/y/x",  "a b", "a-b/w/v/u", "~"};
    struct place *place = *state;

    for (size_t i = 0; i < COUNT_OF(keys); i++)
        must_put(place, keys[i], keys[i]);
    assert_string_equal(listed(place, "", NULL, 0),
                        "B\na b\na-b/w/v/u\na-b/x\na.json\na/x\na/x-1\na/x.1/y\na0\nz/y/x\n~\n"
                        "\xc3\xa9\n");
    assert_string_equal(listed(place, "a/", "", 0), "a/x\na/x-1\na/x.1/y\n");
    assert_string_equal(listed(place, "a/x", "", 0), "a/x\na/x-1\na/x.1/y\n");
    assert_string_equal(listed(place, "a/x.", "", 0), "a/x.1/y\n");
    assert_string_equal(listed(place, "a-", "", 0), "a-b/w/v/u\na-b/x\n");
    assert_string_equal(listed(place, "nothing", "", 0), "");
    assert_string_equal(listed(place, "nothing/at/all", "", 0), "");
    assert_string_equal(listed(place, "B/", "", 0), "");
}

static void listing_begins_after_any_key_and_stops_when_told(void **state)
{
    static const char *const keys[] = {"a-b/x", "a.json", "a/x", "a/y/z", "a0", "b/1", "b/2"};
    static const char *const afters[] = {"",   "A",   "a-",   "a-b", "a-b/x", "a.json",
                                         "a/", "a/x", "a/x0", "a/y", "a/y/",  "a/y/z",
                                         "a0", "b",   "b/1",  "zz"};
    struct place *place = *state;

    for (size_t i = 0; i < COUNT_OF(keys); i++)
        must_put(place, keys[i], "");
    for (size_t i = 0; i < COUNT_OF(afters); i++) {
        CLEANUP_IN_PLACE(buf_release) struct buf expected = {0};
        for (size_t j = 0; j < COUNT_OF(keys); j++)
            if (strcmp(keys[j], afters[i]) > 0)
                buf_addf(&expected, "%s\n", keys[j]);
        assert_string_equal(listed(place, "", afters[i], 0), buf_text(&expected));
    }
    assert_string_equal(listed(place, "", NULL, 3), "a-b/x\na.json\na/x\n");
    assert_string_equal(listed(place, "b/", "b/1", 1), "b/2\n");
}

static enum err_code put_numbered(void *arg, unsigned worker, size_t task, struct err *err)
{
    struct place *place = arg;
    char key[40];

    (void)worker;
    (void)snprintf(key, sizeof key, "many/%04zu", task);
    return store_put(place->store, key, (struct span){"", 0}, STORE_IF_ABSENT, err);
}

static void a_long_listing_is_complete(void **state)
{
    enum {
        OBJECTS = 1234
    }; /* S3 gives 1,000 a page, and 100 on the first */
    struct place *place = *state;
    CLEANUP_IN_PLACE(buf_release) struct buf expected = {0};

    for (int i = 0; i < OBJECTS; i++)
        buf_addf(&expected, "many/%04d\n", i);
    if (workers_run(8, OBJECTS, put_numbered, place, &place->err))
        fail_msg("%s", place->err.message);
    assert_string_equal(listed(place, "many/", NULL, 0), expected.data);
}

static void awkward_keys_work(void **state)
{
    static const char *const keys[] = {"a b/c'd\"e",
                                       "per%20cent%/%2F",
                                       "q?x=1&y=2#z",
                                       "back\\slash",
                                       "\xf0\x9f\x98\x80/\xc3\xbc",
                                       "plus+plus",
                                       ".hidden/..x/...",
                                       "semi;colon:",
                                       "*[a-z]{x}",
                                       "a/.staging/x",
                                       "$HOME",
                                       "-rf",
                                       "tilde~",
                                       "trailing./x ",
                                       "<xml>&amp;"};
    struct place *place = *state;
    CLEANUP(free) char *part = mem_zalloc(1, 300);
    CLEANUP(free) char *longest = mem_zalloc(1, 1025);

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        struct store_info info;
        must_put(place, keys[i], keys[i]);
        assert_string_equal(content(place, keys[i]), keys[i]);
        assert_int_equal(store_head(place->store, keys[i], &info, &place->err), ERR_OK);
        assert_string_equal(listed(place, keys[i], NULL, 0),
                            arena_printf(place->arena, "%s\n", keys[i]));
    }
    memset(part, 'p', 255);
    must_put(place, part, "x");
    memset(longest, 'x', 1024);
    for (size_t i = 100; i < 1000; i += 100)
        longest[i] = '/';
    must_put(place, longest, "x");
    assert_string_equal(content(place, longest), "x");
}

static void keys_that_no_store_can_hold_are_refused(void **state)
{
    static const char *const bad[] = {"",     "/a",     "a/",   "a//b",     ".",
                                      "..",   "a/../b", "./a",  "a/.",      "a/..",
                                      "\xff", "a\nb",   "\x7f", ".staging", ".staging/x"};
    struct place *place = *state;
    CLEANUP(free) char *part = mem_zalloc(1, 300);
    CLEANUP(free) char *longest = mem_zalloc(1, 1100);
    struct store_info info;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(put(place, bad[i], "x", STORE_ALWAYS), ERR_DATA);
        assert_int_equal(store_head(place->store, bad[i], &info, &place->err), ERR_DATA);
        assert_int_equal(store_remove(place->store, bad[i], &place->err), ERR_DATA);
    }
    memset(part, 'p', 256);
    assert_int_equal(put(place, part, "x", STORE_ALWAYS), ERR_DATA);
    assert_non_null(strstr(place->err.message, "255"));
    memset(longest, 'x', 1025);
    for (size_t i = 100; i < 1000; i += 100)
        longest[i] = '/';
    assert_int_equal(put(place, longest, "x", STORE_ALWAYS), ERR_DATA);
    assert_non_null(strstr(place->err.message, "1024"));
    struct seen seen = {0};
    assert_int_equal(store_list(place->store, "../", NULL, see, &seen, &place->err), ERR_DATA);
    assert_int_equal(seen.count, 0);
}

static void a_stream_appears_at_commit_or_never(void **state)
{
    struct place *place = *state;
    struct store_writer *writer = NULL;
    struct err *err = &place->err;

    assert_int_equal(store_writer_open(place->store, "s/1", STORE_IF_ABSENT, &writer, err), ERR_OK);
    assert_int_equal(store_writer_add(writer, "abc", 3, err), ERR_OK);
    assert_int_equal(store_writer_add(writer, "", 0, err), ERR_OK);
    assert_string_equal(content(place, "s/1"), "NOT_FOUND");
    assert_string_equal(listed(place, "", NULL, 0), "");
    assert_int_equal(store_writer_add(writer, "def", 3, err), ERR_OK);
    assert_int_equal(store_writer_commit(writer, err), ERR_OK);
    assert_int_equal(store_writer_commit(writer, err), ERR_INTERNAL);
    store_writer_close(writer);
    assert_string_equal(content(place, "s/1"), "abcdef");

    assert_int_equal(store_writer_open(place->store, "s/2", STORE_IF_ABSENT, &writer, err), ERR_OK);
    assert_int_equal(store_writer_add(writer, "abc", 3, err), ERR_OK);
    store_writer_close(writer);
    assert_string_equal(listed(place, "", NULL, 0), "s/1\n");

    /* Somebody else was quicker. */
    assert_int_equal(store_writer_open(place->store, "s/3", STORE_IF_ABSENT, &writer, err), ERR_OK);
    must_put(place, "s/3", "theirs");
    assert_int_equal(store_writer_commit(writer, err), ERR_CONFLICT);
    store_writer_close(writer);
    assert_string_equal(content(place, "s/3"), "theirs");
}

static void large_streams_come_back_byte_for_byte(void **state)
{
    enum {
        PIECES = 40000
    }; /* of up to 1,000 bytes: 20 MB, several parts of an S3 upload */
    struct place *place = *state;
    CLEANUP(sha256_free) struct sha256 *sha256 = sha256_new();
    char piece[300000], wanted[SHA256_HEX_SIZE], found[SHA256_HEX_SIZE];
    struct store_writer *writer = NULL;
    struct store_reader *reader = NULL;
    struct err *err = &place->err;
    size_t got = 0;

    for (size_t i = 0; i < sizeof piece; i++)
        piece[i] = (char)(i * 7 + i / 251);
    assert_int_equal(store_writer_open(place->store, "big", STORE_IF_ABSENT, &writer, err), ERR_OK);
    for (size_t i = 0; i < PIECES; i++) {
        size_t size = i % 10000 == 9999 ? sizeof piece : i * 37 % 1000;
        piece[0] = (char)i;
        assert_int_equal(store_writer_add(writer, piece, size, err), ERR_OK);
        sha256_add(sha256, piece, size);
    }
    assert_int_equal(store_writer_commit(writer, err), ERR_OK);
    store_writer_close(writer);
    sha256_finish(sha256, wanted);

    assert_int_equal(store_reader_open(place->store, "big", &reader, err), ERR_OK);
    do {
        assert_int_equal(store_reader_read(reader, piece, sizeof piece, &got, err), ERR_OK);
        sha256_add(sha256, piece, got);
    } while (got);
    store_reader_close(reader);
    sha256_finish(sha256, found);
    assert_string_equal(found, wanted);

    const char *path = NULL;
    assert_int_equal(
        store_local_copy(place->store, "big", work_dir_path(place->work), place->arena, &path, err),
        ERR_OK);
    assert_int_equal(sha256_of_file(path, found, err), ERR_OK);
    assert_string_equal(found, wanted);
    assert_int_equal(
        store_local_copy(place->store, "big", work_dir_path(place->work), place->arena, &path, err),
        ERR_OK);
}

static void a_finished_file_becomes_an_object(void **state)
{
    struct place *place = *state;
    struct err *err = &place->err;
    const char *staging = store_staging_dir(place->store);
    const char *folders[] = {work_dir_path(place->work), "/dev/shm", staging};

    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        if (!folders[i] || !file_is_dir(folders[i]))
            continue;
        char id[RANDOM_ID_SIZE];
        random_id(id);
        const char *path = arena_printf(place->arena, "%s/%s.parquet", folders[i], id);
        const char *key = arena_printf(place->arena, "star/x/%zu.parquet", i);
        assert_int_equal(file_write_atomic(path, "rows", 4, 0600, err), ERR_OK);
        assert_string_equal(listed(place, key, NULL, 0), "");
        assert_int_equal(store_put_file(place->store, key, path, STORE_IF_ABSENT, err), ERR_OK);
        assert_false(file_exists(path));
        assert_string_equal(content(place, key), "rows");
        /* On a conflict the file stays its owner's. */
        assert_int_equal(file_write_atomic(path, "other", 5, 0600, err), ERR_OK);
        assert_int_equal(store_put_file(place->store, key, path, STORE_IF_ABSENT, err),
                         ERR_CONFLICT);
        assert_true(file_exists(path));
        assert_string_equal(content(place, key), "rows");
        assert_int_equal(store_put_file(place->store, key, path, STORE_ALWAYS, err), ERR_OK);
        assert_string_equal(content(place, key), "other");
        assert_false(file_exists(path));
    }
    assert_int_equal(store_put_file(place->store, "k", "/no/such/file", STORE_ALWAYS, err),
                     ERR_NOT_FOUND);
}

/* What a reader has seen, or ERR_NOT_FOUND's name. */
static const char *etag_of(struct place *place, const char *key)
{
    struct store_info info;

    if (store_head(place->store, key, &info, &place->err))
        return err_name(place->err.code);
    return arena_strdup(place->arena, info.etag);
}

static enum err_code replace(struct place *place, const char *key, const char *text,
                             const char *etag)
{
    struct span bytes = {text, strlen(text)};
    return store_replace(place->store, key, bytes, etag, &place->err);
}

/* A publisher that was overtaken would put the older page over the newer one. */
static void only_what_was_seen_is_replaced(void **state)
{
    struct place *place = *state;

    must_put(place, "a/latest", "first");
    const char *first = etag_of(place, "a/latest");
    assert_int_equal(replace(place, "a/latest", "second", first), ERR_OK);
    assert_string_equal(content(place, "a/latest"), "second");
    assert_int_equal(replace(place, "a/latest", "third", first), ERR_CONFLICT);
    assert_non_null(strstr(place->err.message, "a/latest"));
    assert_non_null(strstr(place->err.message, "replaced meanwhile"));
    assert_string_equal(content(place, "a/latest"), "second");
    assert_int_equal(replace(place, "a/latest", "third", etag_of(place, "a/latest")), ERR_OK);
    assert_string_equal(content(place, "a/latest"), "third");
    assert_int_equal(replace(place, "a/none", "x", first), ERR_CONFLICT);
    assert_string_equal(content(place, "a/none"), err_name(ERR_NOT_FOUND));
}

struct race {
    struct place *place;
    atomic_int won[20];
};

static enum err_code race_for_key(void *arg, unsigned worker, size_t task, struct err *err)
{
    struct race *race = arg;
    char key[40], text[40];
    size_t round = task / 8;

    (void)snprintf(key, sizeof key, "race/%zu/record", round);
    (void)snprintf(text, sizeof text, "runner %u", worker);
    struct span bytes = {text, strlen(text)};
    enum err_code code = store_put(race->place->store, key, bytes, STORE_IF_ABSENT, err);
    if (code == ERR_OK)
        atomic_fetch_add(&race->won[round], 1);
    return code == ERR_CONFLICT ? ERR_OK : code;
}

/* Two runners that both believe to have committed a batch would double it. */
static void of_many_runners_one_wins(void **state)
{
    struct place *place = *state;
    struct race race = {.place = place};

    assert_int_equal(workers_run(8, 20 * 8, race_for_key, &race, &place->err), ERR_OK);
    for (size_t i = 0; i < COUNT_OF(race.won); i++)
        assert_in_range(atomic_load(&race.won[i]), 1, contract->puts_in_two_steps ? 8 : 1);
}

struct replacing {
    struct place *place;
    const char *etag;
    atomic_int won;
};

static enum err_code race_to_replace(void *arg, unsigned worker, size_t task, struct err *err)
{
    struct replacing *race = arg;
    char text[40];

    (void)worker;
    (void)snprintf(text, sizeof text, "runner %zu", task);
    struct span bytes = {text, strlen(text)};
    enum err_code code = store_replace(race->place->store, "race/latest", bytes, race->etag, err);
    if (code == ERR_OK)
        atomic_fetch_add(&race->won, 1);
    return code == ERR_CONFLICT ? ERR_OK : code;
}

static void of_many_that_replace_one_wins(void **state)
{
    struct place *place = *state;
    struct replacing race = {.place = place};

    must_put(place, "race/latest", "0");
    for (int round = 1; round <= 10; round++) {
        race.etag = etag_of(place, "race/latest");
        assert_int_equal(workers_run(8, 8, race_to_replace, &race, &place->err), ERR_OK);
        if (contract->replaces_in_two_steps)
            assert_true(atomic_load(&race.won) >= round);
        else
            assert_int_equal(atomic_load(&race.won), round);
    }
}

#define IN_A_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int store_contract_run(const struct store_contract *driver)
{
    const struct CMUnitTest tests[] = {
        IN_A_STORE(what_is_put_is_got),
        IN_A_STORE(nothing_is_overwritten),
        IN_A_STORE(what_is_absent_is_said_to_be),
        IN_A_STORE(what_is_removed_is_gone),
        IN_A_STORE(many_are_removed_at_once),
        IN_A_STORE(large_objects_are_refused_whole),
        IN_A_STORE(info_tells_size_time_and_identity),
        IN_A_STORE(listing_is_in_byte_order_of_the_whole_key),
        IN_A_STORE(listing_begins_after_any_key_and_stops_when_told),
        IN_A_STORE(a_long_listing_is_complete),
        IN_A_STORE(awkward_keys_work),
        IN_A_STORE(keys_that_no_store_can_hold_are_refused),
        IN_A_STORE(a_stream_appears_at_commit_or_never),
        IN_A_STORE(large_streams_come_back_byte_for_byte),
        IN_A_STORE(a_finished_file_becomes_an_object),
        IN_A_STORE(of_many_runners_one_wins),
        IN_A_STORE(only_what_was_seen_is_replaced),
        IN_A_STORE(of_many_that_replace_one_wins),
    };

    contract = driver;
    return cmocka_run_group_tests_name(driver->name, tests, NULL, NULL);
}
