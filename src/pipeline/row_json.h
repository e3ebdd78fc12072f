/* pipeline/row_json.h - rows as JSON lines, straight from COPY's text: the inner loop of ingest.
 *
 * The forms of values are pipeline/types.h's.  Nothing is parsed that need not be: plain stretches
 * are copied, COPY's escapes are JSON's own but for one. */
#ifndef PIPELINE_ROW_JSON_H
#define PIPELINE_ROW_JSON_H

#include "pipeline/record.h"

struct row_json;
/* Columns in the order of the fields; names are their lake names. */
struct row_json *row_json_new(const struct record_column *columns, size_t count);
void row_json_free(struct row_json *json);
DEFINE_CLEANUP(struct row_json *, row_json_free)
/* The most bytes that a row of `size` bytes of COPY text (all fields together) can become. */
size_t row_json_limit(const struct row_json *json, size_t size);
/* Writes one line with its newline to `out`, which has room for row_json_limit(); returns its end.
 */
char *row_json_put(const struct row_json *json, const struct span *fields, char *out);

#endif
