#include <string.h>

#include "base/cancel.h"
#include "base/fault.h"
#include "base/text.h"
#include "pg/pg_priv.h"

enum {
    PARAMS_MAX = 65535
};

static bool is_error(ExecStatusType status)
{
    return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE ||
           status == PGRES_NONFATAL_ERROR;
}

enum err_code pg_ready(struct pg *pg, const char *what, struct err *err)
{
    TRY(cancel_check(err));
    TRY(fault_before("pg", what, err));
    if (pg->state != PG_IDLE)
        pg_abandon(pg);
    if (PQstatus(pg->connection) == CONNECTION_BAD)
        return pg_connection_error(pg, err);
    return ERR_OK;
}

enum err_code pg_send(struct pg *pg, const char *sql, const char *const *params, size_t param_count,
                      struct err *err)
{
    if (param_count > PARAMS_MAX)
        return err_set(err, ERR_INTERNAL, "%zu parameters in one statement", param_count);
    int sent = param_count == 0 ? PQsendQuery(pg->connection, sql)
                                : PQsendQueryParams(pg->connection, sql, (int)param_count, NULL,
                                                    params, NULL, NULL, 0);
    if (!sent)
        return pg_connection_error(pg, err);
    pg->state = PG_BUSY;
    return pg_flush(pg, err);
}

enum err_code pg_finish(struct pg *pg, struct err *err)
{
    enum err_code code = ERR_OK;

    for (;;) {
        CLEANUP(pg_result_clear) PGresult *result = NULL;
        struct err later;
        enum err_code next = pg_next_result(pg, &result, code == ERR_OK ? err : &later);
        if (next != ERR_OK)
            return code == ERR_OK ? next : code;
        if (!result)
            return code;
        if (code == ERR_OK && is_error(PQresultStatus(result)))
            code = pg_result_error(pg, result, err);
        /* A COPY would wait for us for ever. */
        if (PQresultStatus(result) == PGRES_COPY_IN || PQresultStatus(result) == PGRES_COPY_OUT) {
            pg_abandon(pg);
            return code == ERR_OK ? err_set(err, ERR_INTERNAL, "a COPY where none is expected")
                                  : code;
        }
    }
}

/* Collects the results that have rows, at most `count`; *ret_seen says how many there were. */
static enum err_code collect(struct pg *pg, size_t count, struct pg_rows **rows, size_t *ret_seen,
                             uint64_t *ret_affected, struct err *err)
{
    *ret_seen = 0;
    for (;;) {
        CLEANUP(pg_result_clear) PGresult *result = NULL;
        TRY(pg_next_result(pg, &result, err));
        if (!result)
            return ERR_OK;
        ExecStatusType status = PQresultStatus(result);
        if (is_error(status)) {
            struct err later;
            enum err_code code = pg_result_error(pg, result, err);
            if (pg_finish(pg, &later) != ERR_OK)
                (void)later; /* the first error is the cause */
            return code;
        }
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) {
            pg_abandon(pg);
            return err_set(err, ERR_INTERNAL, "a COPY where none is expected");
        }
        uint64_t affected;
        if (ret_affected && text_to_u64(PQcmdTuples(result), &affected))
            *ret_affected = affected;
        if (status != PGRES_TUPLES_OK)
            continue;
        if (*ret_seen < count) {
            rows[*ret_seen] = mem_zalloc(1, sizeof **rows);
            rows[*ret_seen]->result = STEAL(result);
        }
        (*ret_seen)++;
    }
}

enum err_code pg_exec(struct pg *pg, const char *sql, struct err *err)
{
    TRY(pg_ready(pg, "statement", err));
    TRY(pg_send(pg, sql, NULL, 0, err));
    TRY(pg_finish(pg, err));
    fault_after("pg");
    return ERR_OK;
}

