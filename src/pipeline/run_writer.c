#include <assert.h>
#include <stdio.h>
#include <xxhash.h>
#include <zstd.h>

#include "pipeline/index_run.h"
#include "pipeline/varint.h"

struct run_writer {
    enum key_form form;
    index_write_fn *write;
    void *arg;
    bool begun; /* the magic is written */
    uint64_t entries;

    /* The block being filled. */
    uint32_t count;
    struct buf keys;
    struct buf lowest; /* text */
    size_t text_bytes;
    uint8_t *xmins; /* columns at their largest */
    uint8_t *xmins_end;
    uint8_t *batches;
    uint8_t *batches_end;
    uint64_t *contents;
    uint8_t removed[INDEX_BLOCK_ENTRIES / 8];
    bool any_removed;
    int64_t lowest_number;
    uint32_t last_xmin;
    uint64_t last_batch;

    /* The last key added or copied. */
    int64_t last_number;
    struct buf last_text;

    ZSTD_CCtx *zstd;
    struct buf out;
};

struct run_writer *run_writer_new(enum key_form form, index_write_fn *write, void *arg)
{
    struct run_writer *writer = mem_zalloc(1, sizeof *writer);
    writer->form = form;
    writer->write = write;
    writer->arg = arg;
    return writer;
}

void run_writer_free(struct run_writer *writer)
{
    if (!writer)
        return;
    buf_release(&writer->keys);
    buf_release(&writer->lowest);
    buf_release(&writer->last_text);
    buf_release(&writer->out);
    free(writer->xmins);
    free(writer->batches);
    free(writer->contents);
    (void)ZSTD_freeCCtx(writer->zstd);
    free(writer);
}

static struct key last_key(const struct run_writer *writer)
{
    return (struct key){.form = writer->form,
                        .number = writer->last_number,
                        .text = {writer->last_text.data, writer->last_text.size}};
}

bool run_writer_last(const struct run_writer *writer, struct key *ret_key)
{
    *ret_key = last_key(writer);
    return writer->entries > 0;
}

static enum err_code begin(struct run_writer *writer, struct err *err)
{
    if (writer->begun)
        return ERR_OK;
    TRY(writer->write(writer->arg, index_magic, INDEX_MAGIC_SIZE, err));
    writer->begun = true;
    return ERR_OK;
}

static void begin_block(struct run_writer *writer)
{
    if (!writer->xmins) {
        writer->xmins = mem_alloc((size_t)INDEX_BLOCK_ENTRIES * VARINT_MAX);
        writer->batches = mem_alloc((size_t)INDEX_BLOCK_ENTRIES * VARINT_MAX);
        writer->contents = mem_alloc(INDEX_BLOCK_ENTRIES * sizeof *writer->contents);
        (void)buf_reserve(&writer->keys, (size_t)INDEX_BLOCK_ENTRIES * VARINT_MAX);
        writer->zstd = ZSTD_createCCtx();
        if (!writer->zstd)
            abort(); /* out of memory, as everywhere */
    }
    buf_clear(&writer->keys);
    buf_clear(&writer->lowest);
    writer->text_bytes = 0;
    writer->xmins_end = writer->xmins;
    writer->batches_end = writer->batches;
    writer->last_xmin = 0;
    writer->last_batch = 0;
    if (writer->any_removed)
        memset(writer->removed, 0, sizeof writer->removed);
    writer->any_removed = false;
}

/* Puts key, xmin and batch columns and the bitmap together and appends them, compressed, to out. */
static enum err_code add_frame(struct run_writer *writer, struct index_block_header *header,
                               struct err *err)
{
    size_t size = (size_t)header->key_bytes + header->xmin_bytes + header->batch_bytes +
                  header->removed_bytes;
    buf_add(&writer->keys, writer->xmins, header->xmin_bytes);
    buf_add(&writer->keys, writer->batches, header->batch_bytes);
    buf_add(&writer->keys, writer->removed, header->removed_bytes);
    size_t bound = ZSTD_compressBound(size);
    char *to = buf_reserve(&writer->out, bound);
    size_t frame = ZSTD_compressCCtx(writer->zstd, to, bound, writer->keys.data, size, 1);
    if (ZSTD_isError(frame))
        return err_set(err, ERR_INTERNAL, "compressing the index: %s", ZSTD_getErrorName(frame));
    writer->out.size += frame;
    header->frame_bytes = (uint32_t)frame;
    return ERR_OK;
}

static enum err_code flush_block(struct run_writer *writer, struct err *err)
{
    if (writer->count == 0)
        return ERR_OK;
    TRY(begin(writer, err));

    bool is_text = writer->form == KEY_TEXT;
    struct index_block_header header = {
        .entries = writer->count,
        .form = (uint32_t)writer->form,
        .key_bytes = (uint32_t)writer->keys.size,
        .xmin_bytes = (uint32_t)(writer->xmins_end - writer->xmins),
        .batch_bytes = (uint32_t)(writer->batches_end - writer->batches),
        .removed_bytes = writer->any_removed ? (writer->count + 7) / 8 : 0,
        .text_bytes = (uint32_t)writer->text_bytes,
        .lowest_bytes = is_text ? (uint32_t)writer->lowest.size : 0,
        .highest_bytes = is_text ? (uint32_t)writer->last_text.size : 0,
        .lowest = is_text ? 0 : writer->lowest_number,
        .highest = is_text ? 0 : writer->last_number,
    };
    buf_clear(&writer->out);
    buf_add(&writer->out, &header, sizeof header); /* its place; it follows below */
    if (is_text) {
        buf_add(&writer->out, writer->lowest.data, writer->lowest.size);
        buf_add(&writer->out, writer->last_text.data, writer->last_text.size);
    }
    TRY(add_frame(writer, &header, err));
    buf_add(&writer->out, writer->contents, writer->count * sizeof *writer->contents);
    header.checksum = index_block_checksum(&header, writer->out.data + sizeof header,
                                           writer->out.size - sizeof header);
    memcpy(writer->out.data, &header, sizeof header);
    writer->count = 0;
    return writer->write(writer->arg, writer->out.data, writer->out.size, err);
}

