#include "pipeline/row_json.h"

#include <string.h>

#include "base/json_write.h"
#include "pipeline/copy_row.h"
#include "pipeline/types.h"

/* A control character is one byte in COPY's text and six in JSON; a value is at most that much
 * longer, plus quotes, a padded fraction, or "null" for "\N". */
enum {
    TIMESTAMP_SIZE = sizeof "2024-11-15 14:40:00" - 1
};
enum {
    GROWTH = 6,
    VALUE_EXTRA = 16,
    FRACTION_DIGITS = 6,
    HEAD_STEP = 16
};

struct json_column {
    size_t head;      /* offset into heads: {"name": or ,"name":, padded to HEAD_STEP */
    size_t head_size; /* without the padding */
    enum json_form form;
};

struct row_json {
    struct json_column *columns;
    size_t count;
    struct buf heads;
};

/* Bytes that a JSON string cannot hold as they are. */
static bool is_stop(char c)
{
    return (unsigned char)c < 0x20 || c == '"' || c == '\\';
}

struct row_json *row_json_new(const struct record_column *columns, size_t count)
{
    struct row_json *json = mem_zalloc(1, sizeof *json);

    json->columns = mem_zalloc(count, sizeof *json->columns);
    json->count = count;
    for (size_t i = 0; i < count; i++) {
        size_t start = json->heads.size;
        buf_add_char(&json->heads, i ? ',' : '{');
        json_quote(&json->heads, columns[i].lake_name, strlen(columns[i].lake_name));
        buf_add_char(&json->heads, ':');
        json->columns[i] = (struct json_column){
            .head = start,
            .head_size = json->heads.size - start,
            .form = type_json_form(columns[i].type),
        };
        while (json->heads.size % HEAD_STEP != 0)
            buf_add_char(&json->heads, ' ');
    }
    return json;
}

void row_json_free(struct row_json *json)
{
    if (!json)
        return;
    buf_release(&json->heads);
    free(json->columns);
    free(json);
}

size_t row_json_limit(const struct row_json *json, size_t size)
{
    return GROWTH * size + json->heads.size + VALUE_EXTRA * (json->count + 1);
}

/* Puts what stands at *at, a byte that is_stop(), and moves *at behind it. */
static char *put_escape(char *out, const char **at, const char *end)
{
    static const char hex[] = "0123456789abcdef";
    char c = *(*at)++;

    if (c == '\\' && *at < end) {
        c = *(*at)++;
        if (c == 'v') { /* the only one of COPY's escapes that JSON does not know */
            memcpy(out, "\\u000b", 6);
            return out + 6;
        }
        if (memchr("bfnrt\\", c, 6)) {
            *out++ = '\\';
            *out++ = c;
            return out;
        }
        /* COPY never writes any other; it stands for itself */
        if (!is_stop(c)) {
            *out++ = c;
            return out;
        }
    }
    if (c == '"' || c == '\\') {
        *out++ = '\\';
        *out++ = c;
        return out;
    }
    memcpy(out, "\\u00", 4);
    out[4] = hex[(unsigned char)c >> 4];
    out[5] = hex[c & 15];
    return out + 6;
}

