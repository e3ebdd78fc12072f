#include "pipeline/row_stream.h"

#include "base/cancel.h"
#include "base/progress.h"

enum {
    PROGRESS_ROWS = 1024
};

struct row_stream {
    struct pg *pg;
    struct row_stream_options options;
    struct row_parser *parser;
    struct source_row row;
    uint64_t rows;
    uint64_t counted_bytes;
    uint64_t counted_rows;
    int64_t last_number;
    struct buf last_text;
};

enum err_code row_stream_open(struct pg *pg, const struct row_stream_options *options,
                              struct row_stream **ret_stream, struct err *err)
{
    CLEANUP(row_stream_close) struct row_stream *stream = mem_zalloc(1, sizeof *stream);

    stream->pg = pg;
    stream->options = *options;
    stream->options.sql = NULL; /* only needed now */
    stream->parser = row_parser_new(options->layout);
    if (pg_copy_out_begin(pg, options->sql, err) != ERR_OK)
        return err_wrap(err, "reading '%s'", options->table);
    *ret_stream = STEAL(stream);
    return ERR_OK;
}

void row_stream_close(struct row_stream *stream)
{
    if (!stream)
        return;
    row_parser_free(stream->parser);
    buf_release(&stream->last_text);
    free(stream);
}

static enum err_code count(struct row_stream *stream, struct err *err)
{
    progress_add(stream->counted_rows, stream->counted_bytes);
    stream->counted_rows = stream->counted_bytes = 0;
    return cancel_check(err);
}

/* A merge with the index is only right when both come in one order. */
static bool comes_after(struct row_stream *stream, const struct key *key)
{
    struct key last = {.form = key->form,
                       .number = stream->last_number,
                       .text = {stream->last_text.data, stream->last_text.size}};
    if (stream->rows && key_compare(&last, key) >= 0)
        return false;
    stream->last_number = key->number;
    if (key->form == KEY_TEXT) {
        buf_clear(&stream->last_text);
        buf_add(&stream->last_text, key->text.data, key->text.size);
    }
    return true;
}

enum err_code row_stream_next(struct row_stream *stream, const struct source_row **ret_row,
                              struct err *err)
{
    struct span line = {0};

    if (pg_copy_out_next(stream->pg, &line, err) != ERR_OK ||
        (stream->counted_rows >= PROGRESS_ROWS && count(stream, err) != ERR_OK))
        return err->code == ERR_CANCELLED ? err->code
                                          : err_wrap(err, "reading '%s'", stream->options.table);
    if (!line.data) {
        *ret_row = NULL;
        return count(stream, err);
    }
    if (row_parse(stream->parser, line, &stream->row, err) != ERR_OK)
        return err_wrap(err, "reading '%s'", stream->options.table);
    if (stream->options.ordered && !comes_after(stream, &stream->row.key))
        return err_set(err, ERR_DATA,
                       "reading '%s': rows came out of order of their key, or one twice",
                       stream->options.table);
    stream->rows++;
    stream->counted_rows++;
    stream->counted_bytes += line.size;
    *ret_row = &stream->row;
    return ERR_OK;
}
