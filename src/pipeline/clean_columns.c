/* Which columns a clean table has, as its source changes. */
#include <string.h>

#include "base/text.h"
#include "pipeline/clean_reading.h"

const struct record_column *clean_find_column(const struct record_table *source, const char *name)
{
    for (size_t i = 0; source && i < source->column_count; i++)
        if (text_equal(source->columns[i].lake_name, name))
            return &source->columns[i];
    return NULL;
}

static const struct processed_column *find_known(const struct processed_column *columns,
                                                 size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(columns[i].name, name))
            return &columns[i];
    return NULL;
}

const struct record_column *clean_find_number(const struct record_table *source, int number)
{
    for (size_t i = 0; i < source->column_count; i++)
        if (source->columns[i].number == number && number > 0)
            return &source->columns[i];
    return NULL;
}

static void drop_column(struct lake_table *table, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->column_count; i++)
        if (!text_equal(table->columns[i].name, name))
            table->columns[kept++] = table->columns[i];
    table->column_count = kept;
}

enum err_code clean_record_before(struct lake *lake, const struct record **ret_before,
                                  struct err *err)
{
    if (!lake->before) {
        struct record *before;
        TRY(record_read(lake->ingestion, lake->batch - 1, lake->arena, &before, err));
        lake->before = before;
    }
    *ret_before = lake->before;
    return ERR_OK;
}

/* A column that is gone by name but there by number was renamed: its rows were not sent again. */
static enum err_code find_rename(struct lake *lake, struct lake_table *table, bool *ret_renamed,
                                 struct err *err)
{
    const struct record *before;
    TRY(clean_record_before(lake, &before, err));
    const struct record_table *then = record_find_table(before, table->name);
    for (size_t i = 0; then && i < then->column_count; i++) {
        const struct record_column *now = clean_find_number(table->source, then->columns[i].number);
        if (!now || text_equal(now->lake_name, then->columns[i].lake_name))
            continue;
        *ret_renamed = true;
        if (!clean_find_column(table->source, then->columns[i].lake_name))
            drop_column(table, then->columns[i].lake_name);
    }
    return ERR_OK;
}

static enum err_code check_directives(const struct lake_table *table,
                                      const struct clean_model *model, struct err *err)
{
    for (size_t i = 0; model && i < model->type_count; i++)
        if (!find_known(table->columns, table->column_count, model->types[i].name))
            return err_set(err, ERR_CONFIG, "%s:%d: table '%s' has no column '%s'", model->what,
                           model->types[i].line, table->name, model->types[i].name);
    for (size_t i = 0; model && i < model->trim_count; i++) {
        const struct processed_column *column =
            find_known(table->columns, table->column_count, model->trimmed[i]);
        if (!column)
            return err_set(err, ERR_CONFIG, "%s: table '%s' has no column '%s'", model->what,
                           table->name, model->trimmed[i]);
        if (!text_equal(column->type, "VARCHAR"))
            return err_set(err, ERR_CONFIG, "%s: column '%s' is %s: only text is trimmed",
                           model->what, column->name, column->type);
    }
    return ERR_OK;
}

/* Models may know columns that a batch which waited does not have yet: they are null there. */
static enum err_code add_ahead(struct lake *lake, const struct lake_table *table,
                               const struct clean_model *model, struct processed_column *columns,
                               size_t *count, struct err *err)
{
    for (size_t i = 0; table->ahead && i < table->ahead->column_count; i++) {
        const struct record_column *column = &table->ahead->columns[i];
        if (find_known(columns, *count, column->lake_name) ||
            (table->source && clean_find_number(table->source, column->number)))
            continue; /* there, or there by another name until it is renamed */
        TRY(clean_column_type(column, model, lake->arena, &columns[*count], err));
        columns[(*count)++].not_null = false;
    }
    return ERR_OK;
}

enum err_code clean_columns(struct lake *lake, struct lake_table *table,
                            const struct clean_model *model, bool *ret_rewrite, struct err *err)
{
    const struct processed_table *previous = table->previous;
    const struct record_table *source = table->source;
    size_t previous_count = previous ? previous->column_count : 0;
    size_t source_count = source ? source->column_count : 0;
    size_t ahead_count = table->ahead ? table->ahead->column_count : 0;
    struct processed_column *columns = arena_alloc(
        lake->arena, (previous_count + source_count + ahead_count + 1) * sizeof *columns);
    size_t count = 0, kept = 0;
    *ret_rewrite = false;
    for (size_t i = 0; i < source_count; i++) {
        struct processed_column *column = &columns[count++];
        TRY(clean_column_type(&source->columns[i], model, lake->arena, column, err));
        const struct processed_column *known =
            previous ? find_known(previous->columns, previous_count, column->name) : NULL;
        kept += known != NULL;
        *ret_rewrite |= known && !text_equal(known->type, column->type);
    }
    size_t source_kept = kept;
    for (size_t i = 0; i < previous_count; i++) {
        if (source && clean_find_column(source, previous->columns[i].name))
            continue;
        columns[count] = previous->columns[i];
        columns[count++].not_null = false;
    }
    TRY(add_ahead(lake, table, model, columns, &count, err));
    table->columns = columns;
    table->column_count = count;
    table->new_schema = previous && count > previous_count;
    if (previous && source && source_kept < previous_count && source_kept < source_count)
        TRY(find_rename(lake, table, ret_rewrite, err));
    return check_directives(table, model, err);
}
