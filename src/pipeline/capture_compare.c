#include "base/text.h"
#include "pipeline/capture.h"
#include "pipeline/change_log.h"
#include "pipeline/row_stream.h"

/* Index entries up to a key, one ahead. */
struct index_side {
    struct index_runs *runs;
    struct index_reader *reader;
    const struct index_entry *entry; /* NULL: at the end */
};

static void index_side_release(struct index_side *side)
{
    index_reader_free(side->reader);
    index_runs_close(side->runs);
    *side = (struct index_side){0};
}

static enum err_code index_side_open(struct index_side *side, const struct table_capture *capture,
                                     struct err *err)
{
    const struct record_table *old = capture->old;

    TRY(index_runs_open(capture->batch->store, old ? old->index : NULL, old ? old->index_count : 0,
                        &side->runs, err));
    side->reader =
        index_reader_new(index_runs_readers(side->runs), index_runs_count(side->runs), false);
    return index_reader_next(side->reader, &side->entry, err);
}

/* Deletes what the index has before the row; then takes the row. */
static enum err_code merge_row(struct index_side *side, const struct source_row *row,
                               struct change_log *log, struct err *err)
{
    int order = -1;

    while (side->entry && (order = key_compare(&side->entry->key, &row->key)) < 0) {
        TRY(change_log_delete(log, side->entry, err));
        TRY(index_reader_next(side->reader, &side->entry, err));
    }
    if (!side->entry || order > 0)
        return change_log_put(log, row, err);
    if (side->entry->content != row->content)
        TRY(change_log_put(log, row, err));
    else if (side->entry->xmin != row->xmin)
        TRY(change_log_renew(log, row, side->entry->batch, err));
    return index_reader_next(side->reader, &side->entry, err);
}

static enum err_code merge_all(struct table_capture *capture, struct pg *pg, struct change_log *log,
                               struct fingerprint *fingerprint, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf order = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    CLEANUP_IN_PLACE(index_side_release) struct index_side side = {0};
    CLEANUP(row_stream_close) struct row_stream *stream = NULL;
    const struct source_table *source = capture->source;

    TRY(index_side_open(&side, capture, err));
    buf_addf(&order, "order by %s", source->key_order);
    source_table_copy(source, "", order.data, &sql);
    struct row_stream_options options = {.table = source->record.name,
                                         .sql = sql.data,
                                         .layout = &source->rows,
                                         .ordered = !source->keyless};
    TRY(row_stream_open(pg, &options, &stream, err));
    for (;;) {
        const struct source_row *row = NULL;
        TRY(row_stream_next(stream, &row, err));
        if (!row)
            break;
        capture->record.rows++;
        fingerprint_add_entry(fingerprint, &row->key, row->xmin, source->keyless, 1);
        TRY(merge_row(&side, row, log, err));
    }
    while (side.entry) {
        TRY(change_log_delete(log, side.entry, err));
        TRY(index_reader_next(side.reader, &side.entry, err));
    }
    (void)fingerprint_settle(fingerprint);
    return ERR_OK;
}

/* The parameters of the last record, or new ones for about so many rows as there are. */
static enum err_code choose_parameters(const struct table_capture *capture, struct pg *pg,
                                       struct fingerprint *ret, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    uint64_t count = 0;

    if (capture->old) {
        fingerprint_parameters(capture->old, ret);
        return ERR_OK;
    }
    buf_addf(&sql, "select count(*) from %s", capture->source->from);
    if (pg_query(pg, sql.data, NULL, 0, &rows, err) != ERR_OK)
        return err_wrap(err, "counting '%s'", capture->source->record.name);
    (void)text_to_u64(pg_rows_text(rows, 0, 0), &count);
    capture_choose(capture, 0, 0, count, ret);
    return ERR_OK;
}

/* What we read must be what the server says the snapshot holds. */
static enum err_code prove(const struct table_capture *capture, struct pg *pg,
                           struct fingerprint *ours, struct err *err)
{
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint theirs = fingerprint_like(ours);

    if (capture->source->form == KEY_TEXT && !capture->source->keyless &&
        !capture->batch->facts->utf8)
        return ERR_OK; /* hashes of other encodings are not ours */
    TRY(capture_ask_fingerprint(capture, pg, &theirs, err));
    fingerprint_ignore_keys(ours);
    size_t different = fingerprint_compare(ours, &theirs, NULL, NULL);
    if (different == 0)
        return ERR_OK;
    (void)err_set(err, ERR_DATA,
                  "table '%s' does not prove: %zu buckets of keys differ from what was read",
                  capture->source->record.name, different);
    return err_hint(
        err, "run again; when it stays, check the table's key index (amcheck) and report it");
}

enum err_code capture_compare(struct table_capture *capture, struct pg *pg, struct err *err)
{
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint fingerprint = {0};
    CLEANUP_IN_PLACE(change_log_release) struct change_log log;

    change_log_init(&log, capture);
    TRY(choose_parameters(capture, pg, &fingerprint, err));
    TRY(merge_all(capture, pg, &log, &fingerprint, err));
    TRY(prove(capture, pg, &fingerprint, err));
    return change_log_finish(&log, &fingerprint, err);
}
