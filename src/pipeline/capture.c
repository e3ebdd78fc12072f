#include "pipeline/capture.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "pipeline/sql_fill.h"
#include "sql.h"

enum {
    RUNS_MAX = 32,       /* before the newest are joined */
    HIDDEN_SHARE = 4,    /* entries above 1 1/4 of the rows: much of the index is history */
    SMALL_INDEX = 65536, /* entries; the fingerprint of a smaller index is quickly added up */
    CROWDED_ROWS = 4 * FINGERPRINT_BUCKET_ROWS,
    SORTER_BYTES = 8 << 20,
    SORTERS_BYTES = 32 << 20, /* all of one table */
};

void table_capture_init(struct table_capture *capture, const struct capture_batch *batch,
                        const struct source_table *source, const struct record_table *old,
                        enum capture_mode mode)
{
    capture->batch = batch;
    capture->source = source;
    capture->old = old;
    capture->mode = mode;
    capture->arena = arena_new(0);
    capture->names = (struct object_names){.table = source->record.name,
                                           .batch = batch->batch,
                                           .attempt = batch->attempt,
                                           .captured_us = batch->facts->captured_us};
    struct object_options options = {
        .store = batch->store,
        .names = capture->names,
        .split = mode != CAPTURE_INCREMENTAL && source->size_bytes > batch->options->part_bytes,
        .part_bytes = batch->options->part_bytes,
        .compress_above_bytes = batch->options->compress_above_bytes,
    };
    capture->objects = object_set_new(&options);
    options.deleted = true;
    options.split = false;
    capture->deleted = object_set_new(&options);
    capture->record = source->record;
    bool full = mode == CAPTURE_FIRST || mode == CAPTURE_COMPARE;
    capture->record.compare = full ? "full" : mode == CAPTURE_CURSOR ? "cursor" : "fingerprint";
    capture->record.full_compare_us = full ? batch->facts->captured_us : old->full_compare_us;
    capture->record.key_form = source->form == KEY_INT8 ? "int8" : "text";
}

void table_capture_release(struct table_capture *capture)
{
    capture_first_release(capture);
    object_set_free(capture->objects);
    object_set_free(capture->deleted);
    arena_free(capture->arena);
}

size_t capture_sorter_bytes(const struct table_capture *capture)
{
    size_t count = capture->range_count ? capture->range_count : 1;
    return SORTERS_BYTES / count < SORTER_BYTES ? SORTERS_BYTES / count : SORTER_BYTES;
}

void capture_list_objects(struct table_capture *capture)
{
    struct record_table *record = &capture->record;

    object_set_list(capture->objects, capture->arena, &record->objects, &record->object_count);
    object_set_list(capture->deleted, capture->arena, &record->deleted_objects,
                    &record->deleted_object_count);
}

void capture_describe_batch(const struct capture_batch *batch, struct record *ret_record)
{
    const struct snapshot_facts *facts = batch->facts;

    *ret_record = (struct record){
        .format = RECORD_FORMAT,
        .batch = batch->batch,
        .attempt = batch->attempt,
        .kind = "ingest",
        .program = batch->program,
        .system_identifier = facts->system_identifier,
        .database = facts->database,
        .database_oid = facts->database_oid,
        .timeline = facts->timeline,
        .server_version = facts->server_version,
        .standby = facts->standby,
        .captured_us = facts->captured_us,
        .snapshot = facts->snapshot,
        .snapshot_xmin = facts->xmin,
        .snapshot_xmax = facts->xmax,
        .wal = facts->wal,
        .started_us = batch->started_us,
        .duration_us = clock_now_us() - batch->started_us,
    };
    if (ret_record->duration_us < 0) /* the clock was set back */
        ret_record->duration_us = 0;
}

void capture_carry_over(struct table_capture *capture)
{
    struct record_table *record = &capture->record;
    const struct record_table *old = capture->old;

    record->bucket_function = old->bucket_function;
    record->bucket_bits = old->bucket_bits;
    record->index = old->index;
    record->index_count = old->index_count;
    record->fingerprint = old->fingerprint;
}

/* --- ranges --- */

void capture_divide(struct table_capture *capture, size_t ranges, uint64_t pages)
{
    capture->ranges = arena_alloc(capture->arena, ranges * sizeof *capture->ranges);
    capture->range_count = ranges;
    capture->divided_pages = pages;
    atomic_init(&capture->ranges_left, ranges);
    for (size_t i = 0; i < ranges; i++)
        capture->ranges[i] = (struct capture_range){
            .first_page = pages * i / ranges,
            .end_page = i + 1 < ranges ? pages * (i + 1) / ranges : 0,
        };
}

/* The last range has no end: the table may have grown since it was measured. */
void capture_range_filter(const struct table_capture *capture, size_t number, struct buf *sql)
{
    const struct capture_range *range = &capture->ranges[number];

    if (capture->range_count == 1)
        return;
    buf_addf(sql, "where ctid >= '(%" PRIu64 ",0)'", range->first_page);
    if (number + 1 < capture->range_count)
        buf_addf(sql, " and ctid < '(%" PRIu64 ",0)'", range->end_page);
}

