/* pipeline/capture.h - what changed in one table since the last record.
 *
 * Four ways.  first: no state to compare with; rows in any order, large tables in ranges by
 * several workers.  compare: all rows in key order, merged with the index by content.  incremental:
 * fingerprints, then only what differs; it proves itself by the fingerprint and falls back to
 * compare.  cursor: only rows whose cursor column is recent; never called complete.
 *
 * A table_capture is worked on by one thread at a time, except that ranges of a first load run side
 * by side.  Objects it wrote mean nothing until a record names them. */
#ifndef PIPELINE_CAPTURE_H
#define PIPELINE_CAPTURE_H

#include <stdatomic.h>

#include "pipeline/index_store.h"
#include "pipeline/object_writer.h"
#include "pipeline/snapshot.h"
#include "pipeline/source_tables.h"

/* One batch in the making: constant while its tables are captured. */
struct capture_batch {
    struct store *store;
    const struct ingest_options *options;
    const struct snapshot_facts *facts;
    uint64_t batch;
    const char *attempt;
    const struct record *last; /* or NULL */
    const char *work_dir;
    const char *program; /* "tote 0.1.0" */
    int64_t started_us;
};

/* A table above this is read in ranges, and its index written without sorting where that can be. */
enum {
    LARGE_TABLE_BYTES = 32 << 20,
    CAPTURE_RANGES_MAX = 24, /* fewer than runs of an index are allowed to be */
    CAPTURE_RUNS_MAX = 2,    /* of a range: what came in order, and the rest */
};

enum capture_mode {
    CAPTURE_FIRST,
    CAPTURE_COMPARE,
    CAPTURE_INCREMENTAL,
    CAPTURE_CURSOR
};

/* A range of pages of a large table, which some worker reads.  In a first load rows mostly lie in
 * the order of their key: a large table's entries go straight into a run of the index as long as
 * they do; the others are sorted, and make a second run when the range is done. */
struct capture_range {
    struct index_output *direct; /* of a large table, while it is read; else everything is sorted */
    struct arena *arena;         /* the range's, for `runs`: what came in order, then the rest */
    struct record_object runs[CAPTURE_RUNS_MAX];
    size_t run_count;
    bool kept;           /* of an attempt before: capture_resume.h */
    int64_t last_number; /* of the last key in `direct` */
    struct buf last_text;
    uint64_t direct_rows;
    struct run_sorter *sorter;
    struct fingerprint fingerprint;  /* of a large table */
    struct fingerprint_bucket total; /* incremental: the server's */
    uint64_t first_page;
    uint64_t end_page; /* 0: to the end */
    uint64_t rows;
    int64_t lowest; /* int8 keys */
    int64_t highest;
};

struct table_capture {
    const struct capture_batch *batch;
    const struct source_table *source;
    const struct record_table *old; /* state to compare with, or NULL */
    enum capture_mode mode;
    struct arena *arena; /* this table's */
    struct object_names names;
    struct object_set *objects;
    struct object_set *deleted;
    struct capture_range *ranges;
    size_t range_count;
    uint64_t divided_pages;        /* that the ranges divide */
    struct capture_resume *resume; /* or NULL */
    atomic_size_t ranges_left;
    atomic_uint next_index; /* number of the next index object */
    /* The result. */
    struct record_table record;
    bool state_changed; /* the record must be written for the next batch to compare with */
    atomic_int_least64_t duration_us;
    atomic_int_least64_t started_us; /* of its first range, wall clock */
};

void table_capture_init(struct table_capture *capture, const struct capture_batch *batch,
                        const struct source_table *source, const struct record_table *old,
                        enum capture_mode mode);
void table_capture_release(struct table_capture *capture);

/* first: all ranges, in any order, then finish once.  A table that can be split is split into
 * `connections` ranges or more, 0: not at all. */
CHECKED enum err_code capture_first_split(struct table_capture *capture, struct pg *pg,
                                          unsigned connections, struct err *err);
void capture_first_release(struct table_capture *capture);
CHECKED enum err_code capture_first_range(struct table_capture *capture, struct pg *pg,
                                          size_t range, struct err *err);
CHECKED enum err_code capture_first_finish(struct table_capture *capture, struct err *err);

CHECKED enum err_code capture_compare(struct table_capture *capture, struct pg *pg,
                                      struct err *err);
/* incremental: divided into ranges, the server is asked for their totals, in any order; then all
 * the rest once, on one connection. */
CHECKED enum err_code capture_incremental_range(struct table_capture *capture, struct pg *pg,
                                                size_t range, struct err *err);
CHECKED enum err_code capture_incremental(struct table_capture *capture, struct pg *pg,
                                          struct err *err);
CHECKED enum err_code capture_cursor(struct table_capture *capture, struct pg *pg, struct err *err);
/* Where a table with a cursor goes on in the next batch; whatever this one's mode. */
CHECKED enum err_code capture_note_cursor(struct table_capture *capture, struct pg *pg,
                                          struct err *err);

/* --- for the files behind this header --- */

/* The fingerprint that the server computes, with the parameters in *fingerprint. */
CHECKED enum err_code capture_ask_fingerprint(const struct table_capture *capture, struct pg *pg,
                                              struct fingerprint *fingerprint, struct err *err);
/* The same of one range's rows, all in one bucket: half the cost. */
CHECKED enum err_code capture_ask_total(const struct table_capture *capture, struct pg *pg,
                                        size_t range, struct fingerprint_bucket *ret_total,
                                        struct err *err);
/* Divides the table's pages evenly.  The ranges are zeroed otherwise. */
void capture_divide(struct table_capture *capture, size_t ranges, uint64_t pages);
/* Appends "where ctid …", or nothing for a range that is the whole table. */
void capture_range_filter(const struct table_capture *capture, size_t range, struct buf *sql);
/* Choice of parameters for a table of about `rows` rows. */
void capture_choose(const struct table_capture *capture, int64_t lowest, int64_t highest,
                    uint64_t rows, struct fingerprint *ret_parameters);
/* The next state: the index with a delta, merged now and then, and the fingerprint.  `fingerprint`
 * may be replaced by one with better parameters. */
CHECKED enum err_code capture_write_state(struct table_capture *capture, struct run_sorter *delta,
                                          struct fingerprint *fingerprint, struct err *err);
/* Chooses parameters anew and adds up the index that the record names. */
CHECKED enum err_code capture_choose_again(struct table_capture *capture,
                                           struct fingerprint *fingerprint, struct err *err);
/* The parameters were chosen for another table than this, or its keys crowd in a few ranges. */
bool capture_has_outgrown(const struct fingerprint *fingerprint, uint64_t rows);
/* Opens the next run of the table's index for writing. */
CHECKED enum err_code capture_open_run(struct table_capture *capture,
                                       struct index_output **ret_output, struct err *err);
/* Objects and fingerprint of a finished capture into its record. */
CHECKED enum err_code capture_write_fingerprint(struct table_capture *capture,
                                                struct fingerprint *fingerprint, struct err *err);
void capture_list_objects(struct table_capture *capture);
size_t capture_sorter_bytes(const struct table_capture *capture);
/* A record's head: source, snapshot and attempt; kind "ingest", no tables. */
void capture_describe_batch(const struct capture_batch *batch, struct record *ret_record);
/* Everything as it was. */
void capture_carry_over(struct table_capture *capture);

#endif
