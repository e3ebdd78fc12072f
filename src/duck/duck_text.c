/* Results as text: the query is wrapped so that DuckDB casts every column to VARCHAR itself. */
#include <string.h>

#include "base/text.h"
#include "duck/duck_private.h"

struct text_columns {
    size_t count;
    const char **names;
    bool all_text;
};

/* Without its semicolon; the line break ends a comment. */
static void add_statement(struct buf *out, const char *sql)
{
    size_t length = strlen(sql);
    while (length > 0 && strchr("; \t\r\n", sql[length - 1]))
        length--;
    buf_add(out, sql, length);
    buf_add_char(out, '\n');
}

static void add_column(struct text_columns *columns, struct arena *arena, const char *name,
                       duckdb_type type)
{
    columns->names[columns->count++] = arena_strdup(arena, name ? name : "");
    columns->all_text &= type == DUCKDB_TYPE_VARCHAR;
}

static struct text_columns no_columns(struct arena *arena, size_t expected)
{
    return (struct text_columns){.all_text = true,
                                 .names = arena_alloc(arena, (expected + 1) * sizeof(char *))};
}

/* Where a parameter's type is open, DuckDB knows the columns only when it has the values. */
static enum err_code learn_by_running(struct duck *duck, const char *sql, const char *const *params,
                                      size_t param_count, struct arena *arena,
                                      struct text_columns *ret_columns, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf empty = {0};
    CLEANUP(duck_result_free) struct duck_result *result = NULL;
    buf_add_text(&empty, "select * from (");
    add_statement(&empty, sql);
    buf_add_text(&empty, ") limit 0");
    TRY(duck_query(duck, empty.data, params, param_count, &result, err));
    struct text_columns columns = no_columns(arena, duck_result_columns(result));
    for (size_t i = 0; i < duck_result_columns(result); i++)
        add_column(&columns, arena, duck_result_name(result, i),
                   duckdb_get_type_id(duck_result_type(result, i)));
    *ret_columns = columns;
    return ERR_OK;
}

static enum err_code learn_columns(struct duck *duck, const char *sql, const char *const *params,
                                   size_t param_count, struct arena *arena,
                                   struct text_columns *ret_columns, struct err *err)
{
    duckdb_prepared_statement statement = NULL;
    TRY(duck_prepare(duck, sql, NULL, 0, &statement, err));
    size_t count = duckdb_prepared_statement_column_count(statement);
    struct text_columns columns = no_columns(arena, count);
    for (size_t i = 0; i < count; i++) {
        const char *name = duckdb_prepared_statement_column_name(statement, i);
        add_column(&columns, arena, name, duckdb_prepared_statement_column_type(statement, i));
        duckdb_free((void *)(uintptr_t)name);
    }
    duckdb_destroy_prepare(&statement);
    if (param_count > 0 && count == 1 && text_equal(columns.names[0], "unknown"))
        return learn_by_running(duck, sql, params, param_count, arena, ret_columns, err);
    *ret_columns = columns;
    return ERR_OK;
}

/* Columns get positional names, as a query may give two the same one. */
static void wrap_sql(const char *sql, const struct text_columns *columns, struct buf *ret_sql)
{
    buf_add_text(ret_sql, "select ");
    for (size_t i = 0; i < columns->count; i++)
        buf_addf(ret_sql, "%scast(c%zu as varchar)", i ? ", " : "", i);
    buf_add_text(ret_sql, " from (");
    add_statement(ret_sql, sql);
    buf_add_text(ret_sql, ") as q(");
    for (size_t i = 0; i < columns->count; i++)
        buf_addf(ret_sql, "%sc%zu", i ? ", " : "", i);
    buf_add_char(ret_sql, ')');
}

static struct span cell_at(duckdb_vector vector, idx_t row)
{
    uint64_t *valid = duckdb_vector_get_validity(vector);
    if (valid && !duckdb_validity_row_is_valid(valid, row))
        return (struct span){0};
    duckdb_string_t *string = (duckdb_string_t *)duckdb_vector_get_data(vector) + row;
    return (struct span){.data = duckdb_string_t_data(string),
                         .size = duckdb_string_t_length(*string)};
}

static bool each_of_chunk(duckdb_data_chunk chunk, const struct text_columns *columns,
                          struct span *cells, duck_row_fn *each, void *arg)
{
    idx_t rows = duckdb_data_chunk_get_size(chunk);
    for (idx_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < columns->count; i++)
            cells[i] = cell_at(duckdb_data_chunk_get_vector(chunk, i), row);
        if (!each(arg, columns->count, columns->names, cells))
            return false;
    }
    return true;
}

enum err_code duck_query_each(struct duck *duck, const char *sql, const char *const *params,
                              size_t param_count, duck_row_fn *each, void *arg, struct err *err)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    CLEANUP_IN_PLACE(buf_release) struct buf wrapped = {0};
    struct text_columns columns;
    TRY(learn_columns(duck, sql, params, param_count, scratch, &columns, err));
    if (!columns.all_text)
        wrap_sql(sql, &columns, &wrapped);

    CLEANUP(duck_result_free) struct duck_result *result = NULL;
    TRY(duck_query(duck, columns.all_text ? sql : wrapped.data, params, param_count, &result, err));
    if (duck_result_columns(result) != columns.count)
        return err_set(err, ERR_INTERNAL, "the query's columns changed while it ran");
    struct span *cells = arena_alloc(scratch, (columns.count + 1) * sizeof *cells);
    for (;;) {
        duckdb_data_chunk chunk;
        TRY(duck_result_next(result, &chunk, err));
        if (!chunk || !each_of_chunk(chunk, &columns, cells, each, arg))
            return ERR_OK;
    }
}

struct one_number {
    size_t rows;
    bool valid;
    int64_t value;
};

static bool take_number(void *arg, size_t column_count, const char *const *names,
                        const struct span *cells)
{
    (void)names;
    struct one_number *number = arg;
    char text[32];
    if (++number->rows > 1 || column_count != 1 || !cells[0].data || cells[0].size >= sizeof text)
        return number->valid = false;
    memcpy(text, cells[0].data, cells[0].size);
    text[cells[0].size] = '\0';
    number->valid = text_to_i64(text, &number->value);
    return true;
}

enum err_code duck_query_i64(struct duck *duck, const char *sql, int64_t *ret_value,
                             struct err *err)
{
    struct one_number number = {0};
    TRY(duck_query_each(duck, sql, NULL, 0, take_number, &number, err));
    if (!number.valid)
        return err_set(err, ERR_INTERNAL, "a query for one number gave something else");
    *ret_value = number.value;
    return ERR_OK;
}
