/* The index is what capture believes about the past: an entry that is lost or made up is a row that
 * is never copied again, or deleted by mistake. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "lib/unit.h"
#include "pipeline/index_run.h"
#include "pipeline/key_index.h"

static struct work_dir *work;

/* --- runs in memory --- */

static enum err_code write_memory(void *arg, const void *data, size_t size, struct err *err)
{
    (void)err;
    buf_add(arg, data, size);
    return ERR_OK;
}

struct memory {
    const struct buf *bytes;
    size_t at;
    size_t piece; /* gives at most so much at once; 0: all */
};

static enum err_code read_memory(void *arg, void *data, size_t size, size_t *ret_size,
                                 struct err *err)
{
    (void)err;
    struct memory *memory = arg;
    size_t left = memory->bytes->size - memory->at;
    size = size < left ? size : left;
    if (memory->piece != 0 && size > memory->piece)
        size = memory->piece;
    if (size > 0)
        memcpy(data, memory->bytes->data + memory->at, size);
    memory->at += size;
    *ret_size = size;
    return ERR_OK;
}

/* --- what entries are like --- */

static uint64_t scramble(uint64_t value)
{
    value = (value ^ value >> 33) * UINT64_C(0xff51afd7ed558ccd);
    value = (value ^ value >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return value ^ value >> 33;
}

struct made {
    struct index_entry entry;
    char text[96];
};

/* The entry number i of a table, so that i orders as its key does.  Text keys have two columns,
 * share beginnings, and hold a zero byte; the first is empty. */
static void make_entry(enum key_form form, uint64_t i, uint64_t batch, struct made *ret)
{
    *ret = (struct made){.entry = {.key = {.form = form, .number = (int64_t)i * 3 - 5000},
                                   .xmin = i % 5 == 0 ? UINT32_MAX - (uint32_t)i : 700,
                                   .content = scramble(i * 31 + batch),
                                   .batch = batch,
                                   .removed = false}};
    if (form == KEY_TEXT) {
        int size = snprintf(ret->text, sizeof ret->text, "customer %08llu%ccolumn two",
                            (unsigned long long)i, '\0');
        ret->entry.key.text = (struct span){ret->text, i == 0 ? 0 : (size_t)size};
    }
}

static void assert_entry(const struct index_entry *found, const struct index_entry *expected)
{
    assert_int_equal(key_compare(&found->key, &expected->key), 0);
    assert_true(found->xmin == expected->xmin);
    assert_true(found->content == expected->content);
    assert_true(found->batch == expected->batch);
    assert_true(found->removed == expected->removed);
}

static void write_run(enum key_form form, uint64_t from, uint64_t to, uint64_t batch,
                      struct buf *bytes)
{
    struct err err;
    CLEANUP(run_writer_free)
    struct run_writer *writer = run_writer_new(form, write_memory, bytes);
    for (uint64_t i = from; i < to; i++) {
        struct made made;
        make_entry(form, i, batch, &made);
        made.entry.removed = batch > 1 && i % 3 == 0;
        assert_int_equal(run_writer_add(writer, &made.entry, &err), ERR_OK);
    }
    uint64_t entries = 0;
    assert_int_equal(run_writer_finish(writer, &entries, &err), ERR_OK);
    assert_true(entries == to - from);
}

/* --- one run --- */

static void check_run(enum key_form form, uint64_t count, uint64_t batch, size_t piece)
{
    struct err err;
    CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};
    write_run(form, 0, count, batch, &bytes);
    struct memory memory = {.bytes = &bytes, .piece = piece};
    CLEANUP(run_reader_free)
    struct run_reader *reader = run_reader_new("run", read_memory, &memory);
    const struct index_entry *entry = NULL;
    for (uint64_t i = 0; i < count; i++) {
        struct made made;
        make_entry(form, i, batch, &made);
        made.entry.removed = batch > 1 && i % 3 == 0;
        assert_int_equal(run_reader_next(reader, &entry, &err), ERR_OK);
        assert_non_null(entry);
        assert_entry(entry, &made.entry);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run_reader_next(reader, &entry, &err), ERR_OK);
        assert_null(entry);
    }
}

