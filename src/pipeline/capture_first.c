#include <inttypes.h>
#include <limits.h>

#include "base/log.h"
#include "base/text.h"
#include "pipeline/capture_resume.h"
#include "pipeline/change_log.h"
#include "pipeline/index_run.h"
#include "pipeline/row_stream.h"

enum {
    ROW_BYTES_GUESS = 100,
    RANGE_OBJECTS = 4, /* about so many objects each */
    RANGE_BYTES_MIN = 16 << 20,
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

static bool is_large(const struct table_capture *capture)
{
    return capture->source->size_bytes > LARGE_TABLE_BYTES;
}

/* Enough for the connections, and so many that a load that is killed loses little. */
static size_t count_ranges(const struct table_capture *capture, unsigned connections)
{
    uint64_t range_bytes = RANGE_OBJECTS * capture->batch->options->part_bytes;
    size_t wanted;

    if (connections == 0)
        return 1;
    if (range_bytes < RANGE_BYTES_MIN)
        range_bytes = RANGE_BYTES_MIN;
    wanted = (size_t)(capture->source->size_bytes / range_bytes);
    if (wanted > CAPTURE_RANGES_MAX)
        wanted = CAPTURE_RANGES_MAX;
    /* all of them busy to the end */
    wanted -= wanted % connections;
    return wanted > connections ? wanted : connections;
}

/* As the attempt before divided it, if it left anything and the table is still about as long. */
static enum err_code divide(struct table_capture *capture, unsigned connections, struct err *err)
{
    uint64_t pages = (uint64_t)capture->source->catalog->pages, noted_pages = 0;
    size_t noted = 0;