/* --- fingerprints --- */

/* A sum of bigints is a numeric; only its remainder modulo 2^64 counts. */
static uint64_t parse_sum(const char *text)
{
    bool negative = *text == '-';
    uint64_t sum = 0;

    for (text += negative; *text >= '0' && *text <= '9'; text++)
        sum = sum * 10 + (uint64_t)(*text - '0');
    return negative ? 0 - sum : sum;
}

static void add_bucket_sql(const struct table_capture *capture,
                           const struct fingerprint *parameters, struct buf *sql)
{
    if (parameters->function == BUCKET_RANGE) {
        buf_addf(sql, "%s >> %d", capture->source->key_value, parameters->bits);
        return;
    }
    source_table_key_hash(capture->source, sql);
    buf_addf(sql, " & %" PRIu64, (UINT64_C(1) << parameters->bits) - 1);
}

static int by_number(const void *a, const void *b)
{
    const struct fingerprint_bucket *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* One row of the server's answer: number, count, sum. */
static enum err_code read_bucket(const struct table_capture *capture, const struct pg_rows *rows,
                                 size_t row, struct fingerprint_bucket *ret, struct err *err)
{
    *ret = (struct fingerprint_bucket){.version_sum = parse_sum(pg_rows_text(rows, row, 2))};
    if (text_to_i64(pg_rows_text(rows, row, 0), &ret->number) &&
        text_to_u64(pg_rows_text(rows, row, 1), &ret->count))
        return ERR_OK;
    return err_set(err, ERR_SOURCE, "comparing '%s': the server's answer is no fingerprint",
                   capture->source->record.name);
}

enum err_code capture_ask_total(const struct table_capture *capture, struct pg *pg, size_t range,
                                struct fingerprint_bucket *ret_total, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf filter = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf version_hash = {0};
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;

    capture_range_filter(capture, range, &filter);
    source_table_version_hash(capture->source, &version_hash);
    sql_fill(&sql, sql_ingest_total,
             (struct sql_part[]){{"version_hash", version_hash.data},
                                 {"table", capture->source->from},
                                 {"filter", buf_text(&filter)},
                                 {NULL, NULL}});
    if (pg_query(pg, sql.data, NULL, 0, &rows, err) != ERR_OK)
        return err_wrap(err, "comparing '%s'", capture->source->record.name);
    return read_bucket(capture, rows, 0, ret_total, err);
}

enum err_code capture_ask_fingerprint(const struct table_capture *capture, struct pg *pg,
                                      struct fingerprint *fingerprint, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf bucket = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf version_hash = {0};
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;

    add_bucket_sql(capture, fingerprint, &bucket);
    source_table_version_hash(capture->source, &version_hash);
    sql_fill(&sql, sql_ingest_fingerprint,
             (struct sql_part[]){{"bucket", bucket.data},
                                 {"version_hash", version_hash.data},
                                 {"table", capture->source->from},
                                 {NULL, NULL}});
    TRY(pg_exec(pg, "set local enable_sort = off", err));
    if (pg_query(pg, sql.data, NULL, 0, &rows, err) != ERR_OK)
        return err_wrap(err, "comparing '%s'", capture->source->record.name);
    TRY(pg_exec(pg, "set local enable_sort = on", err));
    size_t count = pg_rows_count(rows);
    fingerprint_release(fingerprint);
    fingerprint->buckets =
        mem_grow(NULL, &fingerprint->capacity, count, sizeof *fingerprint->buckets);
    for (size_t i = 0; i < count; i++)
        TRY(read_bucket(capture, rows, i, &fingerprint->buckets[i], err));
    fingerprint->count = count;
    qsort(fingerprint->buckets, count, sizeof *fingerprint->buckets, by_number);
    return ERR_OK;
}

void capture_choose(const struct table_capture *capture, int64_t lowest, int64_t highest,
                    uint64_t rows, struct fingerprint *ret_parameters)
{
    fingerprint_choose(capture->source->form, lowest, highest, rows, ret_parameters);
}

bool capture_has_outgrown(const struct fingerprint *fingerprint, uint64_t rows)
{
    size_t buckets = fingerprint->count ? fingerprint->count : 1;

    if (fingerprint->function == BUCKET_RANGE && fingerprint_is_skewed(fingerprint))
        return true;
    if (buckets > (size_t)2 * FINGERPRINT_BUCKETS_MAX)
        return true;
    return rows / buckets > CROWDED_ROWS && buckets < FINGERPRINT_BUCKETS_MAX / 2;
}

static void replace(struct fingerprint *fingerprint, const struct fingerprint *by)
{
    free(fingerprint->buckets);
    *fingerprint = *by;
}

enum err_code capture_choose_again(struct table_capture *capture, struct fingerprint *fingerprint,
                                   struct err *err)
{
    struct record_table *record = &capture->record;
    struct store *store = capture->batch->store;
    struct fingerprint chosen = {0};
    int64_t lowest = 0, highest = -1;
    uint64_t entries = record->rows;

    if (capture->source->form == KEY_INT8)
        TRY(index_span(store, record->index, record->index_count, &lowest, &highest, &entries,
                       err));
    capture_choose(capture, lowest, highest, entries, &chosen);
    for (;;) {
        replace(fingerprint, &chosen);
        TRY(index_add_up(store, record->index, record->index_count, capture->source->keyless,
                         fingerprint, err));
        if (fingerprint->function == BUCKET_HASH || !fingerprint_is_skewed(fingerprint))
            return ERR_OK;
        fingerprint_choose(KEY_TEXT, 0, 0, entries, &chosen);
        chosen.form = KEY_INT8;
    }
}

enum err_code capture_write_fingerprint(struct table_capture *capture,
                                        struct fingerprint *fingerprint, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf key = {0};
    struct record_table *record = &capture->record;

    record->bucket_function = fingerprint->function == BUCKET_RANGE ? "range" : "hash";
    record->bucket_bits = fingerprint->bits;
    record->fingerprint = (struct record_object){0};
    if (record->rows <= SMALL_INDEX)
        return ERR_OK;
    fingerprint_ignore_keys(fingerprint);
    object_fingerprint_key(&capture->names, &key);
    return fingerprint_store(capture->batch->store, key.data, fingerprint, capture->arena,
                             &record->fingerprint, err);
}

/* --- index --- */

enum err_code capture_open_run(struct table_capture *capture, struct index_output **ret_output,
                               struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf key = {0};

    object_index_key(&capture->names, capture->next_index++, &key);
    return index_output_open(capture->batch->store, key.data, capture->source->form, ret_output,
                             err);
}

static enum err_code write_delta(struct table_capture *capture, struct run_sorter *delta,
                                 struct record_object *ret_object, struct err *err)
{
    CLEANUP(index_output_close) struct index_output *output = NULL;

    TRY(capture_open_run(capture, &output, err));
    TRY(run_sorter_finish(&delta, 1, index_output_writer(output), NULL, err));
    return index_output_commit(output, capture->arena, ret_object, err);
}

/* Makes one of the first `count` runs; it takes their place. */
static enum err_code join_runs(struct table_capture *capture, size_t count, bool keep_removed,
                               struct err *err)
{
    CLEANUP(index_output_close) struct index_output *output = NULL;
    CLEANUP(index_runs_close) struct index_runs *runs = NULL;
    struct record_table *record = &capture->record;
    struct record_object joined;

    TRY(index_runs_open(capture->batch->store, record->index, count, &runs, err));
    TRY(capture_open_run(capture, &output, err));
    TRY(index_merge(index_runs_readers(runs), count, keep_removed, index_output_writer(output),
                    err));
    TRY(index_output_commit(output, capture->arena, &joined, err));
    record->index[0] = joined;
    memmove(record->index + 1, record->index + count,
            (record->index_count - count) * sizeof *record->index);
    record->index_count -= count - 1;
    return ERR_OK;
}

/* Runs of which much is hidden by newer ones are merged into one.  Many runs are joined, newest
 * first, as long as the next is not much larger: so an entry is written again only a few times in
 * its life. */
static enum err_code tidy_index(struct table_capture *capture, struct fingerprint *fingerprint,
                                struct err *err)
{
    struct record_table *record = &capture->record;
    uint64_t entries = 0, joined = 0;
    size_t count = 0;

    for (size_t i = 0; i < record->index_count; i++)
        entries += record->index[i].rows;
    if (entries > record->rows + record->rows / HIDDEN_SHARE) {
        if (record->index_count > 1)
            TRY(join_runs(capture, record->index_count, false, err));
    } else if (record->index_count > RUNS_MAX) {
        while (count < record->index_count && (count < 2 || record->index[count].rows < 2 * joined))
            joined += record->index[count++].rows;
        TRY(join_runs(capture, count, count < record->index_count, err));
    } else {
        return ERR_OK;
    }
    if (capture_has_outgrown(fingerprint, record->rows))
        return capture_choose_again(capture, fingerprint, err);
    return ERR_OK;
}

enum err_code capture_write_state(struct table_capture *capture, struct run_sorter *delta,
                                  struct fingerprint *fingerprint, struct err *err)
{
    struct record_table *record = &capture->record;
    size_t old_count = capture->old ? capture->old->index_count : 0;

    record->index = arena_alloc(capture->arena, (old_count + 1) * sizeof *record->index);
    TRY(write_delta(capture, delta, &record->index[0], err));
    for (size_t i = 0; i < old_count; i++)
        record->index[i + 1] = capture->old->index[i];
    record->index_count = old_count + 1;
    capture->state_changed = true;
    TRY(tidy_index(capture, fingerprint, err));
    return capture_write_fingerprint(capture, fingerprint, err);
}
