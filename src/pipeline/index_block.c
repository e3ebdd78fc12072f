#include <stdio.h>
#include <xxhash.h>
#include <zstd.h>

#include "pipeline/index_run.h"
#include "pipeline/varint.h"

const char index_magic[INDEX_MAGIC_SIZE] = {'T', 'O', 'T', 'E', 'I', 'X', '1', '\n'};

void index_block_release(struct index_block *block)
{
    buf_release(&block->stored);
    buf_release(&block->columns);
    (void)ZSTD_freeDCtx(block->zstd);
    free(block->numbers);
    free(block->offsets);
    free(block->text);
    free(block->xmins);
    free(block->batches);
    *block = (struct index_block){0};
}

/* Every length is held against what a writer can make before memory is asked for. */
static bool header_is_sound(const struct index_block_header *header)
{
    const uint32_t n = header->entries;
    const uint32_t text_max = INDEX_BLOCK_TEXT + INDEX_KEY_LIMIT;
    if (n == 0 || n > INDEX_BLOCK_ENTRIES || header->form > KEY_TEXT || header->reserved[0] ||
        header->reserved[1])
        return false;
    if (header->xmin_bytes < n || header->xmin_bytes > n * VARINT_MAX)
        return false;
    if (header->batch_bytes < n || header->batch_bytes > n * VARINT_MAX)
        return false;
    if (header->removed_bytes != 0 && header->removed_bytes != (n + 7) / 8)
        return false;
    if (header->form == KEY_INT8)
        return header->key_bytes >= n && header->key_bytes <= n * VARINT_MAX &&
               header->text_bytes == 0 && header->lowest_bytes == 0 && header->highest_bytes == 0 &&
               header->lowest <= header->highest;
    return header->text_bytes <= text_max && header->key_bytes >= 2 * n &&
           header->key_bytes <= text_max + n * 2 * VARINT_MAX &&
           header->lowest_bytes <= INDEX_KEY_LIMIT && header->highest_bytes <= INDEX_KEY_LIMIT;
}

static size_t columns_size(const struct index_block_header *header)
{
    return (size_t)header->key_bytes + header->xmin_bytes + header->batch_bytes +
           header->removed_bytes;
}

bool index_block_size(const struct index_block_header *header, size_t *ret_size)
{
    if (!header_is_sound(header) || header->frame_bytes > ZSTD_compressBound(columns_size(header)))
        return false;
    *ret_size = (size_t)header->lowest_bytes + header->highest_bytes + header->frame_bytes +
                (size_t)header->entries * 8;
    return true;
}

uint64_t index_block_checksum(const struct index_block_header *header, const char *stored,
                              size_t size)
{
    uint64_t of_header = XXH64(header, offsetof(struct index_block_header, checksum), 0);
    return XXH64(stored, size, of_header);
}

struct key index_block_lowest(const struct index_block *block)
{
    const struct index_block_header *header = &block->header;
    return (struct key){
        .form = header->form,
        .number = header->lowest,
        .text = {header->form == KEY_TEXT ? block->stored.data : NULL, header->lowest_bytes}};
}

struct key index_block_highest(const struct index_block *block)
{
    const struct index_block_header *header = &block->header;
    return (struct key){
        .form = header->form,
        .number = header->highest,
        .text = {header->form == KEY_TEXT ? block->stored.data + header->lowest_bytes : NULL,
                 header->highest_bytes}};
}

struct key index_block_key(const struct index_block *block, uint32_t position)
{
    if (block->header.form == KEY_INT8)
        return (struct key){.form = KEY_INT8, .number = block->numbers[position]};
    uint32_t offset = block->offsets[position];
    return (struct key){.form = KEY_TEXT,
                        .text = {block->text + offset, block->offsets[position + 1] - offset}};
}

static bool decode_numbers(struct index_block *block, const uint8_t *at, const uint8_t *end)
{
    const struct index_block_header *header = &block->header;
    uint64_t number = (uint64_t)header->lowest;
    for (uint32_t i = 0; i < header->entries; i++) {
        uint64_t step;
        if (!varint_get(&at, end, &step))
            return false;
        /* strictly ascending, and not beyond the highest */
        if ((i == 0) != (step == 0) || step > (uint64_t)header->highest - number)
            return false;
        number += step;
        block->numbers[i] = (int64_t)number;
    }
    return at == end && number == (uint64_t)header->highest;
}

