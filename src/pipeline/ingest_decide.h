/* pipeline/ingest_decide.h - how far the last record can be relied on: the rules of DESIGN section
 * 3 on when fingerprints mean something. */
#ifndef PIPELINE_INGEST_DECIDE_H
#define PIPELINE_INGEST_DECIDE_H

#include "pipeline/capture.h"

/* Is this the source that the lake was fed by?  *ret_trusted false: it is, or is accepted as such,
 * but transaction ids may mean something else now; compare content.  ERR_CONFLICT: another source.
 * ERR_UNAVAILABLE: a standby that lags behind what the lake already has. */
CHECKED enum err_code decide_source(const struct capture_batch *batch, bool *ret_trusted,
                                    struct err *err);
/* Equal fingerprints of then and now mean equal content, as far as the source goes: the same
 * cluster and database, later in the same history, ids still comparable. */
bool decide_fingerprints_hold(const struct capture_batch *batch, const struct record *then);
/* … and as far as the table goes. */
bool decide_can_fingerprint(const struct capture_batch *batch, const struct source_table *source);
/* The index of the last record is by the same key. */
bool decide_state_fits(const struct source_table *source, const struct record_table *old);
/* Something happened that makes a comparison of all content necessary; that it was made must be
 * recorded even when it finds nothing. */
bool decide_must_compare(const struct capture_batch *batch, const struct source_table *source,
                         const struct record_table *old, bool trusted);
enum capture_mode decide_mode(const struct capture_batch *batch, const struct source_table *source,
                              const struct record_table *old, bool trusted);

#endif
