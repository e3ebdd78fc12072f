#include "pipeline/copy_row.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    MD5_HEX = 32
};

struct row_parser {
    struct row_layout layout;
    struct span *fields;  /* of the row under way; [0] is xmin */
    uint16_t *present;    /* scratch: numbers of the non-NULL columns */
    uint64_t full_seed;   /* of a row without NULL */
    size_t first_content; /* columns before it are made by tote */
    struct buf key;
    struct buf compact; /* the row without its NULLs */
    char last_hash[MD5_HEX];
    uint64_t ordinal; /* how often last_hash came so far */
};

static uint64_t seed_of(const uint16_t *numbers, size_t count)
{
    return XXH3_64bits(numbers, count * sizeof *numbers);
}

struct row_parser *row_parser_new(const struct row_layout *layout)
{
    struct row_parser *parser = mem_zalloc(1, sizeof *parser);

    parser->layout = *layout;
    parser->fields = mem_zalloc(layout->column_count + 1, sizeof *parser->fields);
    parser->present = mem_zalloc(layout->column_count + 1, sizeof *parser->present);
    while (parser->first_content < layout->column_count &&
           layout->numbers[parser->first_content] == 0)
        parser->first_content++;
    for (size_t i = parser->first_content; i < layout->column_count; i++)
        parser->present[i - parser->first_content] = (uint16_t)layout->numbers[i];
    parser->full_seed = seed_of(parser->present, layout->column_count - parser->first_content);
    return parser;
}

void row_parser_free(struct row_parser *parser)
{
    if (!parser)
        return;
    buf_release(&parser->key);
    buf_release(&parser->compact);
    free(parser->fields);
    free(parser->present);
    free(parser);
}

/* A one in the high bit of each byte of `word` that is a tab; exact, see Hacker's Delight 6-1. */
static uint64_t tabs_in(uint64_t word)
{
    const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t x = word ^ UINT64_C(0x0909090909090909);
    return ~(((x & low7) + low7) | x | low7);
}

/* Tabs are found eight bytes at a time: a row has many short fields. */
static bool split(struct span *fields, size_t wanted, const char *data, size_t size)
{
    const char *start = data, *end = data + size, *at = data;
    size_t count = 0;

    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        for (uint64_t tabs = tabs_in(word); tabs; tabs &= tabs - 1) {
            const char *tab = at + __builtin_ctzll(tabs) / 8;
            if (count + 1 >= wanted)
                return false;
            fields[count++] = (struct span){start, (size_t)(tab - start)};
            start = tab + 1;
        }
        at += 8;
    }
    for (; at < end; at++) {
        if (*at != '\t')
            continue;
        if (count + 1 >= wanted)
            return false;
        fields[count++] = (struct span){start, (size_t)(at - start)};
        start = at + 1;
    }
    fields[count++] = (struct span){start, (size_t)(end - start)};
    return count == wanted;
}

static bool parse_number(struct span text, int64_t *ret_number)
{
    bool negative = text.size && text.data[0] == '-';
    uint64_t number = 0;

    if (text.size == negative || text.size > 20)
        return false;
    for (size_t i = negative; i < text.size; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';
        if (digit > 9)
            return false;
        number = number * 10 + digit;
    }
    *ret_number = negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

static void add_plain(struct buf *out, const char *data, size_t size)
{
    char *to = buf_reserve(out, size);
    memcpy(to, data, size);
    out->size += size;
}

void copy_unescape(struct buf *out, struct span text)
{
    const char *at = text.data, *end = text.data + text.size;

    (void)buf_reserve(out, text.size);
    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        if (!slash || slash + 1 == end) {
            add_plain(out, at, (size_t)(end - at));
            break;
        }
        add_plain(out, at, (size_t)(slash - at));
        static const char from[] = "bfnrtv", to[] = "\b\f\n\r\t\v";
        const char *known = strchr(from, slash[1]);
        char c = slash[1] && known ? to[known - from] : slash[1];
        add_plain(out, &c, 1);
        at = slash + 2;
    }
    out->data[out->size] = '\0';
}