static void a_run_comes_back_as_it_was_written(void **state)
{
    (void)state;
    for (enum key_form form = KEY_INT8; form <= KEY_TEXT; form++) {
        check_run(form, 0, 1, 0);
        check_run(form, 1, 1, 1);
        check_run(form, INDEX_BLOCK_ENTRIES, 2, 0);
        check_run(form, 3 * INDEX_BLOCK_ENTRIES + 17, 7, 1000);
    }
}

static void extreme_keys_are_kept(void **state)
{
    static const int64_t numbers[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    struct err err;
    (void)state;
    CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};
    CLEANUP(run_writer_free)
    struct run_writer *writer = run_writer_new(KEY_INT8, write_memory, &bytes);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        struct index_entry entry = {.key.number = numbers[i],
                                    .xmin = i % 2 ? UINT32_MAX : 0,
                                    .batch = i % 2 ? UINT64_MAX : 0};
        assert_int_equal(run_writer_add(writer, &entry, &err), ERR_OK);
    }
    assert_int_equal(run_writer_finish(writer, NULL, &err), ERR_OK);
    struct memory memory = {.bytes = &bytes};
    CLEANUP(run_reader_free)
    struct run_reader *reader = run_reader_new("run", read_memory, &memory);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        const struct index_entry *entry = NULL;
        assert_int_equal(run_reader_next(reader, &entry, &err), ERR_OK);
        assert_true(entry->key.number == numbers[i]);
        assert_true(entry->xmin == (i % 2 ? UINT32_MAX : 0));
        assert_true(entry->batch == (i % 2 ? UINT64_MAX : 0));
    }
}

/* Keys of hundreds of kilobytes: blocks end by their bytes. */
static void long_keys_are_kept_and_longer_ones_refused(void **state)
{
    struct err err;
    (void)state;
    CLEANUP(free) char *text = mem_alloc(INDEX_KEY_LIMIT + 1);
    memset(text, 'x', INDEX_KEY_LIMIT + 1);
    CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};
    CLEANUP(run_writer_free)
    struct run_writer *writer = run_writer_new(KEY_TEXT, write_memory, &bytes);
    struct index_entry entry = {.key = {.form = KEY_TEXT, .text = {text, 0}}};
    for (size_t size = 0; size <= INDEX_KEY_LIMIT; size += INDEX_KEY_LIMIT / 16) {
        entry.key.text.size = size;
        assert_int_equal(run_writer_add(writer, &entry, &err), ERR_OK);
    }
    entry.key.text.size = INDEX_KEY_LIMIT + 1;
    assert_int_equal(run_writer_add(writer, &entry, &err), ERR_DATA);
    assert_int_equal(run_writer_finish(writer, NULL, &err), ERR_OK);
    struct memory memory = {.bytes = &bytes};
    CLEANUP(run_reader_free)
    struct run_reader *reader = run_reader_new("run", read_memory, &memory);
    const struct index_entry *found = NULL;
    for (size_t size = 0; size <= INDEX_KEY_LIMIT; size += INDEX_KEY_LIMIT / 16) {
        assert_int_equal(run_reader_next(reader, &found, &err), ERR_OK);
        assert_true(found->key.text.size == size);
        assert_memory_equal(found->key.text.data, text, size);
    }
    CLEANUP(run_sorter_free)
    struct run_sorter *sorter = run_sorter_new(KEY_TEXT, work_dir_path(work), 1000);
    entry.key.text.size = 10;
    assert_int_equal(run_sorter_add(sorter, &entry, &err), ERR_OK);
    memset(text, 'a', 1);
    entry.key.text.size = INDEX_KEY_LIMIT + 1;
    assert_int_equal(run_sorter_add(sorter, &entry, &err), ERR_DATA);
}