    if (is_large(capture))
        TRY(capture_resume_find(capture, &noted, &noted_pages, err));
    if (noted && noted_pages <= 2 * pages && pages <= 2 * noted_pages &&
        (noted == 1 || connections > 0)) {
        capture_divide(capture, noted, noted_pages);
        return ERR_OK;
    }
    capture->resume = NULL;
    capture_divide(capture, count_ranges(capture, connections), pages);
    return ERR_OK;
}

enum err_code capture_first_split(struct table_capture *capture, struct pg *pg,
                                  unsigned connections, struct err *err)
{
    struct fingerprint parameters = {0};

    if (is_large(capture))
        TRY(guess_parameters(capture, pg, &parameters, err));
    TRY(divide(capture, connections, err));
    for (size_t i = 0; i < capture->range_count; i++) {
        struct capture_range *range = &capture->ranges[i];
        range->sorter = run_sorter_new(capture->source->form, capture->batch->work_dir,
                                       capture_sorter_bytes(capture));
        range->arena = arena_new(0);
        range->fingerprint = parameters;
        range->lowest = INT64_MAX;
        range->highest = INT64_MIN;
    }
    return ERR_OK;
}

void capture_first_release(struct table_capture *capture)
{
    for (size_t i = 0; i < capture->range_count; i++) {
        struct capture_range *range = &capture->ranges[i];
        index_output_close(range->direct);
        run_sorter_free(range->sorter);
        arena_free(range->arena);
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

static enum err_code read_range(struct table_capture *capture, struct pg *pg, size_t number,
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
    object_writer_set_group(output.writer, (unsigned)number + 1);
    for (;;) {
        const struct source_row *row = NULL;
        TRY(row_stream_next(stream, &row, err));
        if (!row)
            break;
        TRY(take_row(range, &output, row, capture->batch->batch, err));
    }
    return object_writer_finish(output.writer, err);
}

static enum err_code commit_run(struct capture_range *range, struct index_output *output,
                                struct err *err)
{
    return index_output_commit(output, range->arena, &range->runs[range->run_count++], err);
}

/* What the range has of the index, as objects. */
static enum err_code write_runs(struct table_capture *capture, struct capture_range *range,
                                struct err *err)
{
    CLEANUP(index_output_close) struct index_output *sorted = NULL;

    if (range->direct_rows)
        TRY(commit_run(range, range->direct, err));
    index_output_close(STEAL(range->direct));
    if (range->direct_rows == range->rows)
        return ERR_OK;
    TRY(capture_open_run(capture, &sorted, err));
    TRY(run_sorter_finish(&range->sorter, 1, index_output_writer(sorted), NULL, err));
    return commit_run(range, sorted, err);
}

enum err_code capture_first_range(struct table_capture *capture, struct pg *pg, size_t number,
                                  struct err *err)
{
    struct capture_range *range = &capture->ranges[number];
    bool kept = false;

    if (!is_large(capture))
        return read_range(capture, pg, number, err);
    TRY(capture_resume_take(capture, pg, number, &kept, err));
    if (kept)
        return ERR_OK;
    TRY(capture_open_run(capture, &range->direct, err));
    TRY(read_range(capture, pg, number, err));
    TRY(write_runs(capture, range, err));
    return capture_resume_note(capture, number, err);
}

/* --- finish --- */

/* The index of a small table. */
static enum err_code write_sorted(struct table_capture *capture, struct fingerprint *fingerprint,
                                  struct err *err)
{
    CLEANUP(index_output_close) struct index_output *output = NULL;
    struct record_table *record = &capture->record;

    TRY(capture_open_run(capture, &output, err));
    TRY(run_sorter_finish(&capture->ranges[0].sorter, 1, index_output_writer(output), fingerprint,
                          err));
    return index_output_commit(output, capture->arena, &record->index[record->index_count++], err);
}

/* Makes one of the runs that are the ranges' second; one alone is taken as it is. */
static enum err_code join_second_runs(struct table_capture *capture, struct err *err)
{
    CLEANUP(index_output_close) struct index_output *output = NULL;
    CLEANUP(index_runs_close) struct index_runs *runs = NULL;
    struct record_table *record = &capture->record;
    struct record_object seconds[CAPTURE_RANGES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < capture->range_count; i++)
        if (capture->ranges[i].run_count > 1)
            seconds[count++] = capture->ranges[i].runs[1];
    if (count == 1)
        record->index[record->index_count++] = seconds[0];
    if (count <= 1)
        return ERR_OK;
    TRY(index_runs_open(capture->batch->store, seconds, count, &runs, err));
    TRY(capture_open_run(capture, &output, err));
    TRY(index_merge_unique(index_runs_readers(runs), count, index_output_writer(output), NULL,
                           err));
    return index_output_commit(output, capture->arena, &record->index[record->index_count++], err);
}

/* The first runs are taken as they are; keys are in one of them each, so their order does not
 * matter. */
static void list_first_runs(struct table_capture *capture, struct fingerprint *fingerprint)
{
    struct record_table *record = &capture->record;

    for (size_t i = 0; i < capture->range_count; i++) {
        const struct capture_range *range = &capture->ranges[i];
        fingerprint_merge(fingerprint, &range->fingerprint);
        if (range->run_count)
            record->index[record->index_count++] = range->runs[0];
    }
}

static enum err_code write_index(struct table_capture *capture, struct fingerprint *fingerprint,
                                 struct err *err)
{
    struct record_table *record = &capture->record;

    record->index = arena_alloc(capture->arena, (capture->range_count + 1) * sizeof *record->index);
    if (is_large(capture)) {
        TRY(join_second_runs(capture, err));
        list_first_runs(capture, fingerprint);
    } else {
        TRY(write_sorted(capture, fingerprint, err));
    }
    (void)fingerprint_settle(fingerprint);
    if (capture_has_outgrown(fingerprint, record->rows))
        return capture_choose_again(capture, fingerprint, err);
    return ERR_OK;
}

static void tell_kept(const struct table_capture *capture)
{
    size_t kept = 0;

    for (size_t i = 0; i < capture->range_count; i++)
        kept += capture->ranges[i].kept;
    if (kept)
        log_info("'%s': kept %zu of %zu parts of an attempt before", capture->record.name, kept,
                 capture->range_count);
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
    tell_kept(capture);
    if (is_large(capture))
        fingerprint = fingerprint_like(&capture->ranges[0].fingerprint);
    else
        capture_choose(capture, record->rows ? lowest : 0, record->rows ? highest : 0, record->rows,
                       &fingerprint);
    if (record->rows)
        TRY(write_index(capture, &fingerprint, err));
    capture_list_objects(capture);
    return capture_write_fingerprint(capture, &fingerprint, err);
}