void copy_escape(struct buf *out, struct span text)
{
    static const char from[] = "\b\f\n\r\t\v\\", to[] = "bfnrtv\\";

    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        const char *known = c ? strchr(from, c) : NULL;
        if (known)
            buf_add_char(out, '\\');
        buf_add_char(out, known ? to[known - from] : c);
    }
}

static void text_key(struct row_parser *parser, const struct span *columns)
{
    buf_clear(&parser->key);
    (void)buf_reserve(&parser->key, 1);
    for (size_t i = 0; i < parser->layout.key_count; i++) {
        if (i)
            add_plain(&parser->key, "", 1);
        copy_unescape(&parser->key, columns[parser->layout.key_fields[i]]);
    }
}

/* Rows with equal content are told apart by how many came before. */
static bool keyless_key(struct row_parser *parser, struct span *columns)
{
    if (columns[0].size != MD5_HEX)
        return false;
    bool again = parser->ordinal && memcmp(parser->last_hash, columns[0].data, MD5_HEX) == 0;
    memcpy(parser->last_hash, columns[0].data, MD5_HEX);
    parser->ordinal = again ? parser->ordinal + 1 : 1;
    buf_clear(&parser->key);
    buf_add(&parser->key, columns[0].data, MD5_HEX);
    if (again)
        buf_addf(&parser->key, ":%llu", (unsigned long long)parser->ordinal);
    columns[0] = (struct span){parser->key.data, parser->key.size};
    return true;
}

static bool find_key(struct row_parser *parser, struct span *columns, struct key *ret_key)
{
    ret_key->form = parser->layout.form;
    if (parser->layout.form == KEY_INT8)
        return parse_number(columns[parser->layout.key_fields[0]], &ret_key->number);
    if (!parser->layout.keyless)
        text_key(parser, columns);
    else if (!keyless_key(parser, columns))
        return false;
    ret_key->text = (struct span){parser->key.data, parser->key.size};
    return true;
}

/* The row's content begins with the first column of the source. */
static uint64_t content_of(struct row_parser *parser, const struct span *columns, const char *end)
{
    size_t count = parser->layout.column_count, first = parser->first_content, present = 0;

    if (first == count)
        return 0;
    const char *start = columns[first].data;
    if (!memchr(start, '\\', (size_t)(end - start)))
        return XXH3_64bits_withSeed(start, (size_t)(end - start), parser->full_seed);
    buf_clear(&parser->compact);
    (void)buf_reserve(&parser->compact, (size_t)(end - start));
    for (size_t i = first; i < count; i++) {
        if (copy_is_null(columns[i]))
            continue;
        if (present)
            add_plain(&parser->compact, "\t", 1);
        add_plain(&parser->compact, columns[i].data, columns[i].size);
        parser->present[present++] = (uint16_t)parser->layout.numbers[i];
    }
    return XXH3_64bits_withSeed(parser->compact.data, parser->compact.size,
                                present == count - first ? parser->full_seed
                                                         : seed_of(parser->present, present));
}

enum err_code row_parse(struct row_parser *parser, struct span line, struct source_row *ret_row,
                        struct err *err)
{
    size_t size = line.size;
    int64_t xmin;

    if (size && line.data[size - 1] == '\n')
        size--;
    size_t fields = parser->layout.column_count + 1;
    if (!split(parser->fields, fields, line.data, size) || !parse_number(parser->fields[0], &xmin))
        return err_set(err, ERR_INTERNAL, "a row came with other columns than were asked for");
    struct span *columns = parser->fields + 1;
    /* Before the key: that of a table without one replaces the first field. */
    uint64_t content = content_of(parser, columns, line.data + size);
    struct key key = {0};
    if (!find_key(parser, columns, &key))
        return err_set(err, ERR_INTERNAL, "a row came with a key that is none");
    *ret_row = (struct source_row){.xmin = (uint32_t)xmin,
                                   .key = key,
                                   .content = content,
                                   .fields = columns,
                                   .size = size + 16};
    return ERR_OK;
}
