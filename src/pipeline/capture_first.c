#include <inttypes.h>
#include <limits.h>

#include "base/text.h"
#include "pipeline/capture.h"
#include "pipeline/change_log.h"
#include "pipeline/row_stream.h"

enum {
    ROW_BYTES_GUESS = 100
};

/* What the fingerprint's parameters depend on, known before the rows are: the first and the last
 * key (two looks into the key's index), and about how many. */
static enum err_code guess_parameters(struct table_capture *capture, struct pg *pg,
                                      struct fingerprint *ret_parameters, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    const struct source_table *source = capture->source;
    int64_t lowest = 0, highest = 0, estimated = source->catalog->estimated_rows;

    if (source->form == KEY_INT8) {
        buf_addf(&sql, "select min(%s), max(%s) from %s", source->key, source->key, source->from);
        if (pg_query(pg, sql.data, NULL, 0, &rows, err) != ERR_OK)
            return err_wrap(err, "reading '%s'", source->record.name);
        const char *first = pg_rows_text(rows, 0, 0), *last = pg_rows_text(rows, 0, 1);
        if (!first || !last || !text_to_i64(first, &lowest) || !text_to_i64(last, &highest))
            lowest = highest = 0;
    }
    if (estimated <= 0)
        estimated = (int64_t)(source->size_bytes / ROW_BYTES_GUESS);
    capture_choose(capture, lowest, highest, (uint64_t)estimated, ret_parameters);
    return ERR_OK;
}

enum err_code capture_first_split(struct table_capture *capture, struct pg *pg, size_t ranges,
                                  struct err *err)
{
    bool large = capture->source->size_bytes > LARGE_TABLE_BYTES;
    struct fingerprint parameters = {0};

    if (large)
        TRY(guess_parameters(capture, pg, &parameters, err));
    capture_divide(capture, ranges);
    for (size_t i = 0; i < ranges; i++) {
        struct capture_range *range = &capture->ranges[i];
        range->sorter = run_sorter_new(capture->source->form, capture->batch->work_dir,
                                       capture_sorter_bytes(capture));
        range->fingerprint = parameters;
        range->lowest = INT64_MAX;
        range->highest = INT64_MIN;
        if (large)
            TRY(capture_open_run(capture, &range->direct, err));
    }
    return ERR_OK;
}

void capture_first_release(struct table_capture *capture)
{
    for (size_t i = 0; i < capture->range_count; i++) {
        struct capture_range *range = &capture->ranges[i];
        index_output_close(range->direct);
        run_sorter_free(range->sorter);
        buf_release(&range->last_text);
        fingerprint_release(&range->fingerprint);
    }
}

/* Its key comes after all that went into the run so far. */
static bool goes_on(struct capture_range *range, const struct key *key)
{
    struct key last = {.form = key->form,
                       .number = range->last_number,
                       .text = {range->last_text.data, range->last_text.size}};

    if (range->direct_rows && key_compare(&last, key) >= 0)
        return false;
    range->last_number = key->number;
    if (key->form == KEY_TEXT) {
        buf_clear(&range->last_text);
        buf_add(&range->last_text, key->text.data, key->text.size);
    }
    return true;
}

static enum err_code take_row(struct capture_range *range, struct row_output *output,
                              const struct source_row *row, uint64_t batch, struct err *err)
{
    struct index_entry entry = {
        .key = row->key, .xmin = row->xmin, .content = row->content, .batch = batch};

    range->rows++;
    if (row->key.number < range->lowest)
        range->lowest = row->key.number;
    if (row->key.number > range->highest)
        range->highest = row->key.number;
    if (range->direct)
        fingerprint_add(&range->fingerprint, &row->key, row->xmin, 1);
    if (range->direct && goes_on(range, &row->key)) {
        range->direct_rows++;
        TRY(run_writer_add(index_output_writer(range->direct), &entry, err));
    } else {
        TRY(run_sorter_add(range->sorter, &entry, err));
    }
    return row_output_put(output, row->fields, row->size, err);
}

