/* A line that is lost between buffer, compressor and store, or counted twice, is a row that the
 * warehouse will never see, or sees twice. */
#include <stdio.h>
#include <string.h>
#include <zstd.h>

#include "base/file.h"
#include "base/text.h"
#include "lib/unit.h"
#include "pipeline/object_writer.h"

static struct work_dir *work;
static struct store *store;
static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(work_dir_open(NULL, &work, &err), ERR_OK);
    assert_int_equal(store_open(work_dir_path(work), &store, &err), ERR_OK);
    arena = arena_new(0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    store_close(store);
    work_dir_close(work);
    return 0;
}

static struct object_options options_of(const char *table, uint64_t part, uint64_t compress_above)
{
    return (struct object_options){
        .store = store,
        .names = {.table = table, .batch = 1, .attempt = "aaaaaabbbbbb", .captured_us = 1},
        .part_bytes = part,
        .compress_above_bytes = compress_above,
    };
}

static void put_lines(struct object_writer *writer, size_t from, size_t to, size_t width,
                      struct buf *expected)
{
    struct err err = {0};
    for (size_t i = from; i < to; i++) {
        CLEANUP_IN_PLACE(buf_release) struct buf line = {0};
        buf_addf(&line, "{\"i\":%zu,\"x\":\"%*zu\"}\n", i, (int)width, i);
        char *room = NULL;
        assert_int_equal(object_writer_reserve(writer, 6 * line.size, &room, &err), ERR_OK);
        memcpy(room, line.data, line.size);
        object_writer_advance(writer, line.size);
        buf_add(expected, line.data, line.size);
    }
}

static void add_object(const struct record_object *object, struct buf *all)
{
    CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};
    struct err err = {0};
    char hex[SHA256_HEX_SIZE];
    assert_int_equal(store_get(store, object->key, SIZE_MAX / 2, &bytes, &err), ERR_OK);
    assert_int_equal(bytes.size, object->bytes);
    sha256_of(bytes.data, bytes.size, hex);
    assert_string_equal(hex, object->sha256);
    size_t before = all->size;
    if (text_ends(object->key, ".zst")) {
        size_t limit = 64 << 20;
        char *to = buf_reserve(all, limit);
        size_t size = ZSTD_decompress(to, limit, bytes.data, bytes.size);
        assert_false(ZSTD_isError(size));
        all->size += size;
    } else {
        buf_add(all, bytes.data, bytes.size);
    }
    uint64_t rows = 0;
    for (size_t i = before; i < all->size; i++)
        rows += all->data[i] == '\n';
    assert_int_equal(rows, object->rows);
    assert_true(all->data[all->size - 1] == '\n'); /* no line is torn between objects */
}

static size_t check(struct object_set *set, const struct buf *expected, const char **ret_first)
{
    CLEANUP_IN_PLACE(buf_release) struct buf all = {0};
    struct record_object *objects = NULL;
    size_t count = 0;
    object_set_list(set, arena, &objects, &count);
    for (size_t i = 0; i < count; i++)
        add_object(&objects[i], &all);
    assert_int_equal(all.size, expected->size);
    assert_memory_equal(buf_text(&all), buf_text(expected), all.size);
    *ret_first = count ? objects[0].key : "";
    return count;
}

static size_t write_all(const struct object_options *options, size_t lines, size_t width,
                        const char **ret_first)
{
    CLEANUP(object_set_free) struct object_set *set = object_set_new(options);
    CLEANUP(object_writer_free) struct object_writer *writer = object_writer_new(set);
    CLEANUP_IN_PLACE(buf_release) struct buf expected = {0};
    struct err err = {0};
    put_lines(writer, 0, lines, width, &expected);
    assert_int_equal(object_writer_finish(writer, &err), ERR_OK);
    return check(set, &expected, ret_first);
}

static void test_nothing(void **state)
{
    (void)state;
    const char *first;
    struct object_options options = options_of("nothing", 1 << 20, 1 << 20);
    assert_int_equal(write_all(&options, 0, 0, &first), 0);
}

static void test_small_stays_plain(void **state)
{
    (void)state;
    const char *first;
    struct object_options options = options_of("small", 64 << 20, 1 << 20);
    assert_int_equal(write_all(&options, 100, 10, &first), 1);
    assert_true(text_ends(first, ".json"));
    assert_null(strstr(first, "-p"));
}

static void test_large_is_compressed(void **state)
{
    (void)state;
    const char *first;
    struct object_options options = options_of("large", 64 << 20, 1 << 20);
    assert_int_equal(write_all(&options, 50000, 20, &first), 1);
    assert_true(text_ends(first, ".json.zst"));
    options = options_of("always", 64 << 20, 0);
    assert_int_equal(write_all(&options, 1, 20, &first), 1);
    assert_true(text_ends(first, ".json.zst"));
    options = options_of("never", 64 << 20, UINT64_MAX);
    assert_int_equal(write_all(&options, 50000, 20, &first), 1);
    assert_true(text_ends(first, ".json"));
}

static void test_parts(void **state)
{
    (void)state;
    const char *first;
    struct object_options options = options_of("parts", 100 << 10, 50 << 10);
    assert_true(write_all(&options, 50000, 20, &first) >= 10);
    options = options_of("plain_parts", 10 << 10, UINT64_MAX);
    options.split = true;
    assert_true(write_all(&options, 5000, 20, &first) >= 10);
    assert_non_null(strstr(first, "-p0001"));
}

static void test_wide_rows(void **state)
{
    (void)state;
    const char *first;
    struct object_options options = options_of("wide", 4 << 20, 1 << 20);
    assert_true(write_all(&options, 7, 3 << 20, &first) >= 3);
}

/* Several threads' worth of writers share part numbers. */
static void test_two_writers(void **state)
{
    (void)state;
    struct object_options options = options_of("two", 20 << 10, 5 << 10);
    CLEANUP(object_set_free) struct object_set *set = object_set_new(&options);
    CLEANUP(object_writer_free) struct object_writer *a = object_writer_new(set);
    CLEANUP(object_writer_free) struct object_writer *b = object_writer_new(set);
    CLEANUP_IN_PLACE(buf_release) struct buf lines = {0};
    struct record_object *objects = NULL;
    struct err err = {0};
    size_t count = 0;
    uint64_t rows = 0;
    for (size_t i = 0; i < 20; i++) {
        put_lines(a, 100 * i, 100 * i + 100, 10, &lines);
        put_lines(b, 100 * i, 100 * i + 100, 10, &lines);
    }
    assert_int_equal(object_writer_finish(a, &err), ERR_OK);
    assert_int_equal(object_writer_finish(b, &err), ERR_OK);
    object_set_list(set, arena, &objects, &count);
    for (size_t i = 0; i < count; i++)
        rows += objects[i].rows;
    assert_int_equal(rows, 4000);
    /* After a restart nothing old is listed, and new objects do not meet old ones. */
    object_set_restart(set);
    buf_clear(&lines);
    put_lines(a, 0, 10, 10, &lines);
    assert_int_equal(object_writer_finish(a, &err), ERR_OK);
    const char *first;
    assert_int_equal(check(set, &lines, &first), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_small_stays_plain),
        cmocka_unit_test(test_large_is_compressed),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_wide_rows),
        cmocka_unit_test(test_two_writers),
    };
    return cmocka_run_group_tests_name("object_writer", tests, setup, teardown);
}
