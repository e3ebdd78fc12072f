/* pipeline/sql_fill.h - SQL from a template with :names, as psql fills in its variables, so that
 * the files run by hand.  The parts are SQL already: identifiers and literals come from pg_ident()
 * and pg_literal(). */
#ifndef PIPELINE_SQL_FILL_H
#define PIPELINE_SQL_FILL_H

#include "base/buf.h"

struct sql_part {
    const char *name;
    const char *sql;
};

/* Appends the template with every :name replaced; the parts end with a NULL name.  A name without a
 * part is a bug (asserted).  "::" and comments are left alone. */
void sql_fill(struct buf *out, const char *text, const struct sql_part *parts);

#endif