enum err_code capture_first_range(struct table_capture *capture, struct pg *pg, size_t number,
                                  struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf filter = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    CLEANUP_IN_PLACE(row_output_release) struct row_output output = {0};
    CLEANUP(row_stream_close) struct row_stream *stream = NULL;
    const struct source_table *source = capture->source;
    struct capture_range *range = &capture->ranges[number];

    capture_range_filter(capture, number, &filter);
    source_table_copy(source, buf_text(&filter), "", &sql);
    struct row_stream_options options = {
        .table = source->record.name, .sql = sql.data, .layout = &source->rows};
    TRY(row_stream_open(pg, &options, &stream, err));
    row_output_init(&output, capture->objects, source->record.columns, source->record.column_count);
    for (;;) {
        const struct source_row *row = NULL;
        TRY(row_stream_next(stream, &row, err));
        if (!row)
            break;
        TRY(take_row(range, &output, row, capture->batch->batch, err));
    }
    return object_writer_finish(output.writer, err);
}

static enum err_code write_sorted(struct table_capture *capture, struct fingerprint *fingerprint,
                                  struct err *err)
{
    CLEANUP(index_output_close) struct index_output *output = NULL;
    struct record_table *record = &capture->record;
    struct run_sorter **sorters =
        arena_alloc(capture->arena, capture->range_count * sizeof(struct run_sorter *));

    for (size_t i = 0; i < capture->range_count; i++)
        sorters[i] = capture->ranges[i].sorter;
    TRY(capture_open_run(capture, &output, err));
    TRY(run_sorter_finish(sorters, capture->range_count, index_output_writer(output), fingerprint,
                          err));
    return index_output_commit(output, capture->arena, &record->index[record->index_count++], err);
}

/* The runs that were written on the way; keys are in one of them each, so their order does not
 * matter. */
static enum err_code commit_direct(struct table_capture *capture, struct fingerprint *fingerprint,
                                   struct err *err)
{
    struct record_table *record = &capture->record;

    for (size_t i = 0; i < capture->range_count; i++) {
        struct capture_range *range = &capture->ranges[i];
        if (!range->direct)
            continue;
        fingerprint_merge(fingerprint, &range->fingerprint);
        if (range->direct_rows)
            TRY(index_output_commit(range->direct, capture->arena,
                                    &record->index[record->index_count++], err));
    }
    return ERR_OK;
}

static enum err_code write_index(struct table_capture *capture, struct fingerprint *fingerprint,
                                 struct err *err)
{
    struct record_table *record = &capture->record;
    bool large = capture->ranges[0].direct != NULL;
    uint64_t sorted = record->rows;

    for (size_t i = 0; i < capture->range_count; i++)
        sorted -= capture->ranges[i].direct_rows;
    record->index = arena_alloc(capture->arena, (capture->range_count + 1) * sizeof *record->index);
    if (sorted)
        TRY(write_sorted(capture, large ? NULL : fingerprint, err));
    TRY(commit_direct(capture, fingerprint, err));
    (void)fingerprint_settle(fingerprint);
    if (capture_has_outgrown(fingerprint, record->rows))
        return capture_choose_again(capture, fingerprint, err);
    return ERR_OK;
}

enum err_code capture_first_finish(struct table_capture *capture, struct err *err)
{
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint fingerprint = {0};
    struct record_table *record = &capture->record;
    int64_t lowest = INT64_MAX, highest = INT64_MIN;

    for (size_t i = 0; i < capture->range_count; i++) {
        const struct capture_range *range = &capture->ranges[i];
        record->rows += range->rows;
        lowest = range->lowest < lowest ? range->lowest : lowest;
        highest = range->highest > highest ? range->highest : highest;
    }
    record->changed = record->rows;
    capture->state_changed = true;
    if (capture->ranges[0].direct)
        fingerprint = fingerprint_like(&capture->ranges[0].fingerprint);
    else
        capture_choose(capture, record->rows ? lowest : 0, record->rows ? highest : 0, record->rows,
                       &fingerprint);
    if (record->rows)
        TRY(write_index(capture, &fingerprint, err));
    capture_list_objects(capture);
    return capture_write_fingerprint(capture, &fingerprint, err);
}
