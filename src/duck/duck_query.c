#include <string.h>

#include "base/cancel.h"
#include "base/fault.h"
#include "base/text.h"
#include "duck/duck_private.h"

struct duck_result {
    struct duck *duck;
    duckdb_prepared_statement statement;
    duckdb_result result;
    bool has_result;
    duckdb_data_chunk chunk;
    duckdb_logical_type *types;
    size_t column_count;
};

/* Runs what is prepared; `ret_result` is to be destroyed whatever comes out. */
static enum err_code run_prepared(struct duck *duck, duckdb_prepared_statement statement,
                                  bool stream, duckdb_result *ret_result, struct err *err)
{
    if (!stream) {
        if (duckdb_execute_prepared(statement, ret_result) != DuckDBSuccess)
            return duck_error(duck, duckdb_result_error(ret_result), err);
        return ERR_OK;
    }
    duckdb_pending_result pending = NULL;
    enum err_code code = ERR_OK;
    if (duckdb_pending_prepared_streaming(statement, &pending) != DuckDBSuccess)
        code = duck_error(duck, duckdb_pending_error(pending), err);
    else if (duckdb_execute_pending(pending, ret_result) != DuckDBSuccess)
        code = duck_error(duck, duckdb_result_error(ret_result), err);
    duckdb_destroy_pending(&pending);
    return code;
}

static enum err_code exec_one(struct duck *duck, duckdb_extracted_statements statements,
                              idx_t index, uint64_t *changed, struct err *err)
{
    duckdb_prepared_statement statement = NULL;
    duckdb_result result = {0};
    enum err_code code = cancel_check(err);
    if (code == ERR_OK)
        code = fault_before("duck", "statement", err);
    if (code == ERR_OK && duckdb_prepare_extracted_statement(duck->connection, statements, index,
                                                             &statement) != DuckDBSuccess)
        code = duck_error(duck, duckdb_prepare_error(statement), err);
    if (code == ERR_OK)
        code = run_prepared(duck, statement, false, &result, err);
    if (code == ERR_OK) {
        *changed += duckdb_rows_changed(&result);
        fault_after("duck");
    }
    duckdb_destroy_result(&result);
    duckdb_destroy_prepare(&statement);
    return code;
}

enum err_code duck_exec(struct duck *duck, const char *sql, uint64_t *ret_changed, struct err *err)
{
    duckdb_extracted_statements statements = NULL;
    idx_t count = duckdb_extract_statements(duck->connection, sql, &statements);
    const char *message = count ? NULL : duckdb_extract_statements_error(statements);
    enum err_code code = message ? duck_error(duck, message, err) : ERR_OK;
    uint64_t changed = 0;
    for (idx_t i = 0; i < count && code == ERR_OK; i++)
        code = exec_one(duck, statements, i, &changed, err);
    duckdb_destroy_extracted(&statements);
    if (code == ERR_OK && ret_changed)
        *ret_changed = changed;
    return code;
}

/* Parameters are text, but DuckDB does not compare an integer with text: what it takes for an
 * integer is bound as one. */
static duckdb_state bind(duckdb_prepared_statement statement, idx_t index, const char *text)
{
    int64_t number;
    if (!text)
        return duckdb_bind_null(statement, index);
    switch (duckdb_param_type(statement, index)) {
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_HUGEINT:
        if (text_to_i64(text, &number))
            return duckdb_bind_int64(statement, index, number);
        return duckdb_bind_varchar(statement, index, text);
    default:
        return duckdb_bind_varchar(statement, index, text);
    }
}

enum err_code duck_prepare(struct duck *duck, const char *sql, const char *const *params,
                           size_t param_count, duckdb_prepared_statement *ret_statement,
                           struct err *err)
{
    duckdb_prepared_statement statement = NULL;
    enum err_code code = ERR_OK;
    if (duckdb_prepare(duck->connection, sql, &statement) != DuckDBSuccess)
        code = duck_error(duck, duckdb_prepare_error(statement), err);
    for (size_t i = 0; i < param_count && code == ERR_OK; i++)
        if (bind(statement, i + 1, params[i]) != DuckDBSuccess)
            code = err_set(err, duck->blame, "the query takes no parameter %zu", i + 1);
    if (code == ERR_OK)
        *ret_statement = statement;
    else
        duckdb_destroy_prepare(&statement);
    return code;
}

enum err_code duck_query(struct duck *duck, const char *sql, const char *const *params,
                         size_t param_count, struct duck_result **ret_result, struct err *err)
{
    CLEANUP(duck_result_free) struct duck_result *result = mem_zalloc(1, sizeof *result);
    result->duck = duck;
    TRY(cancel_check(err));
    TRY(fault_before("duck", "query", err));
    TRY(duck_prepare(duck, sql, params, param_count, &result->statement, err));
    result->has_result = true;
    duck_watch_time(duck->watch, true);
    TRY(run_prepared(duck, result->statement, true, &result->result, err));
    result->column_count = duckdb_column_count(&result->result);
    result->types = mem_zalloc(result->column_count + 1, sizeof *result->types);
    for (size_t i = 0; i < result->column_count; i++)
        result->types[i] = duckdb_column_logical_type(&result->result, i);
    fault_after("duck");
    *ret_result = STEAL(result);
    return ERR_OK;
}

void duck_result_free(struct duck_result *result)
{
    if (!result)
        return;
    duck_watch_time(result->duck->watch, false);
    if (result->chunk)
        duckdb_destroy_data_chunk(&result->chunk);
    for (size_t i = 0; i < result->column_count; i++)
        duckdb_destroy_logical_type(&result->types[i]);
    free(result->types);
    if (result->has_result)
        duckdb_destroy_result(&result->result);
    duckdb_destroy_prepare(&result->statement);
    free(result);
}

size_t duck_result_columns(const struct duck_result *result)
{
    return result->column_count;
}

const char *duck_result_name(const struct duck_result *result, size_t column)
{
    /* DuckDB's signature lacks the const; it only reads */
    duckdb_result copy = result->result;
    return duckdb_column_name(&copy, column);
}

duckdb_logical_type duck_result_type(const struct duck_result *result, size_t column)
{
    return result->types[column];
}

enum err_code duck_result_next(struct duck_result *result, duckdb_data_chunk *ret_chunk,
                               struct err *err)
{
    if (result->chunk)
        duckdb_destroy_data_chunk(&result->chunk);
    TRY(cancel_check(err));
    result->chunk = duckdb_fetch_chunk(result->result);
    const char *message = result->chunk ? NULL : duckdb_result_error(&result->result);
    if (message && *message)
        return duck_error(result->duck, message, err);
    *ret_chunk = result->chunk;
    return ERR_OK;
}