static void a_key_that_comes_twice_is_refused(void **state)
{
    struct err err;
    (void)state;
    CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};
    CLEANUP(run_writer_free)
    struct run_writer *writer = run_writer_new(KEY_INT8, write_memory, &bytes);
    struct index_entry entry = {.key.number = 4711};
    assert_int_equal(run_writer_add(writer, &entry, &err), ERR_OK);
    assert_int_equal(run_writer_add(writer, &entry, &err), ERR_DATA);
    assert_non_null(strstr(err.message, "4711"));
}

/* --- several runs --- */

enum {
    KEYS = 60000,
    RUNS = 4
};

/* What a run says of a key: 0 nothing, 1 an entry, 2 removed.  Run 3 is the base and holds most;
 * run 0 touches a narrow range only, so that whole blocks can be copied. */
static int says(size_t run, uint64_t key)
{
    uint64_t chance = scramble(key * 4 + run) % 100;
    if (run == 0 && (key < 20000 || key > 21000))
        return 0;
    if (run == 1 && key > 30000)
        return 0;
    if (run == 3)
        return chance < 97;
    return chance < 3 ? 1 : chance < 5 ? 2 : 0;
}

static bool expected_entry(enum key_form form, uint64_t key, struct made *ret)
{
    for (size_t run = 0; run < RUNS; run++) {
        int said = says(run, key);
        if (said != 0) {
            make_entry(form, key, RUNS - run, ret);
            ret->entry.removed = said == 2;
            return true;
        }
    }
    return false;
}

static void write_runs(enum key_form form, struct buf bytes[RUNS])
{
    struct err err;
    for (size_t run = 0; run < RUNS; run++) {
        CLEANUP(run_writer_free)
        struct run_writer *writer = run_writer_new(form, write_memory, &bytes[run]);
        for (uint64_t key = 0; key < KEYS; key++) {
            struct made made;
            make_entry(form, key, RUNS - run, &made);
            made.entry.removed = says(run, key) == 2;
            if (says(run, key) != 0)
                assert_int_equal(run_writer_add(writer, &made.entry, &err), ERR_OK);
        }
        assert_int_equal(run_writer_finish(writer, NULL, &err), ERR_OK);
    }
}

struct run_readers {
    struct memory memory[RUNS];
    struct run_reader *readers[RUNS];
};

static void open_readers(struct run_readers *ret, const struct buf bytes[RUNS])
{
    for (size_t run = 0; run < RUNS; run++) {
        ret->memory[run] = (struct memory){.bytes = &bytes[run]};
        ret->readers[run] = run_reader_new("run", read_memory, &ret->memory[run]);
    }
}

static void close_readers(struct run_readers *readers)
{
    for (size_t run = 0; run < RUNS; run++)
        run_reader_free(readers->readers[run]);
}

static void assert_expected(struct index_reader *reader, enum key_form form, bool keep_removed)
{
    struct err err;
    const struct index_entry *entry = NULL;
    for (uint64_t key = 0; key < KEYS; key++) {
        struct made made;
        if (!expected_entry(form, key, &made) || (made.entry.removed && !keep_removed))
            continue;
        assert_int_equal(index_reader_next(reader, &entry, &err), ERR_OK);
        assert_non_null(entry);
        assert_entry(entry, &made.entry);
    }
    assert_int_equal(index_reader_next(reader, &entry, &err), ERR_OK);
    assert_null(entry);
}

