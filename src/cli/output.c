#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

static bool closed;

bool output_closed(void)
{
    return closed;
}

enum err_code output_flush(struct buf *out, struct err *err)
{
    size_t done = 0;

    while (done < out->size && !closed) {
        ssize_t count = write(STDOUT_FILENO, out->data + done, out->size - done);
        if (count >= 0)
            done += (size_t)count;
        else if (errno == EPIPE)
            closed = true;
        else if (errno != EINTR)
            return err_sys(err, ERR_IO, "standard output cannot be written");
    }
    buf_clear(out);
    return ERR_OK;
}

struct text_table {
    struct arena *arena; /* of the cells */
    size_t columns;
    bool *right;
    size_t *widths;
    const char **cells;
    size_t count;
    size_t capacity;
};

struct text_table *text_table_new(size_t column_count)
{
    struct text_table *table = mem_zalloc(1, sizeof *table);

    table->arena = arena_new(0);
    table->columns = column_count;
    table->right = mem_zalloc(column_count + 1, sizeof *table->right);
    table->widths = mem_zalloc(column_count + 1, sizeof *table->widths);
    return table;
}

void text_table_free(struct text_table *table)
{
    if (!table)
        return;
    free(table->right);
    free(table->widths);
    free(table->cells);
    arena_free(table->arena);
    free(table);
}

void text_table_right(struct text_table *table, size_t column)
{
    table->right[column] = true;
}

/* Characters, not bytes: near enough to what a terminal shows. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void text_table_cell(struct text_table *table, const char *text)
{
    size_t column = table->count % table->columns, width = width_of(text);

    table->cells = mem_grow(table->cells, &table->capacity, table->count + 1, sizeof *table->cells);
    table->cells[table->count++] = arena_strdup(table->arena, text);
    if (width > table->widths[column])
        table->widths[column] = width;
}

static void pad(struct buf *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_add_char(out, ' ');
}

void text_table_print(const struct text_table *table, struct buf *out)
{
    for (size_t i = 0; i < table->count; i++) {
        size_t column = i % table->columns;
        size_t space = table->widths[column] - width_of(table->cells[i]);
        bool last = column + 1 == table->columns;
        if (table->right[column])
            pad(out, space);
        buf_add_text(out, table->cells[i]);
        if (last) {
            while (out->size && out->data[out->size - 1] == ' ')
                out->data[--out->size] = '\0';
            buf_add_char(out, '\n');
        } else {
            pad(out, (table->right[column] ? 0 : space) + 2);
        }
    }
}

void text_table_flush(struct text_table *table, struct buf *out)
{
    text_table_print(table, out);
    table->count = 0;
    arena_reset(table->arena);
}

void output_json_time(struct json_writer *json, const char *name, int64_t at_us)
{
    json_time(json, name, at_us);
}

void output_json_seconds(struct json_writer *json, const char *name, int64_t duration_us)
{
    json_double(json, name, (double)duration_us / 1e6);
}

const char *output_count(struct arena *arena, uint64_t count, const char *noun)
{
    bool es = text_ends(noun, "ch");

    return arena_printf(arena, "%s %s%s", text_count(arena, count), noun,
                        count == 1 ? ""
                        : es       ? "es"
                                   : "s");
}

void output_json_begin(struct json_writer *json, struct buf *out, bool indent)
{
    json_begin(json, out, indent);
    json_object_begin(json, NULL);
    json_int(json, "schema", 1);
}

void output_json_end(struct json_writer *json)
{
    json_object_end(json);
    buf_add_char(json->out, '\n');
}

void output_json_error(struct json_writer *json, const struct err *err)
{
    struct err shown = *err;

    redact(shown.message);
    redact(shown.hint);
    json_object_begin(json, "error");
    json_text(json, "code", err_name(shown.code));
    json_text(json, "message", shown.message);
    json_text(json, "hint", *shown.hint ? shown.hint : NULL);
    json_object_end(json);
}
