/* pipeline/row_stream.h - the rows that one COPY sends, parsed. */
#ifndef PIPELINE_ROW_STREAM_H
#define PIPELINE_ROW_STREAM_H

#include "pg/pg.h"
#include "pipeline/copy_row.h"

struct row_stream_options {
    const char *table; /* for messages */
    const char *sql;   /* COPY … TO STDOUT */
    const struct row_layout *layout;
    bool ordered; /* keys must come in strictly ascending order: ERR_DATA when they do not */
};

struct row_stream;
CHECKED enum err_code row_stream_open(struct pg *pg, const struct row_stream_options *options,
                                      struct row_stream **ret_stream, struct err *err);
void row_stream_close(struct row_stream *stream);
DEFINE_CLEANUP(struct row_stream *, row_stream_close)
/* The next row, valid until the next call; NULL at the end. */
CHECKED enum err_code row_stream_next(struct row_stream *stream, const struct source_row **ret_row,
                                      struct err *err);

#endif
