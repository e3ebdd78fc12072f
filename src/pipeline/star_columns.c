/* A model's output columns: names and types by DuckDB, the rest by the header and the source. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/fault.h"
#include "base/text.h"
#include "pipeline/star.h"

/* DuckDB's name of a type, as a cast would write it. */
static const char *type_text(duckdb_logical_type type, struct arena *arena)
{
    static const struct {
        duckdb_type id;
        const char *name;
    } names[] = {
        {DUCKDB_TYPE_BOOLEAN, "BOOLEAN"},
        {DUCKDB_TYPE_TINYINT, "TINYINT"},
        {DUCKDB_TYPE_SMALLINT, "SMALLINT"},
        {DUCKDB_TYPE_INTEGER, "INTEGER"},
        {DUCKDB_TYPE_BIGINT, "BIGINT"},
        {DUCKDB_TYPE_HUGEINT, "HUGEINT"},
        {DUCKDB_TYPE_UTINYINT, "UTINYINT"},
        {DUCKDB_TYPE_USMALLINT, "USMALLINT"},
        {DUCKDB_TYPE_UINTEGER, "UINTEGER"},
        {DUCKDB_TYPE_UBIGINT, "UBIGINT"},
        {DUCKDB_TYPE_FLOAT, "FLOAT"},
        {DUCKDB_TYPE_DOUBLE, "DOUBLE"},
        {DUCKDB_TYPE_VARCHAR, "VARCHAR"},
        {DUCKDB_TYPE_BLOB, "BLOB"},
        {DUCKDB_TYPE_DATE, "DATE"},
        {DUCKDB_TYPE_TIME, "TIME"},
        {DUCKDB_TYPE_TIMESTAMP, "TIMESTAMP"},
        {DUCKDB_TYPE_TIMESTAMP_TZ, "TIMESTAMP WITH TIME ZONE"},
        {DUCKDB_TYPE_INTERVAL, "INTERVAL"},
        {DUCKDB_TYPE_SQLNULL, "NULL"},
    };
    duckdb_type id = duckdb_get_type_id(type);
    if (id == DUCKDB_TYPE_DECIMAL)
        return arena_printf(arena, "DECIMAL(%d,%d)", duckdb_decimal_width(type),
                            duckdb_decimal_scale(type));
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (names[i].id == id)
            return names[i].name;
    return "a nested or special type";
}

/* "LINE 12: select …": the line of the model's own file. */
static int line_of(const char *message)
{
    const char *at = message ? strstr(message, "LINE ") : NULL;
    size_t count = at ? strspn(at + 5, "0123456789") : 0;
    char digits[16] = {0};
    int64_t line = 0;
    if (count == 0 || count >= sizeof digits)
        return 0;
    memcpy(digits, at + 5, count);
    return text_to_i64(digits, &line) ? (int)line : 0;
}

/* Ctrl-C is not the model's fault. */
static bool was_interrupted(const char *message)
{
    return message && text_starts(message, "INTERRUPT");
}

/* What DuckDB says of the model's text: its first line, and no trace of data, as there is none yet.
 */
static enum err_code refused(const struct model *model, const char *message, struct err *err)
{
    if (was_interrupted(message))
        return err_set(err, ERR_CANCELLED, "interrupted");
    int line = line_of(message);
    const char *text = message ? message : "DuckDB refuses it";
    char place[16] = "";
    if (line > 0)
        (void)snprintf(place, sizeof place, ":%d", line);
    (void)err_set(err, ERR_CONFIG, "%s%s: %.*s", model->what, place, (int)strcspn(text, "\n"),
                  text);
    return err_hint(err, "the model can be tried by hand in DuckDB; see docs/reference/models.md");
}

/* The text is prepared as it stands in the file, header and all, so that lines are the file's. */
static enum err_code describe(struct lake *lake, struct lake_table *table, struct err *err)
{
    const struct model *model = table->model;
    duckdb_prepared_statement statement = NULL;
    TRY(fault_before("duck", "describe", err));
    if (duckdb_prepare(duck_connection(lake->duck), model->text, &statement) != DuckDBSuccess) {
        enum err_code code = refused(model, duckdb_prepare_error(statement), err);
        duckdb_destroy_prepare(&statement);
        return code;
    }
    size_t count = duckdb_prepared_statement_column_count(statement);
    table->columns = arena_alloc(lake->arena, (count + 1) * sizeof *table->columns);
    for (size_t i = 0; i < count; i++) {
        const char *name = duckdb_prepared_statement_column_name(statement, i);
        duckdb_logical_type type = duckdb_prepared_statement_column_logical_type(statement, i);
        table->columns[i] = (struct processed_column){.name = arena_strdup(lake->arena, name),
                                                      .type = type_text(type, lake->arena)};
        duckdb_destroy_logical_type(&type);
        duckdb_free((void *)(uintptr_t)name);
    }
    table->column_count = count;
    duckdb_destroy_prepare(&statement);
    fault_after("duck");
    return ERR_OK;
}

/* The conditions of the header, over the model's columns. */
static enum err_code check_conditions(struct lake *lake, const struct model *model, struct err *err)
{
    for (size_t i = 0; i < model->check_count; i++) {
        CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
        duckdb_prepared_statement statement = NULL;
        buf_addf(&sql, "select 1 from (\n%s\n) as m where (%s\n) is false", model->text,
                 model->checks[i].condition);
        enum err_code code = ERR_OK;
        if (duckdb_prepare(duck_connection(lake->duck), sql.data, &statement) != DuckDBSuccess) {
            const char *message = duckdb_prepare_error(statement);
            code = was_interrupted(message)
                       ? err_set(err, ERR_CANCELLED, "interrupted")
                       : err_set(err, ERR_CONFIG, "%s:%d: check: %.*s", model->what,
                                 model->checks[i].line, (int)strcspn(message, "\n"), message);
        }
        duckdb_destroy_prepare(&statement);
        TRY(code);
    }
    return ERR_OK;
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

static enum err_code check_spelling(const struct lake_table *table, struct err *err)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const char *name = table->columns[i].name;
        if (strlen(name) > MODEL_NAME_MAX_BYTES)
            return err_set(err, ERR_CONFIG, "%s: the name of column '%s' has more than %d bytes",
                           table->model->what, name, MODEL_NAME_MAX_BYTES);
        for (size_t k = 0; k < i; k++)
            if (strcasecmp(name, table->columns[k].name) == 0)
                return err_set(err, ERR_CONFIG, "%s: two columns have the name '%s'",
                               table->model->what, name);
    }
    return ERR_OK;
}

static enum err_code check_names(struct lake_table *table, struct err *err)
{
    static const char *const reserved[] = {"batch_id",  "captured_at",  "deleted",
                                           "_batch_id", "_captured_at", "_deleted"};
    const struct model *model = table->model;
    for (size_t i = 0; i < COUNT_OF(reserved); i++)
        if (find(table, reserved[i])) {
            (void)err_set(err, ERR_CONFIG, "%s: column '%s' is tote's own", model->what,
                          reserved[i]);
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
    return err_hint(err,
                    "cast it to integer, bigint, double, decimal(p,s), boolean or date, or make it "
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
    TRY(check_spelling(table, err));
    TRY(check_names(table, err));
    TRY(check_conditions(lake, model, err));
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
