/* Runs of the index and fingerprints: objects that somebody put into the lake, with checksums that
 * hold. */
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "fuzz/fuzz.h"
#include "pipeline/index_run.h"

struct source {
    const char *data;
    size_t size;
};

static enum err_code read_source(void *arg, void *to, size_t size, size_t *ret_size,
                                 struct err *err)
{
    struct source *source = arg;

    (void)err;
    *ret_size = size < source->size ? size : source->size;
    if (*ret_size)
        memcpy(to, source->data, *ret_size);
    source->data += *ret_size;
    source->size -= *ret_size;
    return ERR_OK;
}

static enum err_code write_buf(void *arg, const void *data, size_t size, struct err *err)
{
    (void)err;
    buf_add(arg, data, size);
    return ERR_OK;
}

/* Reads all entries, seeks in them, and writes them again: what can be read is a run. */
static void read_run(const char *data, size_t size)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    struct source source = {data, size};
    CLEANUP(run_reader_free)
    struct run_reader *reader = run_reader_new("run", read_source, &source);
    CLEANUP(run_writer_free) struct run_writer *writer = NULL;
    struct err err = {0};
    uint64_t count = 0, written = 0;

    for (;; count++) {
        const struct index_entry *entry = NULL;
        if (run_reader_next(reader, &entry, &err) != ERR_OK) {
            FUZZ_CHECK(err.code == ERR_DATA && err.message[0]);
            return;
        }
        if (!entry)
            break;
        if (!writer)
            writer = run_writer_new(entry->key.form, write_buf, &out);
        FUZZ_CHECK(run_writer_add(writer, entry, &err) == ERR_OK);
    }
    if (writer)
        FUZZ_CHECK(run_writer_finish(writer, &written, &err) == ERR_OK && written == count);
}

static void merge_runs(const char *data, size_t size)
{
    struct source sources[2] = {{data, size}, {data, size}};
    CLEANUP(run_reader_free) struct run_reader *a = run_reader_new("a", read_source, &sources[0]);
    CLEANUP(run_reader_free) struct run_reader *b = run_reader_new("b", read_source, &sources[1]);
    struct run_reader *const runs[] = {a, b};
    CLEANUP(index_reader_free) struct index_reader *reader = index_reader_new(runs, 2, false);
    const struct key middle = {.form = KEY_INT8, .number = 1000};
    struct err err = {0};

    for (int i = 0;; i++) {
        const struct index_entry *entry = NULL;
        if (index_reader_next(reader, &entry, &err) != ERR_OK || !entry)
            return;
        if (i == 1 && entry->key.form == KEY_INT8 && entry->key.number < middle.number &&
            index_reader_seek(reader, &middle, &err) != ERR_OK)
            return;
    }
}

/* Blocks one after the other: a header, the bytes of its columns, which are compressed here, and as
 * many contents as it says; lengths and checksum that can be known are put right. */
static void make_run(const char *data, size_t size, struct buf *run)
{
    buf_add(run, index_magic, INDEX_MAGIC_SIZE);
    uint64_t entries = 0;
    while (size >= sizeof(struct index_block_header)) {
        CLEANUP_IN_PLACE(buf_release) struct buf stored = {0};
        struct index_block_header header;
        memcpy(&header, data, sizeof header);
        data += sizeof header;
        size -= sizeof header;
        header.entries %= 64;
        size_t keys = (size_t)header.lowest_bytes + header.highest_bytes;
        size_t columns = (size_t)header.key_bytes + header.xmin_bytes + header.batch_bytes +
                         header.removed_bytes;
        if (header.entries && (keys > size || columns > size - keys))
            break;
        if (header.entries) {
            header.reserved[0] = header.reserved[1] = 0;
            buf_add(&stored, data, keys);
            char *frame = buf_reserve(&stored, ZSTD_compressBound(columns));
            size_t frame_size =
                ZSTD_compress(frame, ZSTD_compressBound(columns), data + keys, columns, 1);
            FUZZ_CHECK(!ZSTD_isError(frame_size));
            stored.size += frame_size;
            header.frame_bytes = (uint32_t)frame_size;
            memset(buf_reserve(&stored, header.entries * 8), 7, header.entries * 8);
            stored.size += header.entries * 8;
            data += keys + columns;
            size -= keys + columns;
            entries += header.entries;
        } else {
            header.lowest = (int64_t)entries;
        }
        header.checksum = index_block_checksum(&header, buf_text(&stored), stored.size);
        buf_add(run, &header, sizeof header);
        if (stored.size)
            buf_add(run, stored.data, stored.size);
    }
    struct index_block_header end = {.lowest = (int64_t)entries};
    end.checksum = index_block_checksum(&end, "", 0);
    buf_add(run, &end, sizeof end);
}

