/* pipeline/index_run.h - how a run of the index lies in its object; for the files behind
 * key_index.h only.
 *
 * A run is the magic, blocks, and an end block.  A block:
 *
 *   header        struct index_block_header, 72 bytes
 *   lowest key    text keys only
 *   highest key   text keys only
 *   frame         zstd: key column | xmin column | batch column | removed bitmap, or nothing when
 * no entry is removed contents      8 bytes an entry; hashes do not compress
 *
 * Columns are varints.  int8 keys: what is between a key and the one before (the first: 0, being
 * the header's lowest).  Text keys: bytes shared with the one before, bytes that follow, these
 * bytes.  xmins and batches: zigzag of what is between.  The end block is a header without entries,
 * whose `lowest` says how many entries the run holds: a run cut short at a block is found out. */
#ifndef PIPELINE_INDEX_RUN_H
#define PIPELINE_INDEX_RUN_H

#include "pipeline/key_index.h"

enum {
    INDEX_MAGIC_SIZE = 8,
    INDEX_BLOCK_ENTRIES = 8192,
    INDEX_BLOCK_TEXT = 256 << 10, /* a block ends when its keys have so many bytes */
};
extern const char index_magic[INDEX_MAGIC_SIZE];

struct index_block_header {
    uint32_t entries;
    uint32_t form;
    uint32_t key_bytes; /* of the columns, uncompressed */
    uint32_t xmin_bytes;
    uint32_t batch_bytes;
    uint32_t removed_bytes;
    uint32_t frame_bytes;
    uint32_t text_bytes; /* of all text keys, written out */
    uint32_t lowest_bytes;
    uint32_t highest_bytes;
    uint32_t reserved[2];
    int64_t lowest;
    int64_t highest;
    uint64_t checksum; /* XXH64 of the header up to here, and of all that follows it */
};
_Static_assert(sizeof(struct index_block_header) == 72, "no padding");

/* A block held in memory: as it is stored, and its columns once decoded. */
struct index_block {
    struct index_block_header header;
    struct buf stored; /* what follows the header */
    bool decoded;
    struct ZSTD_DCtx_s *zstd;
    struct buf columns; /* the frame, decompressed */
    int64_t *numbers;   /* int8 keys */
    uint32_t *offsets;  /* text keys: entries + 1 offsets into `text` */
    char *text;
    size_t text_capacity;
    uint32_t *xmins;
    uint64_t *batches;
    const uint8_t *removed; /* bitmap in `columns`, or NULL */
    const char *contents;   /* in `stored` */
};

void index_block_release(struct index_block *block);
/* How many bytes follow the header; false when the header makes no sense. */
bool index_block_size(const struct index_block_header *header, size_t *ret_size);
uint64_t index_block_checksum(const struct index_block_header *header, const char *stored,
                              size_t size);
/* False when its columns are not what the header says. */
bool index_block_decode(struct index_block *block);
struct key index_block_lowest(const struct index_block *block);
struct key index_block_highest(const struct index_block *block);
struct key index_block_key(const struct index_block *block, uint32_t position);
static inline bool index_block_is_removed(const struct index_block *block, uint32_t position)
{
    return block->removed && (block->removed[position / 8] >> (position % 8) & 1);
}

/* "key 17", "key 'a', 'b'", for messages: long ones are cut. */
void index_key_describe(const struct key *key, char *ret, size_t ret_size);

/* The key that comes next; NULL at the end.  Valid until run_reader_advance(). */
CHECKED enum err_code run_reader_head(struct run_reader *reader, const struct key **ret_key,
                                      struct err *err);
/* The entry of that key. */
CHECKED enum err_code run_reader_entry(struct run_reader *reader,
                                       const struct index_entry **ret_entry, struct err *err);
void run_reader_advance(struct run_reader *reader);
/* Passes over all keys before `key`. */
CHECKED enum err_code run_reader_seek(struct run_reader *reader, const struct key *key,
                                      struct err *err);
/* The block that begins with that key, not yet decoded, or NULL when there is none.  A user who
 * decodes it does not disturb the reader. */
struct index_block *run_reader_block(struct run_reader *reader);
void run_reader_skip_block(struct run_reader *reader);
const char *run_reader_what(const struct run_reader *reader);

/* Writes the block as it is; its keys come after all that was added. */
CHECKED enum err_code run_writer_copy(struct run_writer *writer, const struct index_block *block,
                                      struct err *err);
/* The last key added; false when there is none. */
bool run_writer_last(const struct run_writer *writer, struct key *ret_key);
/* ERR_DATA. */
CHECKED enum err_code run_writer_refuse_long_key(const struct key *key, struct err *err);

/* index_merge() for entries of which no key may come twice; adds them up in `fingerprint`, or NULL.
 */
CHECKED enum err_code index_merge_unique(struct run_reader *const *runs, size_t count,
                                         struct run_writer *writer, struct fingerprint *fingerprint,
                                         struct err *err);

#endif
