/* Answers that load leaves for servers that have just started. */
#include "base/text.h"
#include "sql.h"
#include "warehouse/postgres_priv.h"

/* Somebody without rights on it is as well off as before it was there. */
static bool none_there(const struct err *err)
{
    return text_equal(err->sqlstate, "42P01") || text_equal(err->sqlstate, "3F000") ||
           text_equal(err->sqlstate, "42501");
}

enum err_code postgres_is_large(struct warehouse *base, bool *ret_large, struct err *err)
{
    struct postgres_warehouse *warehouse = postgres_of(base);
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    const char *const params[] = {warehouse->schema};

    TRY(pg_query(warehouse->pg, sql_warehouse_is_large, params, COUNT_OF(params), &rows, err));
    *ret_large = text_equal(pg_rows_text(rows, 0, 0), "t");
    return ERR_OK;
}

enum err_code postgres_claim_answers(struct warehouse *base, const char *origin,
                                     const char *version, bool *ret_claimed, struct err *err)
{
    struct postgres_warehouse *warehouse = postgres_of(base);
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    CLEANUP(pg_rows_free) struct pg_rows *present = NULL;
    const char *const params[] = {warehouse->schema, origin, version};

    TRY(pg_query(warehouse->pg, "select to_regclass('tote.answers') is not null", NULL, 0, &present,
                 err));
    if (!text_equal(pg_rows_text(present, 0, 0), "t"))
        TRY(pg_exec(warehouse->pg, sql_warehouse_answers_setup, err));
    TRY(pg_query(warehouse->pg, sql_warehouse_answers_claim, params, COUNT_OF(params), &rows, err));
    *ret_claimed = pg_rows_count(rows) == 1;
    return ERR_OK;
}

enum err_code postgres_leave_answers(struct warehouse *base, const char *origin,
                                     const char *version, const char *text, struct err *err)
{
    struct postgres_warehouse *warehouse = postgres_of(base);
    const char *const params[] = {warehouse->schema, origin, version, text};

    return pg_exec_params(warehouse->pg, sql_warehouse_answers_leave, params, COUNT_OF(params),
                          NULL, err);
}

enum err_code postgres_find_answers(struct warehouse *base, const char *origin,
                                    struct buf *ret_text, struct err *err)
{
    struct postgres_warehouse *warehouse = postgres_of(base);
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    const char *const params[] = {warehouse->schema, origin};

    if (pg_query(warehouse->pg,
                 "select content from tote.answers "
                 "where schema = $1 and origin = $2 and content is not null",
                 params, COUNT_OF(params), &rows, err))
        return none_there(err) ? ERR_OK : err->code;
    if (pg_rows_count(rows))
        buf_add_text(ret_text, pg_rows_text(rows, 0, 0));
    return ERR_OK;
}
