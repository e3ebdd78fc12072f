#include <assert.h>

#include "base/cancel.h"
#include "pipeline/index_run.h"
#include "pipeline/varint.h"

struct run_reader {
    char *what;
    index_read_fn *read;
    void *arg;
    bool begun; /* the magic is read */
    bool ended;
    bool block_known; /* `block` holds one, of which `position` comes next */
    uint32_t position;
    uint64_t entries; /* in the blocks so far */
    enum key_form form;
    struct index_block block;
    struct key head;
    struct index_entry entry;
    int64_t last_number; /* highest key of the block before */
    struct buf last_text;
};

struct run_reader *run_reader_new(const char *what, index_read_fn *read, void *arg)
{
    struct run_reader *reader = mem_zalloc(1, sizeof *reader);
    reader->what = mem_strdup(what);
    reader->read = read;
    reader->arg = arg;
    return reader;
}

void run_reader_free(struct run_reader *reader)
{
    if (!reader)
        return;
    free(reader->what);
    index_block_release(&reader->block);
    buf_release(&reader->last_text);
    free(reader);
}

const char *run_reader_what(const struct run_reader *reader)
{
    return reader->what;
}

static enum err_code damaged(const struct run_reader *reader, const char *how, struct err *err)
{
    (void)err_set(err, ERR_DATA, "%s is damaged: %s", reader->what, how);
    return err_hint(err,
                    "it was changed after it was written; restore it, or run 'tote reconcile'");
}

/* Reads all of size bytes. */
static enum err_code read_all(struct run_reader *reader, void *data, size_t size, struct err *err)
{
    char *to = data;
    while (size > 0) {
        size_t got = 0;
        TRY(reader->read(reader->arg, to, size, &got, err));
        if (got == 0)
            return damaged(reader, "it ends too early", err);
        assert(got <= size);
        to += got;
        size -= got;
    }
    return ERR_OK;
}

static enum err_code read_magic(struct run_reader *reader, struct err *err)
{
    char magic[INDEX_MAGIC_SIZE];
    TRY(read_all(reader, magic, sizeof magic, err));
    if (memcmp(magic, index_magic, sizeof magic) != 0)
        return damaged(reader, "it is not a run of an index", err);
    reader->begun = true;
    return ERR_OK;
}

static enum err_code check_end(struct run_reader *reader, const struct index_block_header *end,
                               struct err *err)
{
    if (end->checksum != index_block_checksum(end, "", 0))
        return damaged(reader, "wrong checksum", err);
    if ((uint64_t)end->lowest != reader->entries)
        return damaged(reader, "blocks are missing", err);
    char more;
    size_t got = 0;
    TRY(reader->read(reader->arg, &more, 1, &got, err));
    if (got != 0)
        return damaged(reader, "it goes on after its end", err);
    reader->ended = true;
    return ERR_OK;
}

/* The block's keys come after those of the block before, and are of the same form. */
static enum err_code check_order(struct run_reader *reader, struct err *err)
{
    struct key lowest = index_block_lowest(&reader->block);
    struct key highest = index_block_highest(&reader->block);
    if (reader->entries > 0) {
        struct key last = {.form = reader->form,
                           .number = reader->last_number,
                           .text = {reader->last_text.data, reader->last_text.size}};
        if (lowest.form != reader->form || key_compare(&last, &lowest) >= 0)
            return damaged(reader, "its blocks are out of order", err);
    }
    if (key_compare(&lowest, &highest) > 0)
        return damaged(reader, "a block is out of order", err);
    reader->form = lowest.form;
    reader->last_number = highest.number;
    buf_clear(&reader->last_text);
    if (highest.form == KEY_TEXT)
        buf_add(&reader->last_text, highest.text.data, highest.text.size);
    return ERR_OK;
}