static void check_runs(enum key_form form, bool keep_removed)
{
    struct err err;
    struct buf bytes[RUNS] = {{0}};
    write_runs(form, bytes);
    struct run_readers runs;
    open_readers(&runs, bytes);
    struct index_reader *reader = index_reader_new(runs.readers, RUNS, keep_removed);
    assert_expected(reader, form, keep_removed);
    index_reader_free(reader);
    close_readers(&runs);

    /* merged into one run they say the same */
    open_readers(&runs, bytes);
    CLEANUP_IN_PLACE(buf_release) struct buf merged = {0};
    CLEANUP(run_writer_free)
    struct run_writer *writer = run_writer_new(form, write_memory, &merged);
    assert_int_equal(index_merge(runs.readers, RUNS, keep_removed, writer, &err), ERR_OK);
    assert_int_equal(run_writer_finish(writer, NULL, &err), ERR_OK);
    close_readers(&runs);
    struct memory memory = {.bytes = &merged};
    struct run_reader *run = run_reader_new("merged run", read_memory, &memory);
    reader = index_reader_new(&run, 1, keep_removed);
    assert_expected(reader, form, keep_removed);
    index_reader_free(reader);
    run_reader_free(run);
    for (size_t i = 0; i < RUNS; i++)
        buf_release(&bytes[i]);
}

static void newer_runs_hide_older_ones(void **state)
{
    (void)state;
    check_runs(KEY_INT8, false);
    check_runs(KEY_INT8, true);
    check_runs(KEY_TEXT, false);
    check_runs(KEY_TEXT, true);
}

/* Looking up keys finds what reading everything finds. */
static void check_seeks(enum key_form form, uint64_t step)
{
    struct err err;
    struct buf bytes[RUNS] = {{0}};
    write_runs(form, bytes);
    struct run_readers runs;
    open_readers(&runs, bytes);
    struct index_reader *reader = index_reader_new(runs.readers, RUNS, false);
    uint64_t behind = 0; /* all keys before this one are passed */
    for (uint64_t key = 100; key < KEYS + 3 * step; key += 1 + scramble(key) % step) {
        struct made wanted;
        make_entry(form, key, 1, &wanted);
        assert_int_equal(index_reader_seek(reader, &wanted.entry.key, &err), ERR_OK);
        behind = behind > key ? behind : key;
        struct made made;
        while (behind < KEYS && (!expected_entry(form, behind, &made) || made.entry.removed))
            behind++;
        const struct index_entry *entry = NULL;
        assert_int_equal(index_reader_next(reader, &entry, &err), ERR_OK);
        if (behind >= KEYS) {
            assert_null(entry);
            continue;
        }
        assert_non_null(entry);
        assert_true(expected_entry(form, behind, &made));
        assert_entry(entry, &made.entry);
        behind++;
    }
    index_reader_free(reader);
    close_readers(&runs);
    for (size_t i = 0; i < RUNS; i++)
        buf_release(&bytes[i]);
}

static void seeking_finds_what_reading_finds(void **state)
{
    (void)state;
    for (enum key_form form = KEY_INT8; form <= KEY_TEXT; form++) {
        check_seeks(form, 3);
        check_seeks(form, 200);
        check_seeks(form, 20000);
    }
}

static void runs_side_by_side_merge(void **state)
{
    struct err err;
    (void)state;
    for (enum key_form form = KEY_INT8; form <= KEY_TEXT; form++) {
        struct buf bytes[2] = {{0}};
        write_run(form, 0, 20000, 1, &bytes[0]);
        write_run(form, 20000, 50000, 1, &bytes[1]);
        struct memory memory[2] = {{.bytes = &bytes[1]}, {.bytes = &bytes[0]}};
        struct run_reader *runs[2] = {run_reader_new("a", read_memory, &memory[0]),
                                      run_reader_new("b", read_memory, &memory[1])};
        CLEANUP_IN_PLACE(buf_release) struct buf merged = {0};
        CLEANUP(run_writer_free)
        struct run_writer *writer = run_writer_new(form, write_memory, &merged);
        uint64_t entries = 0;
        assert_int_equal(index_merge(runs, 2, false, writer, &err), ERR_OK);
        assert_int_equal(run_writer_finish(writer, &entries, &err), ERR_OK);
        assert_true(entries == 50000);
        struct memory all = {.bytes = &merged};
        CLEANUP(run_reader_free) struct run_reader *reader = run_reader_new("m", read_memory, &all);
        for (uint64_t i = 0; i < 50000; i++) {
            const struct index_entry *entry = NULL;
            struct made made;
            make_entry(form, i, 1, &made);
            assert_int_equal(run_reader_next(reader, &entry, &err), ERR_OK);
            assert_entry(entry, &made.entry);
        }
        for (int i = 0; i < 2; i++) {
            run_reader_free(runs[i]);
            buf_release(&bytes[i]);
        }
    }
}

