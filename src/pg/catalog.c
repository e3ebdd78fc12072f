#include "pg/catalog.h"

#include <string.h>

#include "base/digest.h"
#include "base/text.h"
#include "sql.h"

enum {
    TABLES,
    COLUMNS,
    KEYS,
    REFERENCES,
    TYPES,
    RESULT_COUNT
};
enum {
    SHAPE_SIZE = 33
};

/* The rows of each result that belong to one table: [from, to). */
struct slice {
    size_t from;
    size_t to;
};

struct reading {
    struct arena *arena;
    struct pg_rows *rows[RESULT_COUNT];
};

static void reading_release(struct reading *reading)
{
    for (size_t i = 0; i < RESULT_COUNT; i++)
        pg_rows_free(reading->rows[i]);
}

/* --- cells --- */

static const char *cell(const struct pg_rows *rows, size_t row, size_t column)
{
    const char *text = pg_rows_text(rows, row, column);
    return text ? text : "";
}

static char *text_of(const struct reading *reading, int result, size_t row, size_t column)
{
    const char *text = pg_rows_text(reading->rows[result], row, column);
    return text ? arena_strdup(reading->arena, text) : NULL;
}

static int64_t number_of(const struct pg_rows *rows, size_t row, size_t column)
{
    int64_t value = 0;
    return text_to_i64(cell(rows, row, column), &value) ? value : 0;
}

static bool bool_of(const struct pg_rows *rows, size_t row, size_t column)
{
    return cell(rows, row, column)[0] == 't';
}

/* Rows come ordered by the oid in column 0. */
static struct slice slice_of(const struct pg_rows *rows, uint32_t oid)
{
    size_t low = 0;
    size_t high = pg_rows_count(rows);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (number_of(rows, middle, 0) < (int64_t)oid)
            low = middle + 1;
        else
            high = middle;
    }
    struct slice slice = {.from = low, .to = low};
    while (slice.to < pg_rows_count(rows) && number_of(rows, slice.to, 0) == (int64_t)oid)
        slice.to++;
    return slice;
}

/* --- one table --- */

static const char *name_of_number(const struct catalog_table *table, int64_t number)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].number == number)
            return table->columns[i].name;
    }
    return NULL;
}

/* A column of a domain is one of the type behind it, and not null when any domain on the way says
 * so. */
static void resolve_domains(const struct reading *reading, uint32_t type,
                            struct catalog_column *column)
{
    const struct pg_rows *rows = reading->rows[TYPES];

    while (column->type_class == 'd') {
        struct slice slice = slice_of(rows, type);
        if (slice.from == slice.to)
            return;
        type = (uint32_t)number_of(rows, slice.from, 2);
        column->typmod = (int)number_of(rows, slice.from, 3);
        column->not_null = column->not_null || bool_of(rows, slice.from, 4);
        column->type = text_of(reading, TYPES, slice.from, 5);
        column->type_class = cell(rows, slice.from, 6)[0];
    }
}

static void read_columns(const struct reading *reading, struct catalog_table *table)
{
    const struct pg_rows *rows = reading->rows[COLUMNS];
    struct slice slice = slice_of(rows, table->oid);

    table->columns = arena_alloc(reading->arena, (slice.to - slice.from) * sizeof *table->columns);
    for (size_t row = slice.from; row < slice.to; row++) {
        struct catalog_column *column = &table->columns[table->column_count++];
        *column = (struct catalog_column){
            .name = text_of(reading, COLUMNS, row, 1),
            .number = (int)number_of(rows, row, 2),
            .declared_type = text_of(reading, COLUMNS, row, 3),
            .type = text_of(reading, COLUMNS, row, 4),
            .typmod = (int)number_of(rows, row, 5),
            .type_class = cell(rows, row, 6)[0],
            .not_null = bool_of(rows, row, 7),
            .generated = bool_of(rows, row, 8),
            .comment = text_of(reading, COLUMNS, row, 9),
        };
        resolve_domains(reading, (uint32_t)number_of(rows, row, 10), column);
    }
}

static void read_key(const struct reading *reading, struct catalog_table *table)
{
    const struct pg_rows *rows = reading->rows[KEYS];
    struct slice slice = slice_of(rows, table->oid);

    if (slice.from == slice.to)
        return;
    size_t count = (size_t)number_of(rows, slice.from, 2);
    const char *at = cell(rows, slice.from, 1);
    table->key = arena_alloc(reading->arena, count * sizeof *table->key);
    while (table->key_count < count) {
        char *end;
        const char *name = name_of_number(table, strtol(at, &end, 10));
        if (!name || end == at) { /* a column that was dropped meanwhile: the caller lists again */
            table->key_count = 0;
            return;
        }
        table->key[table->key_count++] = name;
        at = end;
    }
}

