/* pipeline/delta_log.h - what delta.c, delta_commit.c and delta_checkpoint.c share.  Nobody else's.
 */
#ifndef PIPELINE_DELTA_LOG_H
#define PIPELINE_DELTA_LOG_H

#include "pipeline/delta.h"

enum {
    DELTA_LOG_LIMIT_BYTES = 64 << 20
};

void delta_add_file(struct delta_state *state, struct arena *arena, const struct delta_file *file);
/* numRecords of an add action's statistics; 0 when they do not tell. */
uint64_t delta_stats_rows(const char *stats);
/* ERR_NOT_FOUND: no such version. */
CHECKED enum err_code delta_read_commit(struct store *store, const char *directory, int64_t version,
                                        struct buf *ret_text, struct err *err);
/* The version of `app_id` that a commit carries, -1: none; and what its writer left for adopters.
 */
CHECKED enum err_code delta_commit_txn(const char *what, const struct buf *text, const char *app_id,
                                       struct arena *arena, int64_t *ret_version,
                                       const char **ret_summary, struct err *err);
/* The newest checkpoint at or below `version`, by the hint; -1: none. */
CHECKED enum err_code delta_find_checkpoint(struct store *store, const char *directory,
                                            int64_t version, int64_t *ret_checkpoint,
                                            struct err *err);
CHECKED enum err_code delta_read_checkpoint(struct store *store, struct duck *duck,
                                            const char *work_dir, const char *directory,
                                            int64_t version, struct arena *arena,
                                            struct delta_state *state, struct err *err);

#endif
