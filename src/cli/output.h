/* cli/output.h - data on standard output: tables for people, JSON for programs. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "base/json_write.h"

/* Writes and clears.  A reader that went away (`| head`) is not an error: what follows is dropped.
 */
CHECKED enum err_code output_flush(struct buf *out, struct err *err);
/* True when nobody reads any more. */
bool output_closed(void);

/* A table whose columns are as wide as what is in them.  Cells are copied. */
struct text_table;
struct text_table *text_table_new(size_t column_count);
void text_table_free(struct text_table *table);
DEFINE_CLEANUP(struct text_table *, text_table_free)
/* From now on the column's cells are aligned to the right. */
void text_table_right(struct text_table *table, size_t column);
void text_table_cell(struct text_table *table, const char *text);
void text_table_print(const struct text_table *table, struct buf *out);
/* Prints and forgets the rows; the columns keep at least their width. */
void text_table_flush(struct text_table *table, struct buf *out);

/* "2024-11-15T14:40:00.123456Z", or null for 0. */
void output_json_time(struct json_writer *json, const char *name, int64_t at_us);
/* Microseconds as seconds. */
void output_json_seconds(struct json_writer *json, const char *name, int64_t duration_us);
/* "1 row", "2,000 rows": `noun` in the singular. */
const char *output_count(struct arena *arena, uint64_t count, const char *noun);
/* {"schema": 1, …: the caller adds members and ends the object. */
void output_json_begin(struct json_writer *json, struct buf *out, bool indent);
void output_json_end(struct json_writer *json);
/* "error": {code, message, hint} */
void output_json_error(struct json_writer *json, const struct err *err);

#endif
