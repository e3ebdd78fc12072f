/* pipeline/index_store.h - the index's runs and fingerprints as objects of the ingestion bucket. */
#ifndef PIPELINE_INDEX_STORE_H
#define PIPELINE_INDEX_STORE_H

#include "pipeline/key_index.h"
#include "pipeline/record.h"
#include "store/store.h"

/* The runs that a record names, opened for reading. */
struct index_runs;
CHECKED enum err_code index_runs_open(struct store *store, const struct record_object *objects,
                                      size_t count, struct index_runs **ret_runs, struct err *err);
void index_runs_close(struct index_runs *runs);
DEFINE_CLEANUP(struct index_runs *, index_runs_close)
struct run_reader *const *index_runs_readers(const struct index_runs *runs);
size_t index_runs_count(const struct index_runs *runs);

/* A run being written as one object. */
struct index_output;
CHECKED enum err_code index_output_open(struct store *store, const char *key, enum key_form form,
                                        struct index_output **ret_output, struct err *err);
void index_output_close(struct index_output *output); /* drops what was not committed */
DEFINE_CLEANUP(struct index_output *, index_output_close)
struct run_writer *index_output_writer(struct index_output *output);
/* *ret_object's texts live in the arena. */
CHECKED enum err_code index_output_commit(struct index_output *output, struct arena *arena,
                                          struct record_object *ret_object, struct err *err);

/* Adds up all entries of some runs (newest first); the fingerprint's parameters set by the caller.
 */
CHECKED enum err_code index_add_up(struct store *store, const struct record_object *runs,
                                   size_t count, bool keyless, struct fingerprint *fingerprint,
                                   struct err *err);
/* The first and the last key (int8; 0 and -1 when there is none), and how many. */
CHECKED enum err_code index_span(struct store *store, const struct record_object *runs,
                                 size_t count, int64_t *ret_lowest, int64_t *ret_highest,
                                 uint64_t *ret_entries, struct err *err);
/* The fingerprint that belongs to a table's state: its object, or added up from the index. */
CHECKED enum err_code fingerprint_load(struct store *store, const struct record_table *table,
                                       struct fingerprint *ret_fingerprint, struct err *err);
CHECKED enum err_code fingerprint_store(struct store *store, const char *key,
                                        const struct fingerprint *fingerprint, struct arena *arena,
                                        struct record_object *ret_object, struct err *err);
/* Zeroes the sums of keys.  The server is not asked for them: new rows are all known, so a bucket
 * from which rows were deleted shows in its count, and hash(key, xmin) holds the key for the proof.
 */
void fingerprint_ignore_keys(struct fingerprint *fingerprint);
/* An empty one with the same parameters. */
static inline struct fingerprint fingerprint_like(const struct fingerprint *other)
{
    return (struct fingerprint){
        .form = other->form, .function = other->function, .bits = other->bits};
}
/* The parameters that a record's table names. */
void fingerprint_parameters(const struct record_table *table, struct fingerprint *ret_parameters);
/* Adds one entry.  A table without a key is fingerprinted by the hash of its rows alone: what tells
 * equal rows apart (":2") is the client's. */
void fingerprint_add_entry(struct fingerprint *fingerprint, const struct key *key, uint32_t xmin,
                           bool keyless, int sign);

bool record_table_is_keyless(const struct record_table *table);

#endif
