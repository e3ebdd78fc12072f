/* The SQL of the DuckDB driver that depends on a table's columns. */
#include "base/text.h"
#include "warehouse/duckdb_warehouse.h"

const struct warehouse_column duckdb_fact_columns[3] = {
    {.name = "batch_id", .type = "BIGINT", .not_null = true},
    {.name = "captured_at", .type = "TIMESTAMP", .not_null = true},
    {.name = "deleted", .type = "BOOLEAN", .not_null = true},
};

void duckdb_sql_table(const struct duckdb_warehouse *self, const char *name, struct buf *sql)
{
    buf_add_text(sql, DUCK_FILE_CATALOG ".");
    duck_ident(sql, self->schema);
    buf_add_char(sql, '.');
    duck_ident(sql, name);
}

const char *duckdb_sql_type(const struct warehouse_column *column)
{
    static const char *const types[][2] = {
        {"time", "TIME"}, {"uuid", "UUID"}, {"json", "JSON"}, {"jsonb", "JSON"}};
    for (size_t i = 0; column->warehouse_type && i < COUNT_OF(types); i++)
        if (text_equal(column->warehouse_type, types[i][0]))
            return types[i][1];
    return column->type;
}

const char *duckdb_sql_record_id(const struct warehouse_table *table)
{
    return table->record_id ? table->record_id : "record_id";
}

void duckdb_sql_names(const char *prefix, const char *const *names, size_t count, struct buf *sql)
{
    for (size_t i = 0; i < count; i++) {
        buf_addf(sql, "%s%s", i ? ", " : "", prefix);
        duck_ident(sql, names[i]);
    }
}

static void add_columns(const struct warehouse_column *columns, size_t count, struct buf *sql)
{
    for (size_t i = 0; i < count; i++) {
        buf_add_text(sql, ",\n    ");
        duck_ident(sql, columns[i].name);
        buf_addf(sql, " %s%s", duckdb_sql_type(&columns[i]),
                 columns[i].not_null ? " not null" : "");
    }
}

/* Facts have no primary key: its index would cost more than the load itself and is never used, as
 * facts are only appended. */
void duckdb_sql_create(const struct duckdb_warehouse *self, const struct warehouse_table *table,
                       struct buf *sql)
{
    CLEANUP_IN_PLACE(buf_release) struct buf columns = {0};
    if (table->kind == WAREHOUSE_FACT) {
        const struct warehouse_column record_id = {.name = table->record_id ? table->record_id
                                                                            : "record_id",
                                                   .type = "BIGINT",
                                                   .not_null = true};
        add_columns(&record_id, 1, &columns);
    }
    add_columns(table->columns, table->column_count, &columns);
    if (table->kind == WAREHOUSE_FACT)
        add_columns(duckdb_fact_columns, COUNT_OF(duckdb_fact_columns), &columns);
    else if (table->key_count > 0) {
        buf_add_text(&columns, ",\n    primary key (");
        duckdb_sql_names("", table->key, table->key_count, &columns);
        buf_add_char(&columns, ')');
    }
    buf_add_text(sql, "create or replace table ");
    duckdb_sql_table(self, table->name, sql);
    buf_addf(sql, " (%s\n)", columns.data + 1); /* without the first comma */
}

/* The text of a view must not name the catalog, which is another when people open the file
 * themselves. */
static void begin_view(const struct duckdb_warehouse *self, const struct warehouse_table *table,
                       const char *suffix, struct buf *from, struct buf *sql)
{
    CLEANUP_IN_PLACE(buf_release) struct buf name = {0};
    buf_addf(&name, "%s_%s", table->name, suffix);
    buf_add_text(sql, "create or replace view ");
    duckdb_sql_table(self, name.data, sql);
    buf_add_text(sql, " as select ");
    buf_clear(from);
    buf_add_text(from, " from ");
    duck_ident(from, self->schema);
    buf_add_char(from, '.');
    duck_ident(from, table->name);
    buf_add_text(from, " f");
}

void duckdb_sql_views(const struct duckdb_warehouse *self, const struct warehouse_table *table,
                      const char *const *columns, size_t column_count, struct buf *sql)
{
    CLEANUP_IN_PLACE(buf_release) struct buf window = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf from = {0};
    buf_add_text(&window, "over (partition by ");
    duckdb_sql_names("f.", table->key, table->key_count, &window);
    buf_add_text(&window, " order by f.batch_id");

    begin_view(self, table, "history", &from, sql);
    duckdb_sql_names("f.", columns, column_count, sql);
    buf_addf(sql, ", f.captured_at as valid_from, lead(f.captured_at) %s) as valid_to%s;\n",
             window.data, from.data);
    begin_view(self, table, "current", &from, sql);
    duckdb_sql_names("f.", columns, column_count, sql);
    buf_addf(sql, "%s qualify row_number() %s desc) = 1 and not f.deleted;\n", from.data,
             window.data);
}
