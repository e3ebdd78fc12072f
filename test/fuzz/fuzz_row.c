/* Lines of COPY's text, and the JSON that is made of them.  The first byte chooses the layout, then
 * come lines. */
#include <string.h>

#include "base/json_read.h"
#include "base/text.h"
#include "fuzz/fuzz.h"
#include "pipeline/copy_row.h"
#include "pipeline/row_json.h"

static const struct record_column columns[] = {
    {.lake_name = "id", .number = 1, .type = "int8"},
    {.lake_name = "a \"quoted\" näme", .number = 2, .type = "text"},
    {.lake_name = "at", .number = 4, .type = "timestamp"},
    {.lake_name = "n", .number = 5, .type = "float8"},
    {.lake_name = "b", .number = 6, .type = "bool"},
};
static const struct record_column texts[] = {
    {.lake_name = "_key", .number = 0, .type = "text"},
    {.lake_name = "b", .number = 7, .type = "_text"},
    {.lake_name = "c", .number = 9, .type = "timestamptz"},
};

static bool is_digits(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.size > 0 && text.size < 18 && (text.size == 1 || text.data[0] != '0');
}

static bool is_time(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!strchr("0123456789 -:.+BC", text.data[i]))
            return false;
    return true;
}

/* What COPY writes of numbers, times and truth values is copied as it is; the server writes no
 * other. */
static bool is_servers(const struct span *fields, bool keyless)
{
    if (keyless)
        return is_time(fields[2]);
    return is_digits(fields[0]) && is_time(fields[2]) && is_digits(fields[3]) &&
           fields[4].size == 1;
}

static void check_escapes(struct span text)
{
    CLEANUP_IN_PLACE(buf_release) struct buf escaped = {0}, plain = {0};

    copy_escape(&escaped, text);
    copy_unescape(&plain, (struct span){buf_text(&escaped), escaped.size});
    FUZZ_CHECK(plain.size == text.size &&
               (text.size == 0 || memcmp(plain.data, text.data, text.size) == 0));
    buf_clear(&plain);
    copy_unescape(&plain, text);
}

static void put_row(const struct row_json *json, const struct source_row *row, bool sound)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    CLEANUP(json_doc_free) struct json_doc *doc = NULL;
    struct err err = {0};
    size_t limit = row_json_limit(json, row->size);
    char *start = buf_reserve(&out, limit);
    char *end = row_json_put(json, row->fields, start);

    FUZZ_CHECK((size_t)(end - start) <= limit && end[-1] == '\n');
    FUZZ_CHECK(!memchr(start, '\n', (size_t)(end - start - 1)));
    if (sound && text_is_utf8(start, (size_t)(end - start)))
        FUZZ_CHECK(json_parse("row", start, (size_t)(end - start), &doc, &err) == ERR_OK);
}

FUZZ(row)
{
    static const size_t first[] = {0}, both[] = {1, 0};
    static const int numbers[] = {1, 2, 4, 5, 6}, keyless_numbers[] = {0, 7, 9};
    struct row_layout layouts[] = {
        {COUNT_OF(columns), numbers, KEY_INT8, first, 1, false},
        {COUNT_OF(columns), numbers, KEY_TEXT, both, 2, false},
        {COUNT_OF(texts), keyless_numbers, KEY_TEXT, first, 1, true},
    };
    if (size == 0)
        return;
    size_t chosen = (unsigned char)*data % COUNT_OF(layouts);
    bool keyless = layouts[chosen].keyless;
    CLEANUP(row_parser_free) struct row_parser *parser = row_parser_new(&layouts[chosen]);
    CLEANUP(row_json_free)
    struct row_json *json = row_json_new(keyless ? texts : columns, layouts[chosen].column_count);
    for (data++, size--; size > 0;) {
        const char *end = memchr(data, '\n', size);
        struct span line = {data, end ? (size_t)(end - data) + 1 : size};
        struct source_row row;
        struct err err = {0};
        bool zero =
            memchr(line.data, '\0', line.size) != NULL; /* no text of PostgreSQL holds one */
        if (!zero && row_parse(parser, line, &row, &err) == ERR_OK)
            put_row(json, &row, is_servers(row.fields, keyless));
        check_escapes(line);
        data += line.size;
        size -= line.size;
    }
}
