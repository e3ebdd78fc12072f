/* A model's output columns: names and types by DuckDB, the rest by the header and the source. */
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "pipeline/star.h"

struct described {
    struct lake *lake;
    struct lake_table *table;
    size_t capacity;
};

static bool take_column(void *arg, size_t column_count, const char *const *names,
                        const struct span *cells)
{
    struct described *described = arg;
    struct lake_table *table = described->table;
    struct arena *arena = described->lake->arena;
    (void)column_count, (void)names;
    if (table->column_count == described->capacity) {
        size_t capacity = described->capacity ? described->capacity * 2 : 16;
        struct processed_column *larger = arena_alloc(arena, capacity * sizeof *larger);
        if (table->column_count)
            memcpy(larger, table->columns, table->column_count * sizeof *larger);
        table->columns = larger;
        described->capacity = capacity;
    }
    table->columns[table->column_count++] =
        (struct processed_column){.name = arena_strndup(arena, cells[0].data, cells[0].size),
                                  .type = arena_strndup(arena, cells[1].data, cells[1].size)};
    return true;
}

/* DuckDB tells the line in a part of its message that duck/ leaves out, as it may hold data; the text of a
 * model holds none. */
static int error_line(struct lake *lake, const char *text)
{
    duckdb_prepared_statement statement = NULL;
    int64_t line = 0;
    if (duckdb_prepare(duck_connection(lake->duck), text, &statement) != DuckDBSuccess) {
        const char *message = duckdb_prepare_error(statement);
        const char *at = message ? strstr(message, "LINE ") : NULL;
        char digits[16] = {0};
        if (at && strspn(at + 5, "0123456789") < sizeof digits)
            memcpy(digits, at + 5, strspn(at + 5, "0123456789"));
        if (!text_to_i64(digits, &line))
            line = 0;
    }
    duckdb_destroy_prepare(&statement);
    return (int)line;
}

static enum err_code describe(struct lake *lake, struct lake_table *table, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    struct described described = {.lake = lake, .table = table};
    const struct model *model = table->model;
    table->column_count = 0;
    buf_addf(&sql, "describe %s", model->text);
    enum err_code code =
        duck_query_each(lake->duck, sql.data, NULL, 0, take_column, &described, err);
    if (code == ERR_OK || code == ERR_CANCELLED || code == ERR_IO)
        return code;
    int line = error_line(lake, sql.data);
    err->code = ERR_CONFIG;
    if (line > 0)
        return err_wrap(err, "%s:%d", model->what, line);
    return err_wrap(err, "%s", model->what);
}

static struct processed_column *find(struct lake_table *table, const char *name)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (strcasecmp(table->columns[i].name, name) == 0)
            return &table->columns[i];
    return NULL;
}

static enum err_code must_have(struct lake_table *table, const char *name, int line,
                               const char *directive, struct err *err)
{
    if (find(table, name))
        return ERR_OK;
    return err_set(err, ERR_CONFIG, "%s:%d: '%s' names a column '%s' that the model does not make",
                   table->model->what, line, directive, name);
}

static enum err_code check_names(struct lake_table *table, struct err *err)
{
    static const char *const reserved[] = {"batch_id",  "captured_at",  "deleted",
                                           "_batch_id", "_captured_at", "_deleted"};
    const struct model *model = table->model;
    for (size_t i = 0; i < COUNT_OF(reserved); i++)
        if (find(table, reserved[i])) {
            (void)err_set(err, ERR_CONFIG, "%s: column '%s' is tote's own", model->what, reserved[i]);
            return err_hint(err, "list the columns that the table shall have, and give this one "
                                 "another name");
        }
    for (size_t i = 0; i < model->key_count; i++)
        TRY(must_have(table, model->key[i], 1, "key", err));
    for (size_t i = 0; i < model->type_count; i++)
        TRY(must_have(table, model->types[i].name, model->types[i].line, "type", err));
    for (size_t i = 0; i < model->comment_count; i++)
        TRY(must_have(table, model->comments[i].name, model->comments[i].line, "comment", err));
    for (size_t i = 0; i < model->reference_count; i++)
        for (size_t k = 0; k < model->references[i].count; k++)
            TRY(must_have(table, model->references[i].columns[k], model->references[i].line,
                          "references", err));
    return ERR_OK;
}

static enum err_code check_type(const struct model *model, const struct processed_column *column,
                                struct arena *arena, struct err *err)
{
    if (delta_type(column->type, arena))
        return ERR_OK;
    (void)err_set(err, ERR_CONFIG, "%s: column '%s' has the type %s, which the lake cannot hold",
                  model->what, column->name, column->type);
    return err_hint(err, "cast it to integer, bigint, double, decimal(p,s), boolean or date, or make it "
                         "text");
}

/* What is known of the source's column that this one is. */
static void inherit(struct lake *lake, const struct model *model, struct processed_column *column)
{
    const char *name = model_plain_column(model, column->name);
    struct lake_table *clean = name ? lake_find_clean(lake, model->inputs[0].table) : NULL;
    const struct processed_column *source = clean ? find(clean, name) : NULL;
    if (!source)
        return;
    column->not_null = source->not_null;
    column->comment = source->comment;
    if (text_equal(column->type, "VARCHAR"))
        column->warehouse_type = source->warehouse_type;
}

enum err_code star_columns(struct lake *lake, struct lake_table *table, struct err *err)
{
    const struct model *model = table->model;
    TRY(describe(lake, table, err));
    TRY(check_names(table, err));
    for (size_t i = 0; i < table->column_count; i++) {
        struct processed_column *column = &table->columns[i];
        TRY(check_type(model, column, lake->arena, err));
        inherit(lake, model, column);
        const struct model_column *type =
            model_column_find(model->types, model->type_count, column->name);
        const struct model_column *comment =
            model_column_find(model->comments, model->comment_count, column->name);
        if (type && !text_equal(column->type, "VARCHAR"))
            return err_set(err, ERR_CONFIG, "%s:%d: column '%s' is %s, not text", model->what,
                           type->line, column->name, column->type);
        if (type)
            column->warehouse_type = type->text;
        if (comment)
            column->comment = comment->text;
    }
    for (size_t i = 0; i < model->key_count; i++)
        find(table, model->key[i])->not_null = true;
    return ERR_OK;
}