static void read_references(const struct reading *reading, struct catalog_table *table)
{
    const struct pg_rows *rows = reading->rows[REFERENCES];
    struct slice slice = slice_of(rows, table->oid);
    size_t row_count = slice.to - slice.from;

    table->references = arena_alloc(reading->arena, row_count * sizeof *table->references);
    for (size_t row = slice.from; row < slice.to; row++) {
        const char *name = cell(rows, row, 1);
        const char *column = name_of_number(table, number_of(rows, row, 2));
        if (!column)
            continue;
        struct catalog_reference *last =
            table->reference_count ? &table->references[table->reference_count - 1] : NULL;
        if (!last || !text_equal(last->name, name)) {
            last = &table->references[table->reference_count++];
            *last = (struct catalog_reference){
                .name = arena_strdup(reading->arena, name),
                .target_schema = text_of(reading, REFERENCES, row, 3),
                .target_relation = text_of(reading, REFERENCES, row, 4),
                .columns = arena_alloc(reading->arena, row_count * sizeof *last->columns),
                .target_columns = arena_alloc(reading->arena, row_count * sizeof *last->columns),
            };
        }
        last->columns[last->count] = column;
        last->target_columns[last->count++] = text_of(reading, REFERENCES, row, 5);
    }
}

/* Adds the definitions of a type and of all that it is made of, each once. */
static void add_types(const struct reading *reading, uint32_t oid, struct buf *queue,
                      struct buf *text)
{
    const struct pg_rows *rows = reading->rows[TYPES];

    buf_clear(queue);
    buf_add(queue, &oid, sizeof oid);
    for (size_t done = 0; done < queue->size; done += sizeof oid) {
        memcpy(&oid, queue->data + done, sizeof oid);
        struct slice slice = slice_of(rows, oid);
        bool seen = false;
        for (size_t before = 0; before < done && !seen; before += sizeof oid)
            seen = memcmp(queue->data + before, queue->data + done, sizeof oid) == 0;
        if (seen || slice.from == slice.to)
            continue;
        buf_addf(text, "type %u %s\n", oid, cell(rows, slice.from, 1));
        const char *at = cell(rows, slice.from, 7);
        for (;;) {
            char *end;
            uint32_t part = (uint32_t)strtoul(at, &end, 10);
            if (end == at)
                break;
            buf_add(queue, &part, sizeof part);
            at = end;
        }
    }
}

static void compute_shape(const struct reading *reading, size_t table_row,
                          struct catalog_table *table)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf queue = {0};
    const struct pg_rows *rows = reading->rows[COLUMNS];
    struct slice slice = slice_of(rows, table->oid);
    char hex[SHA256_HEX_SIZE];

    buf_addf(&text, "table %u %c %s\nkey", table->oid, table->kind,
             cell(reading->rows[TABLES], table_row, 10));
    for (size_t i = 0; i < table->key_count; i++) {
        buf_add_char(&text, ' ');
        pg_ident(&text, table->key[i]);
    }
    buf_add_char(&text, '\n');
    for (size_t row = slice.from; row < slice.to; row++) {
        buf_add_text(&text, cell(rows, row, 11));
        buf_add_char(&text, '\n');
        uint32_t type = (uint32_t)number_of(rows, row, 10);
        if (type >= 16384) /* FirstNormalObjectId: what is below never changes */
            add_types(reading, type, &queue, &text);
    }
    sha256_of(text.data, text.size, hex);
    table->shape = arena_strndup(reading->arena, hex, SHAPE_SIZE - 1);
}

static void read_table(const struct reading *reading, size_t row, struct catalog_table *table)
{
    const struct pg_rows *rows = reading->rows[TABLES];

    *table = (struct catalog_table){
        .oid = (uint32_t)number_of(rows, row, 0),
        .schema = text_of(reading, TABLES, row, 1),
        .name = text_of(reading, TABLES, row, 2),
        .kind = cell(rows, row, 3)[0],
        .has_children = bool_of(rows, row, 4),
        .row_security = bool_of(rows, row, 5),
        .can_select = bool_of(rows, row, 6),
        .estimated_rows = number_of(rows, row, 7),
        .pages = number_of(rows, row, 8),
        .comment = text_of(reading, TABLES, row, 9),
    };
    read_columns(reading, table);
    read_key(reading, table);
    read_references(reading, table);
    compute_shape(reading, row, table);
}

enum err_code catalog_read(struct pg *pg, struct arena *arena, struct catalog *ret_catalog,
                           struct err *err)
{
    CLEANUP_IN_PLACE(reading_release) struct reading reading = {.arena = arena};

    if (pg_query_several(pg, sql_catalog, RESULT_COUNT, reading.rows, err) != ERR_OK)
        return err_wrap(err, "listing the tables");
    size_t count = pg_rows_count(reading.rows[TABLES]);
    struct catalog catalog = {.tables = arena_alloc(arena, count * sizeof *catalog.tables),
                              .count = count};
    for (size_t row = 0; row < count; row++)
        read_table(&reading, row, &catalog.tables[row]);
    *ret_catalog = catalog;
    return ERR_OK;
}
