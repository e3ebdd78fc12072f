#include "pipeline/ingest_decide.h"

#include "base/log.h"
#include "base/text.h"

#define CURSOR_COMPARE_EVERY_US (INT64_C(24) * 3600 * 1000000)
/* Half of the 32-bit ids, less what may be in progress. */
#define XIDS_COMPARABLE (UINT64_C(1) << 30)

enum {
    WAL_PAGE_BYTES = 8192,
    WAL_HEADER_BYTES = 40
};

static enum err_code refuse_source(const struct capture_batch *batch, struct err *err)
{
    const struct record *last = batch->last;

    (void)err_set(
        err, ERR_CONFLICT,
        "lake '%s' was fed by another source: database '%s' of cluster %s, this is '%s' of %s",
        store_url(batch->store), last->database,
        *last->system_identifier ? last->system_identifier : "(unknown)", batch->facts->database,
        *batch->facts->system_identifier ? batch->facts->system_identifier : "(unknown)");
    return err_hint(
        err, "correct source.url or lake.ingestion; when the source was restored or moved and "
             "is the same data, run `tote ingest --accept-new-source`");
}

/* A position at the very begin of a page counts its header; a standby says where the last record
 * ended. */
static uint64_t before_page_header(uint64_t position)
{
    uint64_t into = position % WAL_PAGE_BYTES;
    return into <= WAL_HEADER_BYTES ? position - into : position;
}

/* Nothing of the cluster that `then` saw was undone since: xids mean what they meant. */
static bool is_later(const struct record *then, const struct snapshot_facts *facts)
{
    bool same_timeline =
        then->timeline == facts->timeline || then->timeline == 0 || facts->timeline == 0;

    return same_timeline && then->database_oid == facts->database_oid &&
           facts->wal_position >= wal_position(then->wal) && facts->xmax >= then->snapshot_xmin;
}

/* A role that may not ask for the identifier still sees the database's name and oid. */
static bool is_same_source(const struct record *then, const struct snapshot_facts *facts)
{
    bool same_cluster = !*then->system_identifier || !*facts->system_identifier ||
                        text_equal(then->system_identifier, facts->system_identifier);
    return same_cluster && text_equal(then->database, facts->database);
}

bool decide_fingerprints_hold(const struct capture_batch *batch, const struct record *then)
{
    return is_same_source(then, batch->facts) && is_later(then, batch->facts) &&
           batch->facts->xmax - then->snapshot_xmin < XIDS_COMPARABLE;
}

enum err_code decide_source(const struct capture_batch *batch, bool *ret_trusted, struct err *err)
{
    const struct record *last = batch->last;
    const struct snapshot_facts *facts = batch->facts;

    *ret_trusted = true;
    if (!last)
        return ERR_OK;
    uint64_t last_wal = wal_position(last->wal);
    if (!is_same_source(last, facts)) {
        *ret_trusted = false;
        return batch->options->accept_new_source ? ERR_OK : refuse_source(batch, err);
    }
    if (facts->standby &&
        (facts->wal_position < before_page_header(last_wal) || facts->xmax < last->snapshot_xmin)) {
        (void)err_set(err, ERR_UNAVAILABLE, "the standby has replayed to %s, the last batch saw %s",
                      facts->wal, last->wal);
        return err_hint(err, "run again when it has caught up, or read the primary");
    }
    *ret_trusted = is_later(last, facts);
    if (!*ret_trusted)
        log_warn("the source was restored or failed over since batch %llu: comparing all content",
                 (unsigned long long)last->batch);
    return ERR_OK;
}

bool decide_state_fits(const struct source_table *source, const struct record_table *old)
{
    const struct record_table *now = &source->record;

    if (!text_equal(old->key_form, source->form == KEY_INT8 ? "int8" : "text") ||
        old->key_count != now->key_count || record_table_is_keyless(old) != source->keyless)
        return false;
    for (size_t i = 0; i < now->key_count; i++)
        if (!text_equal(old->key[i], now->key[i]))
            return false;
    return true;
}

static bool compare_is_due(const struct capture_batch *batch, const struct source_table *source,
                           const struct record_table *old)
{
    int64_t every_us = batch->options->compare_every_us;

    if (source->options && source->options->compare_every_us >= 0 && !source->options->cursor)
        every_us = source->options->compare_every_us;
    return every_us > 0 && batch->facts->captured_us - old->full_compare_us >= every_us;
}

bool decide_must_compare(const struct capture_batch *batch, const struct source_table *source,
                         const struct record_table *old, bool trusted)
{
    return !trusted || batch->options->full_compare ||
           !text_equal(old->shape, source->record.shape) || compare_is_due(batch, source, old) ||
           batch->facts->xmax - (old->cursor ? old->compared_xmin : batch->last->snapshot_xmin) >=
               XIDS_COMPARABLE;
}

/* Between compares by fingerprint a table with a cursor is read from where that stands. */
static bool may_use_cursor(const struct capture_batch *batch, const struct source_table *source,
                           const struct record_table *old)
{
    const char *cursor = source_table_cursor(source);

    if (!cursor || !old->cursor || !text_equal(old->cursor, cursor))
        return false;
    int64_t every_us = source->options->compare_every_us;
    if (every_us < 0)
        every_us = CURSOR_COMPARE_EVERY_US;
    return batch->facts->captured_us - old->compared_us < every_us;
}

bool decide_can_fingerprint(const struct capture_batch *batch, const struct source_table *source)
{
    bool hashes_are_ours = source->form == KEY_INT8 || source->keyless || batch->facts->utf8;

    return source->stable && hashes_are_ours;
}

enum capture_mode decide_mode(const struct capture_batch *batch, const struct source_table *source,
                              const struct record_table *old, bool trusted)
{
    if (!old)
        return source->keyless ? CAPTURE_COMPARE : CAPTURE_FIRST;
    if (!decide_can_fingerprint(batch, source) || decide_must_compare(batch, source, old, trusted))
        return CAPTURE_COMPARE;
    return may_use_cursor(batch, source, old) ? CAPTURE_CURSOR : CAPTURE_INCREMENTAL;
}
