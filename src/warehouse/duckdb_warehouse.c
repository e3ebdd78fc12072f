#include "warehouse/duckdb_warehouse.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "sql.h"

static const char url_scheme[] = "duckdb:";

static struct duckdb_warehouse *self_of(struct warehouse *base)
{
    return WAREHOUSE_DRIVER(struct duckdb_warehouse, base);
}

static enum err_code make_folder(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return ERR_OK;
    CLEANUP_IN_PLACE(buf_release) struct buf folder = {0};
    buf_add(&folder, path, (size_t)(slash - path));
    return file_make_dirs(folder.data, err);
}

enum err_code duckdb_warehouse_use(struct duckdb_warehouse *self, struct err *err)
{
    if (self->duck)
        return ERR_OK;
    if (!self->config.read_only)
        TRY(make_folder(self->config.url, err));
    if (!self->temp)
        TRY(work_dir_open(self->config.work_dir, &self->temp, err));
    const struct duck_options options = {
        .path = self->config.url,
        .read_only = self->config.read_only,
        .memory_bytes = self->config.memory_bytes,
        .threads = self->config.threads,
        .temp_dir = work_dir_path(self->temp),
        .allowed_dirs = self->config.read_dirs,
        .blame = ERR_WAREHOUSE,
        .lock_wait_us = self->config.lock_wait_us,
        .statement_timeout_us = self->config.statement_timeout_us,
    };
    return duck_open(&options, &self->duck, err);
}

static void close_warehouse(struct warehouse *base)
{
    struct duckdb_warehouse *self = self_of(base);
    duck_close(self->duck); /* rolls back what is under way */
    if (self->temp)
        work_dir_close(self->temp);
    arena_free(self->define_arena);
    arena_free(self->batch_arena);
    arena_free(self->arena);
    free(self);
}

/* Ledger */

static enum err_code has_ledger(struct duckdb_warehouse *self, bool *ret_has, struct err *err)
{
    int64_t count = 0;
    TRY(duck_query_i64(self->duck,
                       "select count(*) from duckdb_tables() where database_name = "
                       "'" DUCK_FILE_CATALOG "' and schema_name = 'tote' and table_name = 'batch'",
                       &count, err));
    *ret_has = count > 0;
    return ERR_OK;
}

struct head_row {
    struct arena *arena;
    uint64_t batch;
    const char *generation;
};

static bool take_head(void *arg, size_t column_count, const char *const *names,
                      const struct span *cells)
{
    (void)column_count, (void)names;
    struct head_row *row = arg;
    (void)text_to_u64(arena_strndup(row->arena, cells[0].data, cells[0].size), &row->batch);
    row->generation = arena_strndup(row->arena, cells[1].data, cells[1].size);
    return false;
}

static enum err_code read_head(struct duckdb_warehouse *self, const char *lake, struct arena *arena,
                               uint64_t *ret_batch, const char **ret_generation, struct err *err)
{
    struct head_row row = {.arena = arena, .generation = ""};
    const char *const params[] = {lake};
    TRY(duck_query_each(self->duck,
                        "select batch, generation from " DUCK_FILE_CATALOG ".tote.batch "
                        "where lake = $1 order by batch desc limit 1",
                        params, 1, take_head, &row, err));
    *ret_batch = row.batch;
    *ret_generation = row.generation;
    return ERR_OK;
}

static enum err_code ledger_head(struct warehouse *base, const char *lake, struct arena *arena,
                                 uint64_t *ret_batch, const char **ret_generation, struct err *err)
{
    struct duckdb_warehouse *self = self_of(base);
    bool there = self->duck || file_exists(self->config.url);
    if (there || !self->config.read_only) {
        TRY(duckdb_warehouse_use(self, err));
        TRY(has_ledger(self, &there, err));
    }
    if (there)
        return read_head(self, lake, arena, ret_batch, ret_generation, err);
    *ret_batch = 0;
    *ret_generation = "";
    return ERR_OK;
}