static bool decode_text(struct index_block *block, const uint8_t *at, const uint8_t *end)
{
    const struct index_block_header *header = &block->header;
    struct key last = {.form = KEY_TEXT, .text = {block->text, 0}};
    uint32_t size = 0;
    block->offsets[0] = 0;
    for (uint32_t i = 0; i < header->entries; i++) {
        uint64_t shared;
        uint64_t own;
        if (!varint_get(&at, end, &shared) || !varint_get(&at, end, &own))
            return false;
        if (shared > last.text.size || own > (uint64_t)(end - at) ||
            shared + own > header->text_bytes - size)
            return false;
        char *to = block->text + size;
        memcpy(to, last.text.data, (size_t)shared);
        memcpy(to + shared, at, (size_t)own);
        at += own;
        struct key key = {.form = KEY_TEXT, .text = {to, (size_t)(shared + own)}};
        if (i > 0 && key_compare(&last, &key) >= 0)
            return false;
        last = key;
        size += (uint32_t)key.text.size;
        block->offsets[i + 1] = size;
    }
    struct key first = index_block_key(block, 0);
    struct key lowest = index_block_lowest(block);
    struct key highest = index_block_highest(block);
    return at == end && size == header->text_bytes && key_compare(&first, &lowest) == 0 &&
           key_compare(&last, &highest) == 0;
}

static bool decode_versions(struct index_block *block, const uint8_t *xmins, const uint8_t *batches)
{
    const uint8_t *xmins_end = xmins + block->header.xmin_bytes;
    const uint8_t *batches_end = batches + block->header.batch_bytes;
    uint64_t xmin = 0;
    uint64_t batch = 0;
    for (uint32_t i = 0; i < block->header.entries; i++) {
        uint64_t difference;
        if (!varint_get(&xmins, xmins_end, &difference))
            return false;
        xmin += unzigzag(difference);
        if (xmin > UINT32_MAX)
            return false;
        block->xmins[i] = (uint32_t)xmin;
        if (!varint_get(&batches, batches_end, &difference))
            return false;
        batch += unzigzag(difference);
        block->batches[i] = batch;
    }
    return xmins == xmins_end && batches == batches_end;
}

static void make_room(struct index_block *block)
{
    if (!block->xmins) {
        block->xmins = mem_alloc(INDEX_BLOCK_ENTRIES * sizeof *block->xmins);
        block->batches = mem_alloc(INDEX_BLOCK_ENTRIES * sizeof *block->batches);
    }
    if (block->header.form == KEY_INT8) {
        if (!block->numbers)
            block->numbers = mem_alloc(INDEX_BLOCK_ENTRIES * sizeof *block->numbers);
        return;
    }
    if (!block->offsets)
        block->offsets = mem_alloc((INDEX_BLOCK_ENTRIES + 1) * sizeof *block->offsets);
    block->text = mem_grow(block->text, &block->text_capacity, block->header.text_bytes + 1, 1);
}

bool index_block_decode(struct index_block *block)
{
    if (block->decoded)
        return true;
    const struct index_block_header *header = &block->header;
    size_t keys_before = (size_t)header->lowest_bytes + header->highest_bytes;
    size_t size = columns_size(header);

    if (!block->zstd)
        block->zstd = ZSTD_createDCtx();
    if (!block->zstd)
        abort(); /* out of memory, as everywhere */
    buf_clear(&block->columns);
    char *columns = buf_reserve(&block->columns, size);
    const char *frame = block->stored.data + keys_before;
    if (ZSTD_decompressDCtx(block->zstd, columns, size, frame, header->frame_bytes) != size)
        return false;
    block->columns.size = size;
    make_room(block);

    const uint8_t *keys = (const uint8_t *)columns;
    const uint8_t *xmins = keys + header->key_bytes;
    const uint8_t *batches = xmins + header->xmin_bytes;
    bool sound = header->form == KEY_INT8 ? decode_numbers(block, keys, xmins)
                                          : decode_text(block, keys, xmins);
    if (!sound || !decode_versions(block, xmins, batches))
        return false;
    block->removed = header->removed_bytes ? batches + header->batch_bytes : NULL;
    block->contents = block->stored.data + keys_before + header->frame_bytes;
    block->decoded = true;
    return true;
}

void index_key_describe(const struct key *key, char *ret, size_t ret_size)
{
    if (key->form == KEY_INT8) {
        (void)snprintf(ret, ret_size, "key %lld", (long long)key->number);
        return;
    }
    char shown[80];
    size_t size = 0;
    for (; size < key->text.size && size < sizeof shown - 4; size++) {
        char c = key->text.data[size];
        shown[size] = c == '\0' ? '|' : c;
    }
    (void)snprintf(ret, ret_size, "key '%.*s'%s", (int)size, shown,
                   size < key->text.size ? "…" : "");
}