FUZZ(index)
{
    CLEANUP_IN_PLACE(buf_release) struct buf run = {0};

    read_run(data, size);
    make_run(data, size, &run);
    read_run(run.data, run.size);
    merge_runs(run.data, run.size);
}

/* Entries as they come, into a sorter; what comes out is in order and complete. */
FUZZ(entries)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    struct err err = {0};
    if (size == 0)
        return;
    enum key_form form = *data & 1 ? KEY_TEXT : KEY_INT8;
    CLEANUP(run_sorter_free) struct run_sorter *sorter = run_sorter_new(form, "/tmp", 64 << 10);
    CLEANUP(run_writer_free) struct run_writer *writer = run_writer_new(form, write_buf, &out);
    uint64_t count = 0, written = 0;
    for (data++, size--; size >= 10;) {
        size_t text = (unsigned char)data[0];
        int64_t number;
        memcpy(&number, data + 1, sizeof number);
        data += 10;
        size -= 10;
        text = text < size ? text : size;
        struct index_entry entry = {.key = {.form = form, .number = number, .text = {data, text}},
                                    .xmin = (uint32_t)number,
                                    .content = (uint64_t)number * 3,
                                    .batch = (unsigned char)data[-1],
                                    .removed = data[-1] & 1};
        if (form == KEY_TEXT) {
            data += text;
            size -= text;
        }
        FUZZ_CHECK(run_sorter_add(sorter, &entry, &err) == ERR_OK);
        count++;
    }
    struct run_sorter *const sorters[] = {sorter};
    if (run_sorter_finish(sorters, 1, writer, NULL, &err) != ERR_OK) {
        FUZZ_CHECK(err.code == ERR_DATA); /* a key came twice */
        return;
    }
    FUZZ_CHECK(run_writer_finish(writer, &written, &err) == ERR_OK && written == count);
    read_run(out.data, out.size);
    merge_runs(out.data, out.size);
}

FUZZ(fingerprint)
{
    CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0}, again = {0};
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint fingerprint = {0};
    struct err err = {0};

    if (size)
        buf_add(&bytes, data, size);
    uint64_t checksum = XXH64(buf_text(&bytes), bytes.size, 0);
    buf_add(&bytes, &checksum, sizeof checksum);
    if (fingerprint_decode("f", bytes.data, bytes.size, &fingerprint, &err) != ERR_OK) {
        FUZZ_CHECK(err.code == ERR_DATA && err.message[0]);
        return;
    }
    (void)fingerprint_compare(&fingerprint, &fingerprint, NULL, NULL);
    (void)fingerprint_is_skewed(&fingerprint);
    fingerprint_encode(&fingerprint, &again);
    struct fingerprint second = {0};
    FUZZ_CHECK(fingerprint_decode("g", again.data, again.size, &second, &err) == ERR_OK);
    FUZZ_CHECK(fingerprint_compare(&fingerprint, &second, NULL, NULL) == 0);
    fingerprint_release(&second);
    const struct key key = {.form = fingerprint.form, .number = 12, .text = {"k", 1}};
    fingerprint_add(&fingerprint, &key, 3, 1);
    (void)fingerprint_settle(&fingerprint);
}