static enum err_code refuse_key(const struct key *key, int order, struct err *err)
{
    char name[128];
    index_key_describe(key, name, sizeof name);
    if (order == 0)
        return err_set(err, ERR_DATA, "%s comes twice", name);
    return err_set(err, ERR_INTERNAL, "%s is out of order in the index", name);
}

enum err_code run_writer_refuse_long_key(const struct key *key, struct err *err)
{
    char name[128];
    index_key_describe(key, name, sizeof name);
    return err_set(err, ERR_DATA, "%s is longer than %d bytes", name, INDEX_KEY_LIMIT);
}

static enum err_code add_number(struct run_writer *writer, const struct key *key, struct err *err)
{
    if (writer->entries > 0 && key->number <= writer->last_number)
        return refuse_key(key, key->number == writer->last_number ? 0 : 1, err);
    uint64_t step = (uint64_t)key->number - (uint64_t)writer->last_number;
    if (writer->count == 0) {
        writer->lowest_number = key->number;
        step = 0;
    }
    uint8_t *end = (uint8_t *)writer->keys.data + writer->keys.size;
    writer->keys.size += (size_t)(varint_put(end, step) - end);
    writer->last_number = key->number;
    return ERR_OK;
}

static enum err_code add_text(struct run_writer *writer, const struct key *key, struct err *err)
{
    struct buf *last = &writer->last_text;
    if (writer->entries > 0) {
        struct key before = last_key(writer);
        int order = key_compare(&before, key);
        if (order >= 0)
            return refuse_key(key, order, err);
    }
    if (key->text.size > INDEX_KEY_LIMIT)
        return run_writer_refuse_long_key(key, err);
    size_t shared = 0;
    if (writer->count == 0)
        buf_add(&writer->lowest, key->text.data, key->text.size);
    else
        while (shared < last->size && shared < key->text.size &&
               last->data[shared] == key->text.data[shared])
            shared++;

    size_t own = key->text.size - shared;
    uint8_t *start = (uint8_t *)buf_reserve(&writer->keys, own + (size_t)2 * VARINT_MAX);
    uint8_t *end = varint_put(varint_put(start, shared), own);
    writer->keys.size += (size_t)(end - start);
    buf_add(&writer->keys, key->text.data + shared, own);
    writer->text_bytes += key->text.size;
    last->size = shared;
    buf_add(last, key->text.data + shared, own);
    return ERR_OK;
}

enum err_code run_writer_add(struct run_writer *writer, const struct index_entry *entry,
                             struct err *err)
{
    assert(entry->key.form == writer->form);
    if (writer->count == 0)
        begin_block(writer);
    if (writer->form == KEY_INT8)
        TRY(add_number(writer, &entry->key, err));
    else
        TRY(add_text(writer, &entry->key, err));

    uint64_t xmin_step = zigzag((uint64_t)entry->xmin - (uint64_t)writer->last_xmin);
    writer->xmins_end = varint_put(writer->xmins_end, xmin_step);
    writer->last_xmin = entry->xmin;
    writer->batches_end =
        varint_put(writer->batches_end, zigzag(entry->batch - writer->last_batch));
    writer->last_batch = entry->batch;
    uint32_t position = writer->count++;
    writer->contents[position] = entry->content;
    if (entry->removed) {
        writer->removed[position / 8] |= (uint8_t)(1U << (position % 8));
        writer->any_removed = true;
    }
    writer->entries++;
    if (writer->count == INDEX_BLOCK_ENTRIES || writer->text_bytes >= INDEX_BLOCK_TEXT)
        return flush_block(writer, err);
    return ERR_OK;
}

enum err_code run_writer_copy(struct run_writer *writer, const struct index_block *block,
                              struct err *err)
{
    assert((enum key_form)block->header.form == writer->form);
    struct key lowest = index_block_lowest(block);
    struct key highest = index_block_highest(block);
    struct key last = last_key(writer);
    if (writer->entries > 0 && key_compare(&last, &lowest) >= 0)
        return refuse_key(&lowest, key_compare(&last, &lowest), err);
    TRY(flush_block(writer, err));
    TRY(begin(writer, err));
    TRY(writer->write(writer->arg, &block->header, sizeof block->header, err));
    TRY(writer->write(writer->arg, block->stored.data, block->stored.size, err));
    writer->entries += block->header.entries;
    writer->last_number = highest.number;
    buf_clear(&writer->last_text);
    if (writer->form == KEY_TEXT)
        buf_add(&writer->last_text, highest.text.data, highest.text.size);
    return ERR_OK;
}

enum err_code run_writer_finish(struct run_writer *writer, uint64_t *ret_entries, struct err *err)
{
    TRY(flush_block(writer, err));
    TRY(begin(writer, err));
    struct index_block_header end = {.form = (uint32_t)writer->form,
                                     .lowest = (int64_t)writer->entries};
    end.checksum = index_block_checksum(&end, "", 0);
    TRY(writer->write(writer->arg, &end, sizeof end, err));
    if (ret_entries)
        *ret_entries = writer->entries;
    return ERR_OK;
}