enum err_code pg_exec_params(struct pg *pg, const char *sql, const char *const *params,
                             size_t param_count, uint64_t *ret_affected, struct err *err)
{
    uint64_t affected = 0;
    size_t seen;

    TRY(pg_ready(pg, "statement", err));
    TRY(pg_send(pg, sql, params, param_count, err));
    TRY(collect(pg, 0, NULL, &seen, &affected, err));
    fault_after("pg");
    if (ret_affected)
        *ret_affected = affected;
    return ERR_OK;
}

enum err_code pg_query(struct pg *pg, const char *sql, const char *const *params,
                       size_t param_count, struct pg_rows **ret_rows, struct err *err)
{
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    size_t seen;

    TRY(pg_ready(pg, "query", err));
    TRY(pg_send(pg, sql, params, param_count, err));
    TRY(collect(pg, 1, &rows, &seen, NULL, err));
    if (seen != 1)
        return err_set(err, ERR_INTERNAL, "%zu results of a query instead of one", seen);
    fault_after("pg");
    *ret_rows = STEAL(rows);
    return ERR_OK;
}

enum err_code pg_query_several(struct pg *pg, const char *sql, size_t count,
                               struct pg_rows **ret_rows, struct err *err)
{
    struct pg_rows **rows = mem_zalloc(count, sizeof(struct pg_rows *));
    size_t seen = 0;
    enum err_code code = pg_ready(pg, "query", err);

    if (code == ERR_OK)
        code = pg_send(pg, sql, NULL, 0, err);
    if (code == ERR_OK)
        code = collect(pg, count, rows, &seen, NULL, err);
    if (code == ERR_OK && seen != count)
        code = err_set(err, ERR_INTERNAL, "%zu results of a query instead of %zu", seen, count);
    if (code == ERR_OK)
        fault_after("pg");
    for (size_t i = 0; i < count; i++) {
        if (code == ERR_OK)
            ret_rows[i] = rows[i];
        else
            pg_rows_free(rows[i]);
    }
    free(rows);
    return code;
}

enum err_code pg_query_each(struct pg *pg, const char *sql, const char *const *params,
                            size_t param_count, pg_row_fn *each, void *arg, struct err *err)
{
    TRY(pg_ready(pg, "query", err));
    TRY(pg_send(pg, sql, params, param_count, err));
    if (!PQsetSingleRowMode(pg->connection))
        return err_set(err, ERR_INTERNAL, "libpq refused single rows");
    for (;;) {
        CLEANUP(pg_result_clear) PGresult *result = NULL;
        TRY(pg_next_result(pg, &result, err));
        if (!result)
            break;
        ExecStatusType status = PQresultStatus(result);
        if (is_error(status)) {
            struct err later;
            enum err_code code = pg_result_error(pg, result, err);
            if (pg_finish(pg, &later) != ERR_OK)
                (void)later;
            return code;
        }
        const struct pg_rows row = {.result = result};
        if (status == PGRES_SINGLE_TUPLE && !each(arg, &row)) {
            pg_abandon(pg);
            break;
        }
    }
    fault_after("pg");
    return ERR_OK;
}

void pg_rows_free(struct pg_rows *rows)
{
    if (!rows)
        return;
    PQclear(rows->result);
    free(rows);
}

size_t pg_rows_count(const struct pg_rows *rows)
{
    return (size_t)PQntuples(rows->result);
}

size_t pg_rows_columns(const struct pg_rows *rows)
{
    return (size_t)PQnfields(rows->result);
}

const char *pg_rows_name(const struct pg_rows *rows, size_t column)
{
    return PQfname(rows->result, (int)column);
}

const char *pg_rows_text(const struct pg_rows *rows, size_t row, size_t column)
{
    if (PQgetisnull(rows->result, (int)row, (int)column))
        return NULL;
    return PQgetvalue(rows->result, (int)row, (int)column);
}

size_t pg_rows_size(const struct pg_rows *rows, size_t row, size_t column)
{
    return (size_t)PQgetlength(rows->result, (int)row, (int)column);
}
