/* pipeline/delta.h - a table in Delta Lake's format: immutable Parquet files in one folder, and a
 * log of which of them are the table, `_delta_log/<20 digits>.json`, one object a commit.
 * https://github.com/delta-io/delta/blob/master/PROTOCOL.md
 *
 * Exactly once: each commit carries txn {appId, version = batch}; a commit is put with
 * If-None-Match as the next version; where that is taken, the commit found there tells whether it
 * is this batch's (then it is adopted, whoever wrote it) or somebody else's (then the next version
 * is tried).  Log objects are never deleted, and no clock is read: a commit's times are the
 * batch's. */
#ifndef PIPELINE_DELTA_H
#define PIPELINE_DELTA_H

#include "duck/duck.h"
#include "store/store.h"

enum {
    DELTA_CHECKPOINT_EVERY = 100
};

struct delta_column {
    const char *name;
    const char *type; /* DuckDB's name */
};

struct delta_file {
    const char
        *path; /* below the table's directory; "<10 digits of batch>-<attempt>-<n>.parquet" */
    uint64_t bytes;
    uint64_t rows;
    const char *sha256; /* "" when another program wrote the file */
    int64_t at_ms;
};

/* The table as of one version. */
struct delta_state {
    int64_t version;          /* -1: no commit */
    struct delta_file *files; /* in the order in which they were added */
    size_t file_count;
    size_t file_capacity;
    const char *protocol, *metadata, *txn; /* last action of each, JSON; NULL: none */
};

struct delta_commit {
    const char *directory;
    const char *app_id;
    uint64_t batch;
    int64_t at_ms;
    bool append_only;
    bool new_schema; /* columns go along as metaData */
    const struct delta_column *columns;
    size_t column_count;
    const struct delta_file *adds;
    size_t add_count;
    const struct delta_file *removes;
    size_t remove_count;
    const char *summary; /* JSON object, kept in commitInfo: what an adopter has to know */
};

struct delta_outcome {
    int64_t version;
    bool adopted;        /* this batch was there already */
    const char *summary; /* when adopted: the other's */
    const char *text;    /* when adopted: the other's commit, lines of JSON; for delta_apply */
};

/* The table at exactly `version` (-1: empty).  Duck and work_dir are for checkpoints; duck may be
 * NULL when version is below the first checkpoint.  Everything in the arena. */
CHECKED enum err_code delta_read(struct store *store, struct duck *duck, const char *work_dir,
                                 const char *directory, int64_t version, struct arena *arena,
                                 struct delta_state *ret_state, struct err *err);
/* Follows commits after state->version that are not this app's batch: maintenance by others. */
CHECKED enum err_code delta_follow(struct store *store, const char *directory, const char *app_id,
                                   uint64_t batch, struct arena *arena, struct delta_state *state,
                                   struct err *err);
/* Applies one commit's lines; version + 1. */
CHECKED enum err_code delta_apply(const char *what, const char *text, size_t size,
                                  struct arena *arena, struct delta_state *state, struct err *err);
/* Puts the commit as the version after `base_version`, or a later one. */
CHECKED enum err_code delta_put(struct store *store, const struct delta_commit *commit,
                                int64_t base_version, struct arena *arena,
                                struct delta_outcome *ret_outcome, struct err *err);
/* Writes the state as a checkpoint and points `_last_checkpoint` at it. */
CHECKED enum err_code delta_checkpoint(struct store *store, struct duck *duck, const char *work_dir,
                                       const char *directory, const struct delta_state *state,
                                       struct err *err);
/* Delta's name of a DuckDB type ("long", "decimal(10,2)"); NULL when the lake cannot hold it. */
const char *delta_type(const char *duck_type, struct arena *arena);
void delta_log_key(const char *directory, int64_t version, struct buf *ret_key);
/* One `add` action as a line of JSON. */
void delta_write_add(const struct delta_file *file, bool data_change, struct buf *out);

#endif
