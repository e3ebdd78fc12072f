#include <string.h>

#include "pg/pg.h"

static void add_doubled(struct buf *sql, const char *text, char first, char second)
{
    for (const char *c = text; *c; c++) {
        if (*c == first || *c == second)
            buf_add_char(sql, *c);
        buf_add_char(sql, *c);
    }
}

void pg_ident(struct buf *sql, const char *name)
{
    buf_add_char(sql, '"');
    add_doubled(sql, name, '"', '"');
    buf_add_char(sql, '"');
}

void pg_literal(struct buf *sql, const char *text)
{
    /* E'' means the same whatever standard_conforming_strings says. */
    buf_add_text(sql, strchr(text, '\\') ? "E'" : "'");
    add_doubled(sql, text, '\'', '\\');
    buf_add_char(sql, '\'');
}

void pg_qualified(struct buf *sql, const char *schema, const char *name)
{
    pg_ident(sql, schema);
    buf_add_char(sql, '.');
    pg_ident(sql, name);
}
