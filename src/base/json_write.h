/* base/json_write.h - small JSON documents (records, --json output) into a buffer.
 *
 * Begin and end calls must pair; commas and, when indented, line breaks are the writer's business.
 * `name` is NULL inside arrays and at the top.  Rows of tables are written by pipeline/row_json,
 * not by this. */
#ifndef BASE_JSON_WRITE_H
#define BASE_JSON_WRITE_H

#include <stdint.h>

#include "base/buf.h"

struct json_writer {
    struct buf *out;
    unsigned depth;
    bool indent;
    bool first;
};

void json_begin(struct json_writer *json, struct buf *out, bool indent);
void json_object_begin(struct json_writer *json, const char *name);
void json_object_end(struct json_writer *json);
void json_array_begin(struct json_writer *json, const char *name);
void json_array_end(struct json_writer *json);
void json_text(struct json_writer *json, const char *name, const char *text); /* NULL writes null */
void json_text_n(struct json_writer *json, const char *name, const char *text, size_t size);
void json_int(struct json_writer *json, const char *name, int64_t value);
void json_uint(struct json_writer *json, const char *name, uint64_t value);
void json_double(struct json_writer *json, const char *name, double value);
void json_bool(struct json_writer *json, const char *name, bool value);
void json_none(struct json_writer *json,
               const char *name); /* null (json_null is jansson's symbol) */
/* "2024-11-15T14:40:00.123456Z"; 0 writes null. */
void json_time(struct json_writer *json, const char *name, int64_t at_us);
/* `text` is JSON already. */
void json_raw(struct json_writer *json, const char *name, const char *text);
/* Appends text as a JSON string with its quotes.  Bytes that are not UTF-8 become U+FFFD. */
void json_quote(struct buf *out, const char *text, size_t size);

#endif
