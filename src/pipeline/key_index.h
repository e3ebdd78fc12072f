/* pipeline/key_index.h - the index of a table: for each key its xmin, the hash of its content, and
 * the batch that holds its last version.  It is what capture compares with.
 *
 * The index is a list of sorted runs, newest first: a base and small deltas.  An entry of a newer
 * run hides those of the same key in older ones; an entry that says `removed` hides them all.  Each
 * run is one immutable object: blocks of up to 8,192 entries, each with its key range, so that what
 * is not needed is skipped; keys, xmins and batches as delta varints through zstd, content hashes
 * as they are. Reading and writing hold a block per run, whatever the size.
 *
 * Runs are made in key order (run_writer), or from entries in any order (run_sorter, which sorts in
 * memory, spills to a work folder and merges).  Everything untrusted is checked: lengths, order,
 * XXH64 per block; damage is ERR_DATA with the object's name. */
#ifndef PIPELINE_KEY_INDEX_H
#define PIPELINE_KEY_INDEX_H

#include "pipeline/fingerprint.h"

struct index_entry {
    struct key key; /* text borrowed: valid until the next call that yielded it */
    uint32_t xmin;
    uint64_t content; /* XXH3 of the row's content */
    uint64_t batch;   /* that holds the last version */
    bool removed;     /* only in deltas */
};

/* Where a run's bytes go to or come from: a store's object, a file, memory. */
typedef enum err_code index_write_fn(void *arg, const void *data, size_t size, struct err *err);
/* Reads up to size bytes at the current position; *ret_size 0 at the end. */
typedef enum err_code index_read_fn(void *arg, void *data, size_t size, size_t *ret_size,
                                    struct err *err);

/* A text key's bytes; longer ones are ERR_DATA. */
enum {
    INDEX_KEY_LIMIT = 1 << 20
};

/* Writes a run from entries in strictly ascending key order; ERR_DATA when a key comes twice.
 * Nothing is complete before run_writer_finish(), which every way of filling a writer leaves to the
 * caller. */
struct run_writer;
struct run_writer *run_writer_new(enum key_form form, index_write_fn *write, void *arg);
void run_writer_free(struct run_writer *writer);
DEFINE_CLEANUP(struct run_writer *, run_writer_free)
CHECKED enum err_code run_writer_add(struct run_writer *writer, const struct index_entry *entry,
                                     struct err *err);
CHECKED enum err_code run_writer_finish(struct run_writer *writer, uint64_t *ret_entries,
                                        struct err *err);

/* Reads one run in key order. */
struct run_reader;
struct run_reader *run_reader_new(const char *what, index_read_fn *read, void *arg);
void run_reader_free(struct run_reader *reader);
DEFINE_CLEANUP(struct run_reader *, run_reader_free)
/* The next entry, or *ret_entry NULL at the end. */
CHECKED enum err_code run_reader_next(struct run_reader *reader,
                                      const struct index_entry **ret_entry, struct err *err);

/* Reads several runs (newest first) as one: each key once, its newest entry, removed ones left out
 * unless keep_removed. */
struct index_reader;
struct index_reader *index_reader_new(struct run_reader *const *runs, size_t count,
                                      bool keep_removed);
void index_reader_free(struct index_reader *reader); /* not the runs */
DEFINE_CLEANUP(struct index_reader *, index_reader_free)
CHECKED enum err_code index_reader_next(struct index_reader *reader,
                                        const struct index_entry **ret_entry, struct err *err);
/* Passes over all keys before `key`, which does not come before what was yielded last.  Blocks
 * without such keys are not decoded: for looking up keys in ascending order. */
CHECKED enum err_code index_reader_seek(struct index_reader *reader, const struct key *key,
                                        struct err *err);
/* Writes the rest of all runs (newest first) as one.  Copies whole blocks where the runs do not
 * overlap. */
CHECKED enum err_code index_merge(struct run_reader *const *runs, size_t count, bool keep_removed,
                                  struct run_writer *writer, struct err *err);

/* Entries in any order; sorted into one run at the end.  Entries that come in key order are not
 * held at all.  Memory bounded by memory_bytes (and a block per spilled run while merging); spills
 * into a nameless file in work_dir.  One thread at a time. */
struct run_sorter;
struct run_sorter *run_sorter_new(enum key_form form, const char *work_dir, size_t memory_bytes);
void run_sorter_free(struct run_sorter *sorter);
DEFINE_CLEANUP(struct run_sorter *, run_sorter_free)
CHECKED enum err_code run_sorter_add(struct run_sorter *sorter, const struct index_entry *entry,
                                     struct err *err);
/* Merges what several sorters (one per worker) hold into one run.  ERR_DATA when a key comes twice.
 * Adds the entries up in `fingerprint` too, when that is not NULL (its parameters set by the
 * caller). The sorters are spent afterwards. */
CHECKED enum err_code run_sorter_finish(struct run_sorter *const *sorters, size_t count,
                                        struct run_writer *writer, struct fingerprint *fingerprint,
                                        struct err *err);

#endif