/* Transaction */

static void rollback(struct warehouse *base)
{
    struct duckdb_warehouse *self = self_of(base);
    struct err ignored;
    if (self->duck)
        (void)!duck_exec(self->duck, "rollback", NULL, &ignored);
    /* what define made is gone too */
    self->tables = NULL;
    self->table_count = 0;
    self->checks = NULL;
}

/* A rebuild may also go back, to an earlier batch of other models. */
static enum err_code check_follows(struct duckdb_warehouse *self, struct err *err)
{
    const struct warehouse_batch *batch = &self->batch;
    uint64_t head;
    const char *generation;
    TRY(read_head(self, batch->lake, self->batch_arena, &head, &generation, err));
    bool loaded = batch->batch <= head;
    if (batch->rebuild)
        loaded = loaded && text_equal(batch->generation, generation);
    if (loaded)
        return err_set(err, ERR_CONFLICT, "batch %" PRIu64 " is loaded already", batch->batch);
    if (batch->batch != head + 1 && !batch->rebuild)
        return err_set(err, ERR_CONFLICT, "batch %" PRIu64 " cannot be loaded after batch %" PRIu64,
                       batch->batch, head);
    return ERR_OK;
}

static enum err_code insert_ledger_row(struct duckdb_warehouse *self, struct err *err)
{
    const struct warehouse_batch *batch = &self->batch;
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    if (batch->rebuild) {
        buf_add_text(&sql, "delete from " DUCK_FILE_CATALOG ".tote.batch where lake = ");
        duck_literal(&sql, batch->lake);
        buf_add_text(&sql, "; ");
    }
    buf_add_text(&sql, "insert into " DUCK_FILE_CATALOG
                       ".tote.batch (lake, generation, batch, captured_at, rebuild) values (");
    duck_literal(&sql, batch->lake);
    buf_add_text(&sql, ", ");
    duck_literal(&sql, batch->generation);
    buf_addf(&sql, ", %" PRIu64 ", make_timestamp(%" PRId64 "), %s)", batch->batch,
             batch->captured_us, batch->rebuild ? "true" : "false");
    return duck_exec(self->duck, sql.data, NULL, err);
}

static enum err_code complete_ledger_row(struct duckdb_warehouse *self, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    buf_addf(&sql,
             "update " DUCK_FILE_CATALOG ".tote.batch set rows_inserted = %" PRIu64
             ", rows_updated = %" PRIu64 ", rows_deleted = %" PRIu64 " where batch = %" PRIu64
             " and lake = ",
             self->total.rows_inserted, self->total.rows_updated, self->total.rows_deleted,
             self->batch.batch);
    duck_literal(&sql, self->batch.lake);
    return duck_exec(self->duck, sql.data, NULL, err);
}

static enum err_code begin(struct warehouse *base, const struct warehouse_batch *batch,
                           struct err *err)
{
    struct duckdb_warehouse *self = self_of(base);
    TRY(duckdb_warehouse_use(self, err));
    arena_reset(self->batch_arena);
    self->checks = NULL;
    self->total = (struct warehouse_load_result){0};
    self->batch = *batch;
    self->batch.lake = arena_strdup(self->batch_arena, batch->lake);
    self->batch.generation = arena_strdup(self->batch_arena, batch->generation);
    TRY(duck_exec(self->duck, "begin transaction", NULL, err));
    enum err_code code = duck_exec(self->duck, sql_duckdb_ledger, NULL, err);
    if (code == ERR_OK)
        code = check_follows(self, err);
    if (code == ERR_OK)
        code = insert_ledger_row(self, err);
    if (code != ERR_OK)
        rollback(base);
    return code;
}

static enum err_code commit(struct warehouse *base, struct err *err)
{
    struct duckdb_warehouse *self = self_of(base);
    TRY(duckdb_warehouse_check_references(self, err));
    TRY(complete_ledger_row(self, err));
    if (duck_exec(self->duck, "commit", NULL, err) != ERR_OK)
        return err_wrap(err, "committing batch %" PRIu64, self->batch.batch);
    self->checks = NULL;
    return ERR_OK;
}

