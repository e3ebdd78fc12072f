/* pipeline/snapshot.h - one consistent view of the source, seen through several connections.
 *
 * The order matters (DESIGN section 3): begin, settings, LOCK TABLE, and only then the snapshot.
 * Without the locks a TRUNCATE or a rewrite after the snapshot would show other rows than the
 * snapshot's. */
#ifndef PIPELINE_SNAPSHOT_H
#define PIPELINE_SNAPSHOT_H

#include "pg/pg.h"

struct snapshot_options {
    const char *url;
    int64_t lock_timeout_us;
    int64_t statement_timeout_us; /* 0: none */
};

struct snapshot_facts {
    char system_identifier[24]; /* "" when the role may not ask */
    char database[256];
    uint32_t database_oid;
    uint32_t timeline; /* 0: not known */
    int server_version;
    bool standby;
    bool utf8; /* the server's encoding: its order and hashes of text are ours */
    int64_t captured_us;
    char snapshot[128]; /* "xmin:xmax:…", the ids in progress left out */
    uint64_t xmin;
    uint64_t xmax;
    char wal[24];
    uint64_t wal_position;
    int64_t oldest_us; /* start of the oldest transaction open before the snapshot; 0: not known */
};

struct snapshot;
/* Connects, in no transaction. */
CHECKED enum err_code snapshot_open(const struct snapshot_options *options,
                                    struct snapshot **ret_snapshot, struct err *err);
void snapshot_close(struct snapshot *snapshot);
DEFINE_CLEANUP(struct snapshot *, snapshot_close)
/* The first connection; the caller's thread uses it, as worker 0. */
struct pg *snapshot_pg(struct snapshot *snapshot);
/* Begins a short transaction to list the tables in: even that can meet a lock.  snapshot_rollback()
 * ends it. */
CHECKED enum err_code snapshot_peek(struct snapshot *snapshot, struct err *err);
/* Looks for the oldest transaction that is open, of those that we may see: before the snapshot, so
 * that none ends in between unseen.  All on a standby, and those of others without
 * pg_read_all_stats, cannot be seen: oldest_us stays 0. */
CHECKED enum err_code snapshot_ask_oldest(struct snapshot *snapshot, struct err *err);
/* Begins, locks what `lock_sql` says ("" : nothing), takes the snapshot. */
CHECKED enum err_code snapshot_begin(struct snapshot *snapshot, const char *lock_sql,
                                     struct err *err);
const struct snapshot_facts *snapshot_facts(const struct snapshot *snapshot);
CHECKED enum err_code snapshot_rollback(struct snapshot *snapshot, struct err *err);

/* Allows `count` workers, 0..count-1; a connection is opened when a worker first asks for it, and
 * sees the same snapshot. */
CHECKED enum err_code snapshot_share(struct snapshot *snapshot, unsigned count, struct err *err);
CHECKED enum err_code snapshot_worker(struct snapshot *snapshot, unsigned worker,
                                      struct pg **ret_pg, struct err *err);

/* "0/1A2B3C8" as a number; 0 when it is none. */
uint64_t wal_position(const char *text);

#endif
