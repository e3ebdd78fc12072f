/* What is in the star's schema already.  duckdb_columns() would tell all of it at once, but binds
 * every system view to do so, which takes 20 ms. */
#include <string.h>
#include <strings.h>

#include "sql.h"
#include "warehouse/duckdb_warehouse.h"

static const char *cell_text(struct arena *arena, struct span cell)
{
    return cell.data ? arena_strndup(arena, cell.data, cell.size) : NULL;
}

static bool cell_is_true(struct span cell)
{
    return cell.size == 4 && memcmp(cell.data, "true", 4) == 0;
}

static bool take_table(void *arg, size_t column_count, const char *const *names,
                       const struct span *cells)
{
    (void)column_count, (void)names;
    struct existing *existing = arg;
    existing->tables = mem_grow(existing->tables, &existing->capacity, existing->count + 1,
                                sizeof *existing->tables);
    existing->tables[existing->count++] = (struct existing_table){
        .name = cell_text(existing->arena, cells[0]),
        .made = cell_is_true(cells[1]),
        .described = cell_text(existing->arena, cells[2]),
    };
    return true;
}

enum err_code duckdb_existing_read(struct duckdb_warehouse *self, struct existing *existing,
                                   struct err *err)
{
    const char *const params[] = {self->schema};
    return duck_query_each(self->duck, sql_duckdb_tables, params, 1, take_table, existing, err);
}

void duckdb_existing_release(struct existing *existing)
{
    for (size_t i = 0; i < existing->count; i++)
        free(existing->tables[i].columns);
    free(existing->tables);
    arena_free(existing->arena);
}

struct existing_table *duckdb_existing_find(const struct existing *existing, const char *name)
{
    for (size_t i = 0; i < existing->count; i++)
        if (strcasecmp(existing->tables[i].name, name) == 0)
            return &existing->tables[i];
    return NULL;
}

const struct existing_column *duckdb_existing_column(const struct existing_table *table,
                                                     const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcasecmp(table->columns[i].name, name) == 0)
            return &table->columns[i];
    return NULL;
}

struct column_reader {
    struct existing_table *table;
    struct arena *arena;
};

void duckdb_existing_add_column(struct existing_table *table, struct existing_column column)
{
    table->columns =
        mem_grow(table->columns, &table->capacity, table->count + 1, sizeof *table->columns);
    table->columns[table->count++] = column;
}

static bool take_column(void *arg, size_t column_count, const char *const *names,
                        const struct span *cells)
{
    (void)column_count, (void)names;
    struct column_reader *reader = arg;
    duckdb_existing_add_column(reader->table,
                               (struct existing_column){
                                   .name = cell_text(reader->arena, cells[0]),
                                   .type = cell_text(reader->arena, cells[1]),
                                   .required = cells[2].size == 2 && !cells[3].data, /* "NO" */
                               });
    return true;
}

enum err_code duckdb_existing_read_columns(struct duckdb_warehouse *self, struct existing *existing,
                                           struct existing_table *table, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    struct column_reader reader = {.table = table, .arena = existing->arena};
    buf_add_text(&sql, "select column_name, column_type, \"null\", \"default\" from (describe ");
    duckdb_sql_table(self, table->name, &sql);
    buf_add_char(&sql, ')');
    return duck_query_each(self->duck, sql.data, NULL, 0, take_column, &reader, err);
}
