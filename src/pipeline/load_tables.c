#include <inttypes.h>

#include "base/text.h"
#include "pipeline/load_batch.h"

struct kind_name {
    const char *name;
    enum warehouse_kind kind;
};

static const struct kind_name kinds[] = {
    {"fact", WAREHOUSE_FACT},
    {"dimension", WAREHOUSE_DIMENSION},
    {"calendar", WAREHOUSE_DIMENSION},
    {"mirror", WAREHOUSE_MIRROR},
};

/* Where the warehouse has nothing to do with it. */
static bool stays_in_lake(const char *kind)
{
    return text_equal(kind, "clean") || text_equal(kind, "report");
}

static enum err_code find_kind(const struct processed_table *table, enum warehouse_kind *ret_kind,
                               struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (text_equal(table->kind, kinds[i].name)) {
            *ret_kind = kinds[i].kind;
            return ERR_OK;
        }
    return err_set(err, ERR_DATA, "table '%s' is of the unknown kind '%s'", table->name,
                   table->kind);
}

static const struct warehouse_column *columns_of(const struct processed_table *table,
                                                 struct arena *arena)
{
    struct warehouse_column *columns =
        arena_alloc(arena, (table->column_count + 1) * sizeof *columns);
    for (size_t i = 0; i < table->column_count; i++)
        columns[i] = (struct warehouse_column){
            .name = table->columns[i].name,
            .type = table->columns[i].type,
            .warehouse_type = table->columns[i].warehouse_type,
            .not_null = table->columns[i].not_null,
            .comment = table->columns[i].comment,
        };
    return columns;
}

static const struct warehouse_reference *references_of(const struct processed_table *table,
                                                       struct arena *arena)
{
    struct warehouse_reference *references =
        arena_alloc(arena, (table->reference_count + 1) * sizeof *references);
    for (size_t i = 0; i < table->reference_count; i++)
        references[i] = (struct warehouse_reference){
            .columns = table->references[i].columns,
            .table = table->references[i].table,
            .target_columns = table->references[i].target_columns,
            .count = table->references[i].count,
        };
    return references;
}

enum err_code load_tables(const struct processed_record *record, struct arena *arena,
                          struct warehouse_table **ret_tables,
                          const struct processed_table ***ret_sources, size_t *ret_count,
                          struct err *err)
{
    struct warehouse_table *tables = arena_alloc(arena, (record->table_count + 1) * sizeof *tables);
    const struct processed_table **sources =
        arena_alloc(arena, (record->table_count + 1) * sizeof *sources);
    size_t count = 0;
    for (size_t i = 0; i < record->table_count; i++) {
        const struct processed_table *table = &record->tables[i];
        enum warehouse_kind kind = WAREHOUSE_FACT;
        if (stays_in_lake(table->kind))
            continue;
        TRY(find_kind(table, &kind, err));
        sources[count] = table;
        tables[count++] = (struct warehouse_table){
            .name = table->name,
            .kind = kind,
            .comment = table->comment,
            .record_id = table->record_id,
            .columns = columns_of(table, arena),
            .column_count = table->column_count,
            .key = table->key,
            .key_count = table->key_count,
            .references = references_of(table, arena),
            .reference_count = table->reference_count,
        };
    }
    *ret_tables = tables;
    *ret_sources = sources;
    *ret_count = count;
    return ERR_OK;
}