/* --- sorting --- */

enum order {
    ORDER_SORTED,
    ORDER_REVERSED,
    ORDER_NEARLY,
    ORDER_RANDOM
};

static uint64_t key_at(enum order order, uint64_t at, uint64_t count)
{
    switch (order) {
    case ORDER_SORTED:
        return at;
    case ORDER_REVERSED:
        return count - 1 - at;
    case ORDER_NEARLY: /* a few updated rows have moved to the end */
        if (at >= count - 1000)
            return (at - (count - 1000)) * (count / 1000);
        return at % (count / 1000) == 0 ? UINT64_MAX : at;
    case ORDER_RANDOM:
        return at * 7919 % count;
    }
    return 0;
}

static void check_sorter(enum key_form form, enum order order, uint64_t count, size_t memory_bytes)
{
    struct err err;
    struct run_sorter *sorters[2] = {run_sorter_new(form, work_dir_path(work), memory_bytes),
                                     run_sorter_new(form, work_dir_path(work), memory_bytes)};
    struct fingerprint parameters;
    fingerprint_choose(form, -5000, (int64_t)count * 3, count, &parameters);
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint expected = parameters;
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint found = parameters;
    CLEANUP(free) char *added = mem_zalloc(count, 1);
    uint64_t total = 0;
    for (uint64_t at = 0; at < count; at++) {
        uint64_t key = key_at(order, at, count);
        if (key == UINT64_MAX || added[key])
            continue;
        added[key] = 1;
        struct made made;
        make_entry(form, key, 1, &made);
        assert_int_equal(run_sorter_add(sorters[at >= count / 2], &made.entry, &err), ERR_OK);
        fingerprint_add(&expected, &made.entry.key, made.entry.xmin, 1);
        total++;
    }
    CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};
    CLEANUP(run_writer_free) struct run_writer *writer = run_writer_new(form, write_memory, &bytes);
    uint64_t entries = 0;
    assert_int_equal(run_sorter_finish(sorters, 2, writer, &found, &err), ERR_OK);
    assert_int_equal(run_writer_finish(writer, &entries, &err), ERR_OK);
    assert_true(entries == total);
    assert_int_equal(fingerprint_compare(&expected, &found, NULL, NULL), 0);

    struct memory memory = {.bytes = &bytes};
    CLEANUP(run_reader_free)
    struct run_reader *reader = run_reader_new("run", read_memory, &memory);
    for (uint64_t key = 0; key < count; key++) {
        const struct index_entry *entry = NULL;
        struct made made;
        if (!added[key])
            continue;
        make_entry(form, key, 1, &made);
        assert_int_equal(run_reader_next(reader, &entry, &err), ERR_OK);
        assert_non_null(entry);
        assert_entry(entry, &made.entry);
    }
    for (int i = 0; i < 2; i++)
        run_sorter_free(sorters[i]);
}

static void any_order_is_sorted(void **state)
{
    (void)state;
    for (enum key_form form = KEY_INT8; form <= KEY_TEXT; form++) {
        for (enum order order = ORDER_SORTED; order <= ORDER_RANDOM; order++) {
            check_sorter(form, order, 20000, 400 << 10);
            /* runs of some hundred entries, merged in several passes */
            check_sorter(form, order, 20000, 7 << 10);
        }
    }
}