/* References are checked before each commit: nothing is left to be done later. */
static enum err_code maintain(struct warehouse *base, unsigned *ret_done, struct err *err)
{
    (void)base, (void)err;
    *ret_done = 0;
    return ERR_OK;
}

static enum err_code prepare(struct warehouse *base, const char *name, const char *select,
                             const char *looked_up, struct err *err)
{
    (void)looked_up; /* it scans fast, and its index would not be used */
    struct duckdb_warehouse *self = self_of(base);
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    TRY(duckdb_warehouse_use(self, err));
    buf_addf(&sql, "create or replace %stable ", self->config.scratch ? "" : "temporary ");
    duck_ident(&sql, name);
    buf_addf(&sql, " as\n%s", select);
    /* Temporary tables lie in memory as they are: what was written is read in a fifth of the time.
     */
    buf_add_text(&sql, self->config.scratch ? ";\ncheckpoint" : "");
    return duck_exec(self->duck, sql.data, NULL, err);
}

static enum err_code query(struct warehouse *base, const char *sql, const char *const *params,
                           size_t param_count, warehouse_row_fn *each, void *arg, struct err *err)
{
    struct duckdb_warehouse *self = self_of(base);
    TRY(duckdb_warehouse_use(self, err));
    return duck_query_each(self->duck, sql, params, param_count, each, arg, err);
}

static bool take_truth(void *arg, size_t column_count, const char *const *names,
                       const struct span *cells)
{
    (void)column_count, (void)names;
    *(bool *)arg = cells[0].data && cells[0].size && *cells[0].data == 't';
    return false;
}

static enum err_code is_large(struct warehouse *base, bool *ret_large, struct err *err)
{
    const char *const params[] = {self_of(base)->schema};
    *ret_large = false;
    return query(base, sql_duckdb_is_large, params, COUNT_OF(params), take_truth, ret_large, err);
}

static const struct warehouse_ops duckdb_ops = {
    .scheme = "duckdb",
    .close = close_warehouse,
    .ledger_head = ledger_head,
    .begin = begin,
    .define = duckdb_warehouse_define,
    .load = duckdb_warehouse_load,
    .commit = commit,
    .rollback = rollback,
    .maintain = maintain,
    .prepare = prepare,
    .query = query,
    .is_large = is_large,
};

static const char *const *copy_list(struct arena *arena, const char *const *list)
{
    size_t count = 0;
    while (list && list[count])
        count++;
    const char **copy = arena_alloc(arena, (count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_strdup(arena, list[i]);
    return copy;
}

enum err_code duckdb_warehouse_open(const struct warehouse_config *config,
                                    struct warehouse **ret_warehouse, struct err *err)
{
    const char *path =
        config->url + (text_starts(config->url, url_scheme) ? strlen(url_scheme) : 0);
    if (!*path)
        return err_set(err, ERR_CONFIG, "warehouse '%s' names no file", config->url);
    char folder[4096];
    if (!getcwd(folder, sizeof folder))
        return file_error(err, "looking up", "the current directory");
    struct duckdb_warehouse *self = mem_zalloc(1, sizeof *self);
    self->base.ops = &duckdb_ops;
    self->arena = arena_new(0);
    self->define_arena = arena_new(0);
    self->batch_arena = arena_new(0);
    self->config = *config;
    self->config.url = file_resolve(self->arena, folder, path);
    self->config.work_dir = config->work_dir ? arena_strdup(self->arena, config->work_dir) : NULL;
    self->config.read_dirs = copy_list(self->arena, config->read_dirs);
    self->schema = arena_strdup(self->arena, config->schema ? config->schema : "main");
    (void)snprintf(self->base.url, sizeof self->base.url, "%s%s", url_scheme, path);
    *ret_warehouse = &self->base;
    return ERR_OK;
}
