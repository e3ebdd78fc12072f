#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "pipeline/capture.h"
#include "pipeline/change_log.h"
#include "pipeline/row_stream.h"
#include "pipeline/sql_fill.h"
#include "sql.h"

enum {
    SCAN_SHARE = 8
}; /* buckets above an eighth: reading all keys is quicker */

#define CURSOR_OVERLAP_US INT64_C(3600000000)

struct incremental {
    struct table_capture *capture;
    struct pg *pg;
    struct fingerprint expected;     /* the last one, with all that was found since */
    struct fingerprint_bucket seen;  /* the server's, of all rows */
    struct fingerprint seen_buckets; /* the server's; asked for only when rows may have gone */
    struct change_log log;
    int64_t *buckets; /* that lack rows; ascending */
    size_t bucket_count;
    size_t bucket_capacity;
    bool all_buckets;
    bool *hash_wanted; /* by number, for hash buckets */
    int64_t last_bucket;
    bool last_wanted;
};

static void incremental_release(struct incremental *work)
{
    fingerprint_release(&work->expected);
    fingerprint_release(&work->seen_buckets);
    if (work->log.capture)
        change_log_release(&work->log);
    free(work->buckets);
    free(work->hash_wanted);
}

/* --- new versions --- */

/* Everything written since the last snapshot's oldest transaction; both bounds, as old rows have
 * negative ages after a jump of the transaction ids. */
static enum err_code changed_filter(struct incremental *work, struct buf *filter, struct err *err)
{
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    const struct record_table *old = work->capture->old;
    uint64_t next = 0;

    TRY(pg_query(work->pg, sql_ingest_next_xid, NULL, 0, &rows, err));
    (void)text_to_u64(pg_rows_text(rows, 0, 0), &next);
    uint64_t last = old->cursor ? old->compared_xmin : work->capture->batch->last->snapshot_xmin;
    uint32_t age = (uint32_t)next - (uint32_t)last;
    buf_addf(filter, "where age(xmin) between 0 and %" PRIu32, age);
    return ERR_OK;
}

static enum err_code take_changed(struct incremental *work, const struct index_entry *old,
                                  const struct source_row *row, struct err *err)
{
    if (old && old->xmin == row->xmin)
        return ERR_OK; /* known: the last batch saw it */
    if (old)
        fingerprint_add(&work->expected, &old->key, old->xmin, -1);
    fingerprint_add(&work->expected, &row->key, row->xmin, 1);
    if (old && old->content == row->content)
        return change_log_renew(&work->log, row, old->batch, err);
    return change_log_put(&work->log, row, err);
}

static enum err_code open_index(const struct incremental *work, struct index_runs **ret_runs,
                                struct index_reader **ret_reader, struct err *err)
{
    const struct record_table *old = work->capture->old;

    TRY(index_runs_open(work->capture->batch->store, old->index, old->index_count, ret_runs, err));
    *ret_reader =
        index_reader_new(index_runs_readers(*ret_runs), index_runs_count(*ret_runs), false);
    return ERR_OK;
}

static enum err_code find_changed(struct incremental *work, const char *filter, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf order = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    CLEANUP(index_runs_close) struct index_runs *runs = NULL;
    CLEANUP(index_reader_free) struct index_reader *index = NULL;
    CLEANUP(row_stream_close) struct row_stream *stream = NULL;
    const struct source_table *source = work->capture->source;
    const struct index_entry *entry = NULL;

    buf_addf(&order, "order by %s", source->key_order);
    source_table_copy(source, filter, order.data, &sql);
    struct row_stream_options options = {
        .table = source->record.name, .sql = sql.data, .layout = &source->rows, .ordered = true};
    TRY(row_stream_open(work->pg, &options, &stream, err));
    TRY(open_index(work, &runs, &index, err));
    TRY(index_reader_next(index, &entry, err));
    for (;;) {
        const struct source_row *row = NULL;
        int order_of_keys = 1;
        TRY(row_stream_next(stream, &row, err));
        if (!row)
            return ERR_OK;
        while (entry && (order_of_keys = key_compare(&entry->key, &row->key)) < 0)
            TRY(index_reader_next(index, &entry, err));
        TRY(take_changed(work, entry && order_of_keys == 0 ? entry : NULL, row, err));
    }
}