/* Merging in several passes, through a file: the runs are more than the spill keeps in memory. */
static void spilled_runs_are_sorted(void **state)
{
    (void)state;
    check_sorter(KEY_INT8, ORDER_RANDOM, 400000, 256 << 10);
}

static void nothing_sorts_to_nothing(void **state)
{
    struct err err;
    (void)state;
    CLEANUP(run_sorter_free)
    struct run_sorter *sorter = run_sorter_new(KEY_TEXT, work_dir_path(work), 1 << 20);
    CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};
    CLEANUP(run_writer_free)
    struct run_writer *writer = run_writer_new(KEY_TEXT, write_memory, &bytes);
    uint64_t entries = 1;
    assert_int_equal(run_sorter_finish(&sorter, 1, writer, NULL, &err), ERR_OK);
    assert_int_equal(run_writer_finish(writer, &entries, &err), ERR_OK);
    assert_true(entries == 0);
}

/* Twice within one sorter, in different spilled runs, and in two sorters. */
static void a_key_that_is_sorted_twice_is_refused(void **state)
{
    struct err err = {0};
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct run_sorter *sorters[2] = {run_sorter_new(KEY_INT8, work_dir_path(work), 16 << 10),
                                         run_sorter_new(KEY_INT8, work_dir_path(work), 16 << 10)};
        enum err_code code = ERR_OK;
        for (int64_t i = 0; i < 5000 && code == ERR_OK; i++) {
            struct index_entry entry = {.key.number = i * 7919 % 5000};
            code = run_sorter_add(sorters[0], &entry, &err);
            if (code == ERR_OK && (kind == 0 ? i == 3000 : kind == 1 ? i == 4999 : i == 2000)) {
                entry.key.number = kind == 1 ? 0 : entry.key.number;
                code = run_sorter_add(sorters[kind == 2], &entry, &err);
            }
        }
        CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};
        CLEANUP(run_writer_free)
        struct run_writer *writer = run_writer_new(KEY_INT8, write_memory, &bytes);
        if (code == ERR_OK)
            code = run_sorter_finish(sorters, 2, writer, NULL, &err);
        assert_int_equal(code, ERR_DATA);
        assert_non_null(strstr(err.message, "twice"));
        run_sorter_free(sorters[0]);
        run_sorter_free(sorters[1]);
    }
}

/* --- damage --- */

/* Reads everything; true when it is what write_run() wrote. */
static bool reads_right(const struct buf *bytes, enum key_form form, uint64_t count,
                        enum err_code *ret_code)
{
    struct err err = {0};
    struct memory memory = {.bytes = bytes};
    CLEANUP(run_reader_free)
    struct run_reader *reader = run_reader_new("'_index/t/run'", read_memory, &memory);
    for (uint64_t i = 0;; i++) {
        const struct index_entry *entry = NULL;
        *ret_code = run_reader_next(reader, &entry, &err);
        if (*ret_code != ERR_OK) {
            assert_non_null(strstr(err.message, "_index/t/run"));
            return false;
        }
        if (!entry)
            return i == count;
        struct made made;
        make_entry(form, i, 7, &made);
        if (i >= count || key_compare(&entry->key, &made.entry.key) != 0 ||
            entry->content != made.entry.content)
            return false;
    }
}

