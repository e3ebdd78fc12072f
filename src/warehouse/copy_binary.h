/* warehouse/copy_binary.h - rows of DuckDB as PostgreSQL's binary COPY (chapter COPY, "Binary
 * Format", and the recv functions of the types).
 *
 * An encoder is made for the columns of one COPY, bound to the types of a result, and then fed its
 * chunks. Values arrive as they were or not at all: what PostgreSQL's type cannot hold is ERR_DATA
 * with the column's name.  Little-endian machines only (x86-64, arm64). */
#ifndef WAREHOUSE_COPY_BINARY_H
#define WAREHOUSE_COPY_BINARY_H

#include "duck/duck.h"

enum copy_kind {
    COPY_NONE, /* no type of PostgreSQL stands for it */
    COPY_BOOL,
    COPY_INT2,
    COPY_INT4,
    COPY_INT8,
    COPY_FLOAT4,
    COPY_FLOAT8,
    COPY_NUMERIC,
    COPY_TEXT, /* varchar, text, json */
    COPY_BYTEA,
    COPY_DATE,
    COPY_TIME,      /* from TIME or from text HH:MM:SS[.ffffff] */
    COPY_TIMESTAMP, /* with and without time zone */
    COPY_INTERVAL,
    COPY_UUID,  /* from UUID or from text */
    COPY_JSONB, /* from text */
};

struct copy_column {
    const char *name; /* for messages */
    enum copy_kind kind;
};

struct copy_encoder;
/* `columns` must outlive the encoder. */
struct copy_encoder *copy_encoder_new(const struct copy_column *columns, size_t count);
void copy_encoder_free(struct copy_encoder *encoder);
DEFINE_CLEANUP(struct copy_encoder *, copy_encoder_free)
/* Puts a number in front of every row: first_id, first_id + 1, …, `bytes` wide (4 or 8). */
void copy_encoder_number_rows(struct copy_encoder *encoder, int64_t first_id, unsigned bytes);
/* ERR_DATA when a column of the result cannot become what was asked for. */
CHECKED enum err_code copy_encoder_bind(struct copy_encoder *encoder,
                                        const struct duck_result *result, struct err *err);
/* Append to `out`: header, rows of a chunk from row `*from` until `out` holds `enough_bytes` (*from
 * says how far it came), trailer. */
void copy_encode_header(struct buf *out);
CHECKED enum err_code copy_encode_rows(struct copy_encoder *encoder, duckdb_data_chunk chunk,
                                       size_t *from, size_t enough_bytes, struct buf *out,
                                       struct err *err);
void copy_encode_trailer(struct buf *out);

#endif
