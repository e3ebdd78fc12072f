/* pipeline/object_names.h - what the objects of both buckets are called, stated once.
 *
 * Ingestion:
 *   <table>/<yyyy>/<mm>/<dd>/<table>.<batch>-<attempt>[-pNNNN].<time>[.deleted].json[.zst]
 *   _index/<table>/<batch>-<attempt>-<n>.index
 *   _index/<table>/<batch>-<attempt>.fingerprint
 *   _index/<table>/<batch>-<attempt>-<range>-<ranges>-<pages>.part
 *
 * Processed, below the folder of a table's generation or of what it held back (<attempt> as above,
 * <n> counts the files of one attempt):
 *   {clean,star,quarantine}/…/<batch>-<attempt>-<n>.parquet
 *
 * <table> is schema.table, percent-encoded, "public." left out; <batch> 10 digits, <attempt> the
 * first 6 hex digits of the attempt's id, <time> the snapshot's, in UTC.  No part of a name holds a
 * '.'. */
#ifndef PIPELINE_OBJECT_NAMES_H
#define PIPELINE_OBJECT_NAMES_H

#include "base/buf.h"

enum {
    TABLE_NAME_MAX =
        64 /* with the zero: a name in PostgreSQL, the warehouse included, has 63 bytes */
};         /* with its NUL; longer ones are shortened and end in a hash */

struct object_names {
    const char *table; /* as object_table_name() makes it */
    uint64_t batch;
    const char *attempt; /* 32 hex digits */
    int64_t captured_us;
};

/* The table's name in keys, and everywhere after. */
void object_table_name(const char *schema, const char *relation,
                       char ret_name[static TABLE_NAME_MAX]);

/* Each appends one key.  part 0: the table's only object. */
void object_data_key(const struct object_names *names, unsigned part, bool deleted, bool compressed,
                     struct buf *ret_key);
void object_index_key(const struct object_names *names, unsigned number, struct buf *ret_key);
/* A range of a first load: capture_resume.h. */
void object_part_key(const struct object_names *names, unsigned range, unsigned ranges,
                     uint64_t pages, struct buf *ret_key);
/* What the keys of all such objects of a batch's attempt begin with; attempt "": of all attempts.
 * Of data only where the snapshot's day is known. */
void object_index_prefix(const struct object_names *names, struct buf *ret_prefix);
void object_data_prefix(const struct object_names *names, struct buf *ret_prefix);
void object_fingerprint_key(const struct object_names *names, struct buf *ret_key);
/* A file's name, without its folder. */
void object_file_name(uint64_t batch, const char *attempt, unsigned number, struct buf *ret_name);

/* The batch that a key of the ingestion or the processed bucket tells of, of any attempt; 0: it is
 * none of the names above.  `file` is a name without its folder. */
uint64_t object_ingested_batch(const char *key);
uint64_t object_processed_batch(const char *key);
uint64_t object_file_batch(const char *file);

#endif
