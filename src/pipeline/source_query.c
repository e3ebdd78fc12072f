#include "pipeline/source_query.h"

#include <string.h>

#include "base/digest.h"
#include "base/text.h"
#include "pipeline/sql_fill.h"
#include "sql.h"

/* What age() says of a frozen id without a number. */
#define AGE_FROZEN "2147483647"

static const char *keep(struct arena *arena, const struct buf *sql)
{
    return arena_strndup(arena, buf_text(sql), sql->size);
}

/* The text that COPY writes for a column.  A cast to text is not that for every type: it says true
 * for t, strips char(n), adds a netmask to inet; concat() asks the type's output function, but is
 * slower. */
static void add_text_of(struct buf *sql, const char *expression, const char *type)
{
    static const char *const same[] = {"text",    "varchar", "name",      "uuid",
                                       "numeric", "int2",    "int4",      "int8",
                                       "date",    "time",    "timestamp", "timestamptz"};
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        if (text_equal(same[i], type)) {
            buf_addf(sql, "%s::text", expression);
            return;
        }
    }
    buf_addf(sql, "concat(%s)", expression);
}

static void add_column(struct buf *sql, const struct record_column *column)
{
    CLEANUP_IN_PLACE(buf_release) struct buf name = {0};

    pg_ident(&name, column->name);
    if (text_equal(column->type, "hashed"))
        buf_addf(sql, "encode(sha256(convert_to(%s::text, 'UTF8')), 'hex')", name.data);
    else if (text_equal(column->type, "char"))
        /* "char" is any byte.  Newer servers write those that are no character as \310, older ones
         * (13 does) as they are, which is no UTF-8. */
        buf_addf(sql,
                 "case when get_byte(charsend(%s), 0) > 127 then encode(charsend(%s), 'escape')"
                 " else %s::text end",
                 name.data, name.data, name.data);
    else
        buf_add(sql, name.data, name.size);
}

/* "a"::text of a key's column. */
static void add_key_text(struct buf *sql, const struct record_column *column)
{
    CLEANUP_IN_PLACE(buf_release) struct buf plain = {0};

    add_column(&plain, column);
    if (text_equal(column->type, "hashed"))
        buf_add_text(sql, plain.data);
    else
        add_text_of(sql, plain.data, column->type);
}

static void build_int8_key(struct source_table *table, struct arena *arena)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};

    pg_ident(&sql, table->key_columns[0].name);
    table->key = table->key_order = keep(arena, &sql);
    buf_add_text(&sql, "::bigint");
    table->key_value = keep(arena, &sql);
}

static void build_text_key(struct source_table *table, bool utf8, struct arena *arena)
{
    CLEANUP_IN_PLACE(buf_release) struct buf list = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf order = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf value = {0};

    for (size_t i = 0; i < table->record.key_count; i++) {
        CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
        add_key_text(&text, &table->key_columns[i]);
        buf_addf(&list, "%s%s", i ? ", " : "", text.data);
        buf_addf(&value, "%s%s", i ? " || chr(31) || " : "", text.data);
        /* Bytes of other encodings sort otherwise than ours. */
        buf_addf(&order, utf8 ? "%s%s collate \"C\"" : "%sconvert_to(%s, 'UTF8')", i ? ", " : "",
                 text.data);
    }
    table->key = keep(arena, &list);
    table->key_order = keep(arena, &order);
    table->key_value = keep(arena, &value);
}

static void build_keyless(struct source_table *table, const struct buf *columns,
                          struct arena *arena)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};

    buf_addf(&sql, "md5(row(%s)::text)", buf_text(columns));
    table->key = table->key_value = keep(arena, &sql);
    buf_add_text(&sql, " collate \"C\"");
    table->key_order = keep(arena, &sql);
    table->xmin = "0";
}

void source_query_build(struct source_table *table, bool utf8, struct arena *arena)
{
    CLEANUP_IN_PLACE(buf_release) struct buf from = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf columns = {0};

    if (table->catalog->has_children)
        buf_add_text(&from, "only ");
    pg_qualified(&from, table->catalog->schema, table->catalog->name);
    table->from = keep(arena, &from);
    table->xmin = "xmin";
    for (size_t i = table->keyless; i < table->record.column_count; i++) {
        if (i > table->keyless)
            buf_add_text(&columns, ", ");
        add_column(&columns, &table->record.columns[i]);
    }
    if (table->keyless)
        build_keyless(table, &columns, arena);
    else if (table->form == KEY_INT8)
        build_int8_key(table, arena);
    else
        build_text_key(table, utf8, arena);
    table->columns = !table->keyless ? keep(arena, &columns)
                     : columns.size  ? arena_printf(arena, "%s, %s", table->key, columns.data)
                                     : table->key;
}

void source_table_key_hash(const struct source_table *table, struct buf *sql)
{
    if (table->form == KEY_INT8)
        buf_addf(sql, "hashint8extended(%s, 0)", table->key_value);
    else
        buf_addf(sql, "hashtextextended((%s) collate \"C\", 0)", table->key_value);
}

void source_table_version_hash(const struct source_table *table, struct buf *sql)
{
    static const char version[] =
        "coalesce(((select 1000 + age('1000'::xid)::bigint) - nullif(age(xmin), " AGE_FROZEN
        ")) & 4294967295, 2)";

    if (table->keyless)
        source_table_key_hash(table, sql);
    else if (table->form == KEY_INT8)
        buf_addf(sql, "hashint8extended(%s, %s)", table->key_value, version);
    else
        buf_addf(sql, "hashtextextended((%s) collate \"C\", %s)", table->key_value, version);
}

void source_table_copy(const struct source_table *table, const char *filter, const char *order,
                       struct buf *sql)
{
    sql_fill(sql, sql_ingest_rows,
             (struct sql_part[]){{"xmin", table->xmin},
                                 {"columns", table->columns},
                                 {"table", table->from},
                                 {"filter", filter},
                                 {"order", order},
                                 {NULL, NULL}});
}
