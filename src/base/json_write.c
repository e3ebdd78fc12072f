#include "base/json_write.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

void json_begin(struct json_writer *json, struct buf *out, bool indent)
{
    *json = (struct json_writer){.out = out, .indent = indent, .first = true};
}

static void new_line(struct json_writer *json)
{
    if (!json->indent)
        return;
    buf_add_char(json->out, '\n');
    for (unsigned i = 0; i < json->depth; i++)
        buf_add_text(json->out, "  ");
}

/* What stands before every value: comma, line break, name. */
static void before_value(struct json_writer *json, const char *name)
{
    if (!json->first)
        buf_add_char(json->out, ',');
    if (json->depth)
        new_line(json);
    if (name) {
        json_quote(json->out, name, strlen(name));
        buf_add_text(json->out, json->indent ? ": " : ":");
    }
    json->first = false;
}

static void begin(struct json_writer *json, const char *name, char bracket)
{
    before_value(json, name);
    buf_add_char(json->out, bracket);
    json->depth++;
    json->first = true;
}

static void end(struct json_writer *json, char bracket)
{
    assert(json->depth > 0);
    json->depth--;
    if (!json->first)
        new_line(json);
    buf_add_char(json->out, bracket);
    json->first = false;
}

void json_object_begin(struct json_writer *json, const char *name)
{
    begin(json, name, '{');
}

void json_object_end(struct json_writer *json)
{
    end(json, '}');
}

void json_array_begin(struct json_writer *json, const char *name)
{
    begin(json, name, '[');
}

void json_array_end(struct json_writer *json)
{
    end(json, ']');
}

void json_text_n(struct json_writer *json, const char *name, const char *text, size_t size)
{
    before_value(json, name);
    json_quote(json->out, text, size);
}

void json_text(struct json_writer *json, const char *name, const char *text)
{
    if (text)
        json_text_n(json, name, text, strlen(text));
    else
        json_none(json, name);
}

void json_int(struct json_writer *json, const char *name, int64_t value)
{
    before_value(json, name);
    buf_addf(json->out, "%lld", (long long)value);
}

void json_uint(struct json_writer *json, const char *name, uint64_t value)
{
    before_value(json, name);
    buf_addf(json->out, "%llu", (unsigned long long)value);
}

void json_double(struct json_writer *json, const char *name, double value)
{
    char text[40];

    before_value(json, name);
    if (!isfinite(value)) { /* JSON has no word for it */
        buf_add_text(json->out, "null");
        return;
    }
    /* The shortest text that reads back as the same number. */
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        double back = strtod(text, NULL);
        if (memcmp(&back, &value, sizeof value) == 0)
            break;
    }
    buf_add_text(json->out, text);
}

void json_bool(struct json_writer *json, const char *name, bool value)
{
    before_value(json, name);
    buf_add_text(json->out, value ? "true" : "false");
}

void json_none(struct json_writer *json, const char *name)
{
    before_value(json, name);
    buf_add_text(json->out, "null");
}

void json_time(struct json_writer *json, const char *name, int64_t at_us)
{
    char text[CLOCK_TEXT_MAX];

    if (!at_us) {
        json_none(json, name);
        return;
    }
    clock_format_iso(at_us, text);
    json_text(json, name, text);
}

void json_raw(struct json_writer *json, const char *name, const char *text)
{
    before_value(json, name);
    buf_add_text(json->out, text);
}

static void add_escaped(struct buf *out, unsigned char c)
{
    switch (c) {
    case '"':
        buf_add_text(out, "\\\"");
        break;
    case '\\':
        buf_add_text(out, "\\\\");
        break;
    case '\n':
        buf_add_text(out, "\\n");
        break;
    case '\r':
        buf_add_text(out, "\\r");
        break;
    case '\t':
        buf_add_text(out, "\\t");
        break;
    default:
        buf_addf(out, "\\u%04x", c);
    }
}

void json_quote(struct buf *out, const char *text, size_t size)
{
    size_t start = 0, i = 0;

    buf_add_char(out, '"');
    while (i < size) {
        unsigned char c = (unsigned char)text[i];
        size_t bytes = text_utf8_size(text + i, size - i);
        if (bytes && c >= 0x20 && c != '"' && c != '\\') {
            i += bytes;
            continue;
        }
        if (i > start)
            buf_add(out, text + start, i - start);
        if (bytes)
            add_escaped(out, c);
        else
            buf_add_text(out, "\xef\xbf\xbd");
        start = ++i;
    }
    if (i > start)
        buf_add(out, text + start, i - start);
    buf_add_char(out, '"');
}
