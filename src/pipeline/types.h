/* pipeline/types.h - what becomes of each type of PostgreSQL, stated once: in JSON, in the lake's
 * Parquet, in the warehouse.  docs/reference/types.md is printed from it.
 *
 * The rule: exact, or text.  A type that Parquet, Delta or a warehouse cannot hold without loss is
 * kept as PostgreSQL's own text; nothing is ever rounded. */
#ifndef PIPELINE_TYPES_H
#define PIPELINE_TYPES_H

#include "base/buf.h"

/* How a value's COPY text is written into a JSON line. */
enum json_form {
    JSON_FORM_TEXT,      /* string, verbatim: numerics, dates, everything not named below */
    JSON_FORM_INTEGER,   /* number */
    JSON_FORM_FLOAT,     /* number when finite, else the string "NaN", "Infinity", "-Infinity" */
    JSON_FORM_BOOLEAN,   /* true, false */
    JSON_FORM_TIMESTAMP, /* string of 26 characters "2024-11-15 14:40:00.123000", UTC for
                            timestamptz; verbatim for BC, infinity and years above 9999 (fraction
                            still padded) */
};

/* `type` is pg_type.typname of the base type; unknown ones are text. */
enum json_form type_json_form(const char *type);
/* Appends DuckDB's name of the lake type: "INTEGER", "DECIMAL(10,2)", "VARCHAR", "TIMESTAMP WITH
 * TIME ZONE".  Unconstrained numerics, and those of more than 38 digits, are VARCHAR. */
void type_lake(const char *type, int typmod, struct buf *ret_type);
/* "time", "uuid", "json", "jsonb": the warehouse's type where the lake holds text for it; else
 * NULL. */
const char *type_warehouse(const char *type);
/* False for types whose text depends on the catalog (reg*): compared by content each time. */
bool type_text_is_stable(const char *type);
/* Prints docs/reference/types.md. */
void types_print_markdown(struct buf *out);

#endif
