/* pipeline/batch_log.h - the log of batches of one bucket: one small record a batch, whose put is
 * the commit.
 *
 * A record's key is "_batches/<10 digits: 9999999999 - batch>.<10 digits: batch>.json", so that the
 * first key listed is the head, however long the log is.  Records are put with If-None-Match; after
 * a conflict or a lost answer the record is read back: its own attempt id means committed,
 * another's means that somebody else did this batch.  Batches are dense from 1. */
#ifndef PIPELINE_BATCH_LOG_H
#define PIPELINE_BATCH_LOG_H

#include "store/store.h"

enum {
    RECORD_LIMIT_BYTES = 32 << 20
};

/* 0 in *ret_batch: the log is empty.  Ignores keys that are no record's. */
CHECKED enum err_code batch_log_head(struct store *store, uint64_t *ret_batch, struct err *err);
/* Appends the record's text.  ERR_NOT_FOUND: no such batch (a gap is ERR_DATA for the caller). */
CHECKED enum err_code batch_log_read(struct store *store, uint64_t batch, struct buf *ret_text,
                                     struct err *err);
/* Commits.  `attempt_id` must stand as "attempt" in `text`.  ERR_OK also when the record was there
 * with our own id (an answer was lost); ERR_CONFLICT when it is another's.  Retries what is
 * retryable. */
CHECKED enum err_code batch_log_commit(struct store *store, uint64_t batch, const char *attempt_id,
                                       struct span text, struct err *err);
void batch_log_key(uint64_t batch, char ret_key[static 64]);
/* And back: the batch of a record's key; 0: it is no record's. */
uint64_t batch_log_batch(const char *key);

#endif