static enum err_code read_block(struct run_reader *reader, struct err *err)
{
    TRY(cancel_check(err));
    if (!reader->begun)
        TRY(read_magic(reader, err));
    struct index_block *block = &reader->block;
    struct index_block_header *header = &block->header;
    TRY(read_all(reader, header, sizeof *header, err));
    if (header->entries == 0)
        return check_end(reader, header, err);

    size_t size = 0;
    if (!index_block_size(header, &size))
        return damaged(reader, "impossible lengths", err);
    buf_clear(&block->stored);
    TRY(read_all(reader, buf_reserve(&block->stored, size), size, err));
    block->stored.size = size;
    if (header->checksum != index_block_checksum(header, block->stored.data, size))
        return damaged(reader, "wrong checksum", err);
    TRY(check_order(reader, err));
    block->decoded = false;
    reader->entries += header->entries;
    reader->position = 0;
    reader->block_known = true;
    return ERR_OK;
}

static enum err_code decode(struct run_reader *reader, struct err *err)
{
    if (reader->block.decoded || index_block_decode(&reader->block))
        return ERR_OK;
    return damaged(reader, "a block does not decode", err);
}

enum err_code run_reader_head(struct run_reader *reader, const struct key **ret_key,
                              struct err *err)
{
    if (!reader->block_known && !reader->ended)
        TRY(read_block(reader, err));
    if (reader->ended) {
        *ret_key = NULL;
        return ERR_OK;
    }
    if (reader->position == 0) {
        reader->head = index_block_lowest(&reader->block);
    } else {
        TRY(decode(reader, err));
        reader->head = index_block_key(&reader->block, reader->position);
    }
    *ret_key = &reader->head;
    return ERR_OK;
}

enum err_code run_reader_entry(struct run_reader *reader, const struct index_entry **ret_entry,
                               struct err *err)
{
    assert(reader->block_known);
    TRY(decode(reader, err));
    const struct index_block *block = &reader->block;
    uint32_t position = reader->position;
    reader->entry = (struct index_entry){
        .key = index_block_key(block, position),
        .xmin = block->xmins[position],
        .content = load_u64(block->contents + (size_t)position * 8),
        .batch = block->batches[position],
        .removed = index_block_is_removed(block, position),
    };
    *ret_entry = &reader->entry;
    return ERR_OK;
}

void run_reader_advance(struct run_reader *reader)
{
    assert(reader->block_known);
    if (++reader->position == reader->block.header.entries)
        reader->block_known = false;
}

/* The first position of the block whose key does not come before `key`. */
static uint32_t find_position(const struct index_block *block, uint32_t from, const struct key *key)
{
    uint32_t low = from;
    uint32_t high = block->header.entries;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct key found = index_block_key(block, middle);
        if (key_compare(&found, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

enum err_code run_reader_seek(struct run_reader *reader, const struct key *key, struct err *err)
{
    for (;;) {
        const struct key *head = NULL;
        TRY(run_reader_head(reader, &head, err));
        if (!head || key_compare(head, key) >= 0)
            return ERR_OK;
        struct key highest = index_block_highest(&reader->block);
        if (key_compare(&highest, key) < 0) {
            run_reader_skip_block(reader);
            continue;
        }
        TRY(decode(reader, err));
        reader->position = find_position(&reader->block, reader->position, key);
    }
}

struct index_block *run_reader_block(struct run_reader *reader)
{
    bool whole = reader->block_known && reader->position == 0;
    return whole ? &reader->block : NULL;
}

void run_reader_skip_block(struct run_reader *reader)
{
    reader->block_known = false;
}

enum err_code run_reader_next(struct run_reader *reader, const struct index_entry **ret_entry,
                              struct err *err)
{
    if (!reader->block_known && !reader->ended)
        TRY(read_block(reader, err));
    if (reader->ended) {
        *ret_entry = NULL;
        return ERR_OK;
    }
    TRY(run_reader_entry(reader, ret_entry, err));
    run_reader_advance(reader);
    return ERR_OK;
}
