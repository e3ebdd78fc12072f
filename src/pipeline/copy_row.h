/* pipeline/copy_row.h - one line of COPY's text format, taken apart: fields, the row's key, its
 * xmin and the hash of its content.
 *
 * A line is "xmin<tab>column<tab>…<newline>", the columns those of the layout, in its order.  The
 * content hash is XXH3 over the non-NULL columns' text, seeded with their attribute numbers: a new
 * column changes no row in which it is NULL. */
#ifndef PIPELINE_COPY_ROW_H
#define PIPELINE_COPY_ROW_H

#include "pipeline/fingerprint.h"

struct row_layout {
    size_t column_count; /* without xmin */
    const int *numbers;  /* attribute numbers; 0: made by tote, not part of the content */
    enum key_form form;
    const size_t *key_fields; /* the key's columns, in key order */
    size_t key_count;
    bool keyless; /* field 0 is a hash of the row; equal ones get ":2", ":3" … in the order they
                     come */
};

struct source_row {
    uint32_t xmin;
    struct key key; /* text: valid until the next row */
    uint64_t content;
    const struct span *fields; /* as COPY wrote them, still escaped */
    size_t size;               /* bytes of all fields together, and their tabs */
};

struct row_parser;
struct row_parser *
row_parser_new(const struct row_layout *layout); /* keeps the layout's pointers */
void row_parser_free(struct row_parser *parser);
DEFINE_CLEANUP(struct row_parser *, row_parser_free)
/* ERR_INTERNAL when the line is not of this layout. */
CHECKED enum err_code row_parse(struct row_parser *parser, struct span line,
                                struct source_row *ret_row, struct err *err);

/* Appends `text` without COPY's escapes, and with them. */
void copy_unescape(struct buf *out, struct span text);
void copy_escape(struct buf *out, struct span text);
static inline bool copy_is_null(struct span field)
{
    return field.size == 2 && field.data[0] == '\\' && field.data[1] == 'N';
}

#endif