static void damage_is_noticed(void **state)
{
    enum {
        ENTRIES = INDEX_BLOCK_ENTRIES + 300
    };
    (void)state;
    for (enum key_form form = KEY_INT8; form <= KEY_TEXT; form++) {
        CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};
        write_run(form, 0, ENTRIES, 7, &bytes);
        enum err_code code = ERR_OK;
        assert_true(reads_right(&bytes, form, ENTRIES, &code));
        for (uint64_t i = 0; i < 1500; i++) {
            size_t at = scramble(i) % (i % 2 ? bytes.size : 200);
            char bit = (char)(1 << (scramble(i + 1) % 8));
            bytes.data[at] = (char)(bytes.data[at] ^ bit);
            bool right = reads_right(&bytes, form, ENTRIES, &code);
            assert_true(code == ERR_DATA || (code == ERR_OK && right));
            bytes.data[at] = (char)(bytes.data[at] ^ bit);
        }
        size_t whole = bytes.size;
        for (uint64_t i = 0; i < 300; i++) {
            bytes.size = i < 200 ? scramble(i) % whole : whole - 1 - (i - 200);
            assert_false(reads_right(&bytes, form, ENTRIES, &code));
            assert_int_equal(code, ERR_DATA);
        }
        bytes.size = whole;
        buf_add_char(&bytes, 'x');
        assert_false(reads_right(&bytes, form, ENTRIES, &code));
        assert_int_equal(code, ERR_DATA);
    }
}

/* Damage under a checksum that holds, as a hostile writer makes it: anything but a crash. */
static void forged_runs_do_no_harm(void **state)
{
    enum {
        ENTRIES = 700
    };
    (void)state;
    for (enum key_form form = KEY_INT8; form <= KEY_TEXT; form++) {
        CLEANUP_IN_PLACE(buf_release) struct buf sound = {0};
        write_run(form, 0, ENTRIES, 7, &sound);
        for (uint64_t i = 0; i < 6000; i++) {
            CLEANUP_IN_PLACE(buf_release) struct buf forged = {0};
            buf_add(&forged, sound.data, sound.size);
            size_t last = sound.size - 2 * sizeof(struct index_block_header) - INDEX_MAGIC_SIZE;
            /* the header's numbers, then the columns */
            size_t span =
                i % 2 ? offsetof(struct index_block_header, checksum) : last - ENTRIES * 8;
            for (uint64_t flips = 0; flips <= i % 3; flips++) {
                size_t at = INDEX_MAGIC_SIZE + scramble(i * 3 + flips) % span;
                forged.data[at] =
                    (char)(forged.data[at] ^ (char)(1 << (scramble(i + flips + 9) % 8)));
            }
            struct index_block_header header;
            char *block = forged.data + INDEX_MAGIC_SIZE;
            memcpy(&header, block, sizeof header);
            size_t size = 0;
            if (header.entries > 0 && index_block_size(&header, &size) && size <= last) {
                header.checksum = index_block_checksum(&header, block + sizeof header, size);
                memcpy(block, &header, sizeof header);
            }
            enum err_code code = ERR_OK;
            (void)reads_right(&forged, form, ENTRIES, &code);
            assert_true(code == ERR_OK || code == ERR_DATA);
        }
    }
}

static int make_work_dir(void **state)
{
    struct err err;
    (void)state;
    return work_dir_open(NULL, &work, &err) == ERR_OK ? 0 : -1;
}

static int remove_work_dir(void **state)
{
    (void)state;
    work_dir_close(work);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_comes_back_as_it_was_written),
        cmocka_unit_test(extreme_keys_are_kept),
        cmocka_unit_test(long_keys_are_kept_and_longer_ones_refused),
        cmocka_unit_test(a_key_that_comes_twice_is_refused),
        cmocka_unit_test(newer_runs_hide_older_ones),
        cmocka_unit_test(seeking_finds_what_reading_finds),
        cmocka_unit_test(runs_side_by_side_merge),
        cmocka_unit_test(any_order_is_sorted),
        cmocka_unit_test(spilled_runs_are_sorted),
        cmocka_unit_test(nothing_sorts_to_nothing),
        cmocka_unit_test(a_key_that_is_sorted_twice_is_refused),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(forged_runs_do_no_harm),
    };
    return cmocka_run_group_tests(tests, make_work_dir, remove_work_dir);
}
