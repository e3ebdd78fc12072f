#include "warehouse/warehouse.h"

#include <assert.h>

#include "base/text.h"
#include "warehouse/warehouse_driver.h"

enum err_code warehouse_open(const struct warehouse_config *config,
                             struct warehouse **ret_warehouse, struct err *err)
{
    const char *url = config->url ? config->url : "";

    if (!*url) {
        (void)err_set(err, ERR_CONFIG, "no warehouse is configured");
        return err_hint(err, "set warehouse.url to duckdb:PATH or postgresql://…");
    }
    if (text_starts(url, "duckdb:"))
        return duckdb_warehouse_open(config, ret_warehouse, err);
    if (text_starts(url, "postgresql:") || text_starts(url, "postgres:") || strchr(url, '='))
        return postgres_warehouse_open(config, ret_warehouse, err);
    (void)err_set(err, ERR_CONFIG, "the url of the warehouse is of no kind that is known");
    return err_hint(err,
                    "write duckdb:PATH, postgresql://user:password@host/database or a conninfo");
}

void warehouse_close(struct warehouse *warehouse)
{
    if (!warehouse)
        return;
    warehouse_rollback(warehouse);
    warehouse->ops->close(warehouse);
}

const char *warehouse_url(const struct warehouse *warehouse)
{
    return warehouse->url;
}

enum err_code warehouse_ledger_head(struct warehouse *warehouse, const char *lake,
                                    struct arena *arena, uint64_t *ret_batch,
                                    const char **ret_generation, struct err *err)
{
    return warehouse->ops->ledger_head(warehouse, lake, arena, ret_batch, ret_generation, err);
}

enum err_code warehouse_begin(struct warehouse *warehouse, const struct warehouse_batch *batch,
                              struct err *err)
{
    assert(!warehouse->in_transaction);
    assert(batch->batch > 0);
    TRY(warehouse->ops->begin(warehouse, batch, err));
    warehouse->in_transaction = true;
    return ERR_OK;
}

enum err_code warehouse_define(struct warehouse *warehouse, const struct warehouse_table *tables,
                               size_t table_count, struct err *err)
{
    assert(warehouse->in_transaction);
    return warehouse->ops->define(warehouse, tables, table_count, err);
}

enum err_code warehouse_load(struct warehouse *warehouse, const struct warehouse_table *table,
                             const char *const *parquet_paths, size_t path_count,
                             uint64_t row_count, struct warehouse_load_result *ret_result,
                             struct err *err)
{
    struct warehouse_load_result result = {0};

    assert(warehouse->in_transaction);
    if (path_count > 0 && warehouse->ops->load(warehouse, table, parquet_paths, path_count,
                                               row_count, &result, err) != ERR_OK) {
        if (text_equal(err->sqlstate, "23505") && !*err->hint) /* unique_violation */
            (void)err_hint(err,
                           "the table has a key that the model does not have (any more): drop that "
                           "key, or drop the table and empty tote.batch to load everything anew");
        return err_wrap(err, "loading '%s'", table->name);
    }
    *ret_result = result;
    return ERR_OK;
}

enum err_code warehouse_commit(struct warehouse *warehouse, struct err *err)
{
    assert(warehouse->in_transaction);
    TRY(warehouse->ops->commit(warehouse, err));
    warehouse->in_transaction = false;
    return ERR_OK;
}

void warehouse_rollback(struct warehouse *warehouse)
{
    if (!warehouse->in_transaction)
        return;
    warehouse->ops->rollback(warehouse);
    warehouse->in_transaction = false;
}

enum err_code warehouse_maintain(struct warehouse *warehouse, unsigned *ret_done, struct err *err)
{
    unsigned done = 0;

    assert(!warehouse->in_transaction);
    TRY(warehouse->ops->maintain(warehouse, &done, err));
    *ret_done = done;
    return ERR_OK;
}

enum err_code warehouse_is_large(struct warehouse *warehouse, bool *ret_large, struct err *err)
{
    return warehouse->ops->is_large(warehouse, ret_large, err);
}

enum err_code warehouse_claim_answers(struct warehouse *warehouse, const char *origin,
                                      const char *version, bool *ret_claimed, struct err *err)
{
    bool claimed = false;

    if (warehouse->ops->claim_answers)
        TRY(warehouse->ops->claim_answers(warehouse, origin, version, &claimed, err));
    *ret_claimed = claimed;
    return ERR_OK;
}

enum err_code warehouse_leave_answers(struct warehouse *warehouse, const char *origin,
                                      const char *version, const char *text, struct err *err)
{
    if (!warehouse->ops->leave_answers)
        return ERR_OK;
    return warehouse->ops->leave_answers(warehouse, origin, version, text, err);
}

enum err_code warehouse_find_answers(struct warehouse *warehouse, const char *origin,
                                     struct buf *ret_text, struct err *err)
{
    if (!warehouse->ops->find_answers)
        return ERR_OK;
    return warehouse->ops->find_answers(warehouse, origin, ret_text, err);
}

enum err_code warehouse_prepare(struct warehouse *warehouse, const char *name, const char *select,
                                const char *looked_up, struct err *err)
{
    return warehouse->ops->prepare(warehouse, name, select, looked_up, err);
}

enum err_code warehouse_query(struct warehouse *warehouse, const char *sql,
                              const char *const *params, size_t param_count, warehouse_row_fn *each,
                              void *arg, struct err *err)
{
    return warehouse->ops->query(warehouse, sql, params, param_count, each, arg, err);
}