/* is_stop() of any of eight bytes. */
static bool any_stop(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');
    uint64_t below = (word - ones * 0x20) & ~word;
    return ((below | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & highs) != 0;
}

static char *put_text(char *out, struct span field)
{
    const char *at = field.data, *end = field.data + field.size;

    *out++ = '"';
    while (at < end) {
        uint64_t word;
        while (end - at >= 8 && (memcpy(&word, at, 8), !any_stop(word))) {
            memcpy(out, &word, 8);
            out += 8;
            at += 8;
        }
        while (at < end && !is_stop(*at))
            *out++ = *at++;
        if (at < end)
            out = put_escape(out, &at, end);
    }
    *out++ = '"';
    return out;
}

/* Most values are short: two overlapping copies of a fixed size are quicker than a call of memcpy.
 */
static inline char *put_bytes(char *out, const char *data, size_t size)
{
    if (size > 16) {
        memcpy(out, data, size);
    } else if (size >= 8) {
        memcpy(out, data, 8);
        memcpy(out + size - 8, data + size - 8, 8);
    } else if (size >= 4) {
        memcpy(out, data, 4);
        memcpy(out + size - 4, data + size - 4, 4);
    } else {
        for (size_t i = 0; i < size; i++)
            out[i] = data[i];
    }
    return out + size;
}

/* In steps of a fixed size; what is too much is overwritten by what follows. */
static inline char *put_head(const struct row_json *json, const struct json_column *column,
                             char *out)
{
    for (size_t i = 0; i < column->head_size; i += HEAD_STEP)
        memcpy(out + i, json->heads.data + column->head + i, HEAD_STEP);
    return out + column->head_size;
}

/* "2024-11-15 14:40:00[.123][+00][ BC]": the fraction is filled up to six digits, the zone, always
 * UTC's, left out.  "infinity" has no blank and stays as it is. */
static char *put_timestamp(char *out, struct span field)
{
    const char *end = field.data + field.size;
    const char *blank = field.size > 10 && field.data[10] == ' '
                            ? field.data + 10
                            : memchr(field.data, ' ', field.size);
    const size_t time_size = sizeof " 14:40:00" - 1;

    if (!blank || (size_t)(end - blank) < time_size)
        return put_text(out, field);
    const char *at = blank + time_size;
    *out++ = '"';
    if (at - field.data == TIMESTAMP_SIZE) {
        memcpy(out, field.data, TIMESTAMP_SIZE);
        out += TIMESTAMP_SIZE;
    } else {
        out = put_bytes(out, field.data, (size_t)(at - field.data));
    }
    *out++ = '.';
    size_t digits = 0;
    if (at < end && *at == '.') {
        for (at++; at < end && digits < FRACTION_DIGITS && *at >= '0' && *at <= '9'; digits++)
            *out++ = *at++;
    }
    out = put_bytes(out, "000000", FRACTION_DIGITS - digits);
    if (end - at >= 3 && memcmp(at, "+00", 3) == 0)
        at += 3;
    out = put_bytes(out, at, (size_t)(end - at));
    *out++ = '"';
    return out;
}

static char *put_float(char *out, struct span field)
{
    /* NaN, Infinity and -Infinity are the only ones without a digit at the end. */
    char last = field.size ? field.data[field.size - 1] : 'x';
    if (last < '0' || last > '9')
        return put_text(out, field);
    if (field.size == 2 && memcmp(field.data, "-0", 2) == 0)
        return put_bytes(out, "-0.0", 4); /* readers take -0 for an integer, which has no sign */
    return put_bytes(out, field.data, field.size);
}

static char *put_value(char *out, enum json_form form, struct span field)
{
    if (copy_is_null(field))
        return put_bytes(out, "null", 4);
    switch (form) {
    case JSON_FORM_INTEGER:
        return put_bytes(out, field.data, field.size);
    case JSON_FORM_FLOAT:
        return put_float(out, field);
    case JSON_FORM_BOOLEAN:
        return field.size > 0 && field.data[0] == 't' ? put_bytes(out, "true", 4)
                                                      : put_bytes(out, "false", 5);
    case JSON_FORM_TIMESTAMP:
        return put_timestamp(out, field);
    case JSON_FORM_TEXT:
        break;
    }
    return put_text(out, field);
}

char *row_json_put(const struct row_json *json, const struct span *fields, char *out)
{
    if (json->count == 0)
        *out++ = '{';
    for (size_t i = 0; i < json->count; i++) {
        const struct json_column *column = &json->columns[i];
        out = put_head(json, column, out);
        out = put_value(out, column->form, fields[i]);
    }
    *out++ = '}';
    *out++ = '\n';
    return out;
}