/* --- deleted rows --- */

static void note_bucket(void *arg, const struct fingerprint_bucket *expected,
                        const struct fingerprint_bucket *seen)
{
    struct incremental *work = arg;

    if (expected && seen && expected->count == seen->count)
        return; /* nothing was deleted from it */
    work->buckets = mem_grow(work->buckets, &work->bucket_capacity, work->bucket_count + 1,
                             sizeof *work->buckets);
    work->buckets[work->bucket_count++] = expected ? expected->number : seen->number;
}

static void choose_buckets(struct incremental *work)
{
    work->all_buckets =
        work->bucket_count > 16 && work->bucket_count > work->expected.count / SCAN_SHARE;
    if (work->all_buckets || work->expected.function == BUCKET_RANGE)
        return;
    work->hash_wanted = mem_zalloc((size_t)1 << work->expected.bits, sizeof *work->hash_wanted);
    for (size_t i = 0; i < work->bucket_count; i++)
        work->hash_wanted[work->buckets[i]] = true;
}

static int compare_numbers(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static bool is_wanted(struct incremental *work, const struct key *key)
{
    if (work->all_buckets)
        return true;
    int64_t number = key_bucket(&work->expected, key);
    if (work->hash_wanted)
        return work->hash_wanted[number];
    if (number != work->last_bucket) { /* ranges come in order: neighbours share the answer */
        work->last_bucket = number;
        work->last_wanted = bsearch(&number, work->buckets, work->bucket_count, sizeof number,
                                    compare_numbers) != NULL;
    }
    return work->last_wanted;
}

static void add_array(const struct incremental *work, int shift, struct buf *sql)
{
    buf_add_text(sql, "'{");
    for (size_t i = 0; i < work->bucket_count; i++)
        buf_addf(sql, "%s%" PRId64, i ? "," : "",
                 (int64_t)((uint64_t)work->buckets[i] << (unsigned)shift));
    buf_add_text(sql, "}'");
}

static void keys_sql(const struct incremental *work, struct buf *sql)
{
    CLEANUP_IN_PLACE(buf_release) struct buf array = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf hash = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf number = {0};
    const struct source_table *source = work->capture->source;

    buf_addf(&number, "%" PRIu64, (UINT64_C(1) << work->expected.bits) - 1);
    if (work->all_buckets) {
        buf_addf(&array, "order by %s", source->key_order);
        sql_fill(sql, sql_ingest_rows,
                 (struct sql_part[]){{"xmin", "0"},
                                     {"columns", source->key},
                                     {"table", source->from},
                                     {"filter", ""},
                                     {"order", array.data},
                                     {NULL, NULL}});
        return;
    }
    if (work->expected.function == BUCKET_RANGE) {
        add_array(work, work->expected.bits, &array);
        sql_fill(sql, sql_ingest_keys_range,
                 (struct sql_part[]){{"lows", array.data},
                                     {"key", source->key},
                                     {"table", source->from},
                                     {"width", number.data},
                                     {NULL, NULL}});
        return;
    }
    add_array(work, 0, &array);
    source_table_key_hash(source, &hash);
    sql_fill(sql, sql_ingest_keys_hash,
             (struct sql_part[]){{"key", source->key},
                                 {"table", source->from},
                                 {"key_hash", hash.data},
                                 {"mask", number.data},
                                 {"buckets", array.data},
                                 {"key_order", source->key_order},
                                 {NULL, NULL}});
}

/* Keys that the index has and the table has not.  Keys that only the table has are new rows, or
 * else the proof fails. */
static enum err_code merge_keys(struct incremental *work, struct row_stream *stream,
                                struct err *err)
{
    CLEANUP(index_runs_close) struct index_runs *runs = NULL;
    CLEANUP(index_reader_free) struct index_reader *index = NULL;
    const struct source_row *row = NULL;

    TRY(open_index(work, &runs, &index, err));
    TRY(row_stream_next(stream, &row, err));
    for (;;) {
        const struct index_entry *entry = NULL;
        int order = 1;
        TRY(index_reader_next(index, &entry, err));
        if (!entry)
            break;
        if (!is_wanted(work, &entry->key))
            continue;
        while (row && (order = key_compare(&row->key, &entry->key)) < 0)
            TRY(row_stream_next(stream, &row, err));
        if (row && order == 0)
            continue;
        fingerprint_add(&work->expected, &entry->key, entry->xmin, -1);
        TRY(change_log_delete(&work->log, entry, err));
    }
    while (row)
        TRY(row_stream_next(stream, &row, err));
    return ERR_OK;
}

static enum err_code find_deleted(struct incremental *work, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    CLEANUP(row_stream_close) struct row_stream *stream = NULL;
    const struct source_table *source = work->capture->source;

    choose_buckets(work);
    bool by_index = !work->all_buckets && work->expected.function == BUCKET_RANGE;
    /* The planner cannot know how narrow the ranges are. */
    if (by_index)
        TRY(pg_exec(work->pg, "set local enable_seqscan = off", err));
    keys_sql(work, &sql);
    struct row_stream_options options = {
        .table = source->record.name, .sql = sql.data, .layout = &source->keys, .ordered = true};
    TRY(row_stream_open(work->pg, &options, &stream, err));
    TRY(merge_keys(work, stream, err));
    if (by_index)
        TRY(pg_exec(work->pg, "set local enable_seqscan = on", err));
    return ERR_OK;
}

/* --- all --- */

/* The sums of keys are not asked for. */
static bool shows_the_same(const struct incremental *work)
{
    struct fingerprint_bucket expected = fingerprint_total(&work->expected);

    return expected.count == work->seen.count && expected.version_sum == work->seen.version_sum;
}

/* What was written so far is dropped: its objects are in no record. */
static enum err_code start_over(struct table_capture *capture, struct pg *pg, struct err *err)
{
    object_set_restart(capture->objects);
    object_set_restart(capture->deleted);
    capture->record.rows = 0;
    capture->record.compare = "full";
    capture->record.full_compare_us = capture->batch->facts->captured_us;
    return capture_compare(capture, pg, err);
}

/* True when all that the server shows has been found.  Most batches delete nothing: their totals
 * are proof enough.  Where rows are missing, the buckets tell from where. */
static enum err_code find_all(struct incremental *work, bool *ret_proved, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf filter = {0};

    change_log_init(&work->log, work->capture);
    TRY(changed_filter(work, &filter, err));
    TRY(find_changed(work, filter.data, err));
    fingerprint_ignore_keys(&work->expected);
    if (shows_the_same(work)) {
        *ret_proved = fingerprint_settle(&work->expected);
        return ERR_OK;
    }
    work->seen_buckets = fingerprint_like(&work->expected);
    TRY(capture_ask_fingerprint(work->capture, work->pg, &work->seen_buckets, err));
    if (fingerprint_compare(&work->expected, &work->seen_buckets, note_bucket, work) != 0 &&
        work->bucket_count != 0)
        TRY(find_deleted(work, err));
    fingerprint_ignore_keys(&work->expected);
    bool possible = fingerprint_settle(&work->expected);
    *ret_proved =
        possible && fingerprint_compare(&work->expected, &work->seen_buckets, NULL, NULL) == 0;
    return ERR_OK;
}

enum err_code capture_incremental_range(struct table_capture *capture, struct pg *pg, size_t range,
                                        struct err *err)
{
    return capture_ask_total(capture, pg, range, &capture->ranges[range].total, err);
}

enum err_code capture_incremental(struct table_capture *capture, struct pg *pg, struct err *err)
{
    CLEANUP_IN_PLACE(incremental_release)
    struct incremental work = {.capture = capture, .pg = pg, .last_bucket = INT64_MIN};
    bool proved = false;

    TRY(fingerprint_load(capture->batch->store, capture->old, &work.expected, err));
    for (size_t i = 0; i < capture->range_count; i++) {
        work.seen.count += capture->ranges[i].total.count;
        work.seen.version_sum += capture->ranges[i].total.version_sum;
    }
    capture->record.rows = work.seen.count;
    if (shows_the_same(&work)) {
        capture_carry_over(capture);
        return ERR_OK;
    }
    if (capture->source->keyless)
        return start_over(capture, pg, err);
    TRY(find_all(&work, &proved, err));
    if (!proved) {
        log_warn("table '%s' changed in ways that fingerprints do not explain: comparing all of it",
                 capture->source->record.name);
        return start_over(capture, pg, err);
    }
    return change_log_finish(&work.log, &work.expected, err);
}

/* --- by cursor --- */

/* Rows that were seen already are told by their xmin, so reading too far back costs time only. */
enum err_code capture_cursor(struct table_capture *capture, struct pg *pg, struct err *err)
{
    CLEANUP_IN_PLACE(incremental_release)
    struct incremental work = {.capture = capture, .pg = pg};
    CLEANUP_IN_PLACE(buf_release) struct buf filter = {0};

    TRY(fingerprint_load(capture->batch->store, capture->old, &work.expected, err));
    change_log_init(&work.log, capture);
    buf_add_text(&filter, "where ");
    pg_ident(&filter, capture->old->cursor);
    buf_add_text(&filter, " >= ");
    pg_literal(&filter, capture->old->cursor_low);
    TRY(find_changed(&work, filter.data, err));
    fingerprint_ignore_keys(&work.expected);
    if (!fingerprint_settle(&work.expected))
        return err_set(err, ERR_DATA, "the index of table '%s' does not fit its fingerprint",
                       capture->record.name);
    capture->record.rows = fingerprint_total(&work.expected).count;
    return change_log_finish(&work.log, &work.expected, err);
}

enum err_code capture_note_cursor(struct table_capture *capture, struct pg *pg, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf column = {0};
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    const struct snapshot_facts *facts = capture->batch->facts;
    const struct ingest_table_options *options = capture->source->options;
    bool compared = capture->mode != CAPTURE_CURSOR;
    int64_t back_us =
        options->cursor_overlap_us < 0 ? CURSOR_OVERLAP_US : options->cursor_overlap_us;
    char back[32];

    if (facts->oldest_us && facts->captured_us > facts->oldest_us)
        back_us += facts->captured_us - facts->oldest_us;
    (void)snprintf(back, sizeof back, "%" PRId64, back_us);
    pg_ident(&column, options->cursor);
    sql_fill(&sql, sql_ingest_cursor,
             (struct sql_part[]){{"back", back},
                                 {"column", column.data},
                                 {"table", capture->source->from},
                                 {NULL, NULL}});
    if (pg_query(pg, sql.data, NULL, 0, &rows, err) != ERR_OK)
        return err_wrap(err, "looking for the end of '%s'", capture->record.name);
    const char *low = pg_rows_text(rows, 0, 0);
    if (!low)
        return ERR_OK; /* no rows: the next batch compares */
    capture->record.cursor = options->cursor;
    capture->record.cursor_low = arena_strdup(capture->arena, low);
    capture->record.compared_us = compared ? facts->captured_us : capture->old->compared_us;
    capture->record.compared_xmin = compared ? facts->xmin : capture->old->compared_xmin;
    if (capture->mode == CAPTURE_INCREMENTAL)
        capture->state_changed = true; /* else it would be compared again the next time */
    return ERR_OK;
}
