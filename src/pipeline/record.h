/* pipeline/record.h - the batch record of the ingestion bucket: what one batch holds, and the state
 * that the next one compares with.  The reader takes every format up to its newest and refuses
 * newer ones.  The same structs serve writer and reader.  docs/reference/records.md shows one. */
#ifndef PIPELINE_RECORD_H
#define PIPELINE_RECORD_H

#include "base/buf.h"
#include "base/digest.h"

enum {
    RECORD_FORMAT = 1,
    RECORD_FORMAT_REPLAY = 2, /* of kind "replay": who does not know it would pass it over */
};

struct record_object {
    const char *key;
    uint64_t bytes; /* as stored */
    uint64_t rows;  /* lines of JSON, entries of an index */
    const char *sha256;
};

/* How a type's text is written, read and kept: pipeline/types.h. */
struct record_column {
    const char *name;      /* in the source */
    const char *lake_name; /* in JSON and everything after: the name, with a suffix where another
                              differs only by case or the name is one of tote's */
    int number;            /* pg_attribute.attnum; 0: made by tote (_key) */
    const char *type;      /* base type of a domain, e.g. "int4", "numeric", "timestamp", "text",
                              "_int4"; "hashed" for a column hashed by configuration */
    int typmod;            /* -1: none */
    bool not_null;
    const char *comment; /* or NULL */
};

struct record_table {
    const char *name;   /* "sales_order", "other.t", percent-encoded: part of keys, and the table's
                           name   everywhere after */
    const char *schema; /* as in the catalog */
    const char *relation;
    const char *shape; /* hash of what fingerprints depend on; another shape: compare by content */
    const char *comment;           /* or NULL */
    struct record_column *columns; /* table order; those left out by configuration are not there */
    size_t column_count;
    const char *
        *key; /* lake names of the key columns, in key order; {"_key"} where there is none */
    size_t key_count;
    struct record_reference *references;
    size_t reference_count;

    bool gone;        /* dropped or left out since: what is here is its last state, kept so that the
                         rows it lacks are found when it comes back */
    uint64_t rows;    /* that the snapshot showed */
    uint64_t changed; /* new versions in this batch */
    uint64_t deleted;
    struct record_object *objects; /* JSON lines of this batch, in order */
    size_t object_count;
    struct record_object *deleted_objects; /* key columns only */
    size_t deleted_object_count;
    uint64_t *deleted_from; /* batches that hold the last content of the deleted rows, ascending */
    size_t deleted_from_count;

    /* State for the next compare. */
    const char *compare;         /* "full", "fingerprint" or "cursor": how this batch was found */
    int64_t full_compare_us;     /* captured_us of the last full compare */
    const char *key_form;        /* "int8" or "text": pipeline/key_index.h */
    const char *bucket_function; /* "range" or "hash": pipeline/fingerprint.h */
    int bucket_bits;             /* shift of range, width of hash */
    struct record_object *index; /* sorted runs, newest first */
    size_t index_count;
    struct record_object fingerprint; /* key NULL: recomputed from the index */
    /* With a cursor: where the next batch may begin to read, and the last compare of the whole. */
    const char *cursor; /* column, or NULL */
    const char *cursor_low;
    int64_t compared_us;
    uint64_t compared_xmin;
};

/* A foreign key of the source, for models that mirror it. */
struct record_reference {
    const char **columns; /* lake names */
    const char *table;    /* record_table.name */
    const char **target_columns;
    size_t count;
};

struct record {
    int format;
    uint64_t batch;
    const char *attempt; /* 32 hex digits */
    const char *kind;    /* "ingest"; "replay": pipeline/replay.h, all else as the batch before;
                            "part": a note, never in the log */
    const char *program; /* "tote 0.1.0" */
    const char **replay; /* kind "replay": models, and source tables as "clean.<table>", whose
                            quarantined rows get another try */
    size_t replay_count;
    /* The source. */
    const char *system_identifier;
    const char *database;
    uint32_t database_oid;
    uint32_t timeline;  /* 0: not known (a standby) */
    int server_version; /* 150018 */
    bool standby;
    /* The snapshot. */
    int64_t captured_us;
    const char *snapshot; /* "xmin:xmax:" of pg_current_snapshot(), 64-bit */
    uint64_t snapshot_xmin;
    uint64_t snapshot_xmax;
    const char *wal; /* "0/1A2B3C8" */
    int64_t started_us;
    int64_t duration_us;
    struct record_table *tables; /* every table captured, changed or not; by name */
    size_t table_count;
};

void record_write(const struct record *record, struct buf *ret_text);
/* Everything lives in the arena.  ERR_DATA, naming the batch and the member, when damaged. */
CHECKED enum err_code record_parse(const char *text, size_t size, struct arena *arena,
                                   struct record **ret_record, struct err *err);
/* Reads the record of a batch from its log. */
struct store;
CHECKED enum err_code record_read(struct store *store, uint64_t batch, struct arena *arena,
                                  struct record **ret_record, struct err *err);
const struct record_table *record_find_table(const struct record *record, const char *name);
bool record_has_changes(const struct record *record);
bool record_is_replay(const struct record *record);

#endif
