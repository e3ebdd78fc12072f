#include <limits.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "pg/pg_priv.h"

static enum err_code copy_begin(struct pg *pg, const char *sql, ExecStatusType want,
                                struct err *err)
{
    CLEANUP(pg_result_clear) PGresult *result = NULL;

    TRY(pg_ready(pg, "copy", err));
    TRY(pg_send(pg, sql, NULL, 0, err));
    TRY(pg_next_result(pg, &result, err));
    if (result && PQresultStatus(result) == want) {
        fault_after("pg");
        return ERR_OK;
    }
    if (result && PQresultStatus(result) == PGRES_FATAL_ERROR) {
        struct err later;
        enum err_code code = pg_result_error(pg, result, err);
        if (pg_finish(pg, &later) != ERR_OK)
            (void)later; /* the first error is the cause */
        return code;
    }
    pg_abandon(pg);
    return err_set(err, ERR_INTERNAL, "not a COPY: %.60s", sql);
}

enum err_code pg_copy_out_begin(struct pg *pg, const char *sql, struct err *err)
{
    TRY(copy_begin(pg, sql, PGRES_COPY_OUT, err));
    pg->state = PG_COPY_OUT;
    return ERR_OK;
}

/* After the last row only the command's own status tells whether it was the last. */
static enum err_code copy_out_end(struct pg *pg, struct err *err)
{
    pg->state = PG_BUSY;
    TRY(pg_finish(pg, err));
    fault_after("pg");
    return ERR_OK;
}

enum err_code pg_copy_out_next(struct pg *pg, struct span *ret_row, struct err *err)
{
    PQfreemem(pg->copy_row);
    pg->copy_row = NULL;
    for (;;) {
        int size = PQgetCopyData(pg->connection, &pg->copy_row, 1);
        if (size > 0) {
            *ret_row = (struct span){.data = pg->copy_row, .size = (size_t)size};
            return ERR_OK;
        }
        if (size < 0) {
            TRY(fault_before("pg", "copy end", err));
            TRY(copy_out_end(pg, err));
            if (size == -2)
                return pg_connection_error(pg, err);
            *ret_row = (struct span){0};
            return ERR_OK;
        }
        TRY(pg_wait(pg, false, 0, err));
        /* A broken connection comes out of the next PQgetCopyData(). */
        if (!PQconsumeInput(pg->connection) && PQstatus(pg->connection) == CONNECTION_BAD)
            return pg_connection_error(pg, err);
    }
}

enum err_code pg_copy_in_begin(struct pg *pg, const char *sql, struct err *err)
{
    TRY(copy_begin(pg, sql, PGRES_COPY_IN, err));
    pg->state = PG_COPY_IN;
    return ERR_OK;
}

enum err_code pg_copy_in_put(struct pg *pg, const void *data, size_t size, struct err *err)
{
    const char *at = data;

    TRY(fault_before("pg", "copy data", err));
    while (size > 0) {
        size_t part = size < (1 << 20) ? size : (1 << 20);
        /* Nothing of the last part is left in libpq, so that its buffer does not grow. */
        TRY(pg_flush(pg, err));
        int sent = PQputCopyData(pg->connection, at, (int)part);
        if (sent < 0)
            return pg_connection_error(pg, err);
        if (sent == 0) {
            TRY(pg_wait(pg, true, 0, err));
            continue;
        }
        at += part;
        size -= part;
    }
    fault_after("pg");
    return ERR_OK;
}

enum err_code pg_copy_in_end(struct pg *pg, uint64_t *ret_rows, struct err *err)
{
    CLEANUP(pg_result_clear) PGresult *result = NULL;
    uint64_t rows = 0;

    TRY(fault_before("pg", "copy end", err));
    TRY(pg_flush(pg, err));
    if (PQputCopyEnd(pg->connection, NULL) < 0)
        return pg_connection_error(pg, err);
    pg->state = PG_BUSY;
    TRY(pg_flush(pg, err));
    TRY(pg_next_result(pg, &result, err));
    if (result && PQresultStatus(result) == PGRES_FATAL_ERROR) {
        struct err later;
        enum err_code code = pg_result_error(pg, result, err);
        if (pg_finish(pg, &later) != ERR_OK)
            (void)later;
        return code;
    }
    if (result)
        (void)text_to_u64(PQcmdTuples(result), &rows);
    TRY(pg_finish(pg, err));
    fault_after("pg");
    if (ret_rows)
        *ret_rows = rows;
    return ERR_OK;
}
