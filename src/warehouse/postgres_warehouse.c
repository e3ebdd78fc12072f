#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "sql.h"
#include "warehouse/postgres_priv.h"

/* Two that open a new database at once must not both create the schema. */
static const char SETUP_LOCK[] = "select pg_advisory_xact_lock(7308620)";

/* Values print the same whatever the server's defaults are; a load takes the time it takes.  Within
 * each transaction, since a pooler may give every one to another session of the server. */
static void add_settings(const struct postgres_warehouse *warehouse, struct buf *sql)
{
    buf_addf(sql, "set local statement_timeout = %lld;",
             (long long)((warehouse->statement_timeout_us + 999) / 1000));
    buf_add_text(sql, "set local idle_in_transaction_session_timeout = 0;"
                      "set local datestyle = 'ISO, YMD';"
                      "set local timezone = 'UTC';"
                      "set local intervalstyle = 'postgres';"
                      "set local extra_float_digits = 1;"
                      "set local bytea_output = 'hex';"
                      "set local search_path = ");
    pg_ident(sql, warehouse->schema);
    buf_add_text(sql, ";");
}

static void batch_forget(struct postgres_warehouse *warehouse)
{
    arena_reset(warehouse->batch_arena);
    warehouse->targets = NULL;
    warehouse->target_count = 0;
    warehouse->temporary_count = 0;
    warehouse->total = (struct warehouse_load_result){0};
}

static void postgres_close(struct warehouse *base)
{
    struct postgres_warehouse *warehouse = postgres_of(base);

    if (!warehouse)
        return;
    duck_close(warehouse->duck);
    pg_close(warehouse->pg);
    arena_free(warehouse->batch_arena);
    for (size_t i = 0; warehouse->read_dirs && warehouse->read_dirs[i]; i++)
        free((void *)(uintptr_t)warehouse->read_dirs[i]);
    free((void *)warehouse->read_dirs);
    free(warehouse->schema);
    free(warehouse->work_dir);
    free(warehouse);
}

/* --- ledger --- */

static bool nothing_there(const struct err *err)
{
    return text_equal(err->sqlstate, "42P01") || text_equal(err->sqlstate, "3F000");
}

static enum err_code postgres_ledger_head(struct warehouse *base, const char *lake,
                                          struct arena *arena, uint64_t *ret_batch,
                                          const char **ret_generation, struct err *err)
{
    struct postgres_warehouse *warehouse = postgres_of(base);
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    uint64_t batch = 0;

    enum err_code code = pg_query(warehouse->pg,
                                  "select batch, generation from tote.batch where lake = $1 "
                                  "order by batch desc limit 1",
                                  &lake, 1, &rows, err);
    if (code != ERR_OK && !nothing_there(err))
        return code;
    bool found = code == ERR_OK && pg_rows_count(rows) == 1;
    if (found && !text_to_u64(pg_rows_text(rows, 0, 0), &batch))
        return err_set(err, ERR_WAREHOUSE, "the ledger tote.batch holds no number of a batch");
    *ret_generation = arena_strdup(arena, found ? pg_rows_text(rows, 0, 1) : "");
    *ret_batch = batch;
    return ERR_OK;
}

/* --- transaction --- */

static void postgres_rollback(struct warehouse *base)
{
    struct postgres_warehouse *warehouse = postgres_of(base);
    struct err ignored;

    /* Where even this fails, the server rolls back when the connection ends. */
    if (pg_exec(warehouse->pg, "rollback", &ignored) != ERR_OK)
        log_debug("rolling back: %s", ignored.message);
    batch_forget(warehouse);
}

static enum err_code begin_transaction(struct postgres_warehouse *warehouse,
                                       const struct warehouse_batch *batch, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    CLEANUP(pg_rows_free) struct pg_rows *locked = NULL;
    CLEANUP(pg_rows_free) struct pg_rows *present = NULL;
    struct pg_rows *rows[2];

    buf_add_text(&sql, "begin isolation level read committed;");
    add_settings(warehouse, &sql);
    buf_add_text(&sql, "set local maintenance_work_mem = '256MB';"
                       "set local jit = off;"
                       "set local client_min_messages = warning;"
                       "select pg_advisory_xact_lock(hashtextextended(");
    pg_literal(&sql, batch->lake);
    buf_add_text(&sql, ", 7308620));"
                       "select to_regclass('tote.batch') is not null and "
                       "to_regclass('tote.\"table\"') is not null");
    TRY(pg_query_several(warehouse->pg, sql.data, COUNT_OF(rows), rows, err));
    locked = rows[0];
    present = rows[1];
    if (text_equal(pg_rows_text(present, 0, 0), "t"))
        return ERR_OK;
    TRY(pg_exec(warehouse->pg, SETUP_LOCK, err));
    if (pg_exec(warehouse->pg, sql_warehouse_setup, err) == ERR_OK)
        return ERR_OK;
    if (err->code == ERR_DENIED)
        (void)err_hint(err,
                       "grant create on database %s to %s, or create the schema once as its owner: "
                       "create schema tote authorization %s",
                       pg_database(warehouse->pg), pg_user(warehouse->pg), pg_user(warehouse->pg));
    return err_wrap(err, "creating the schema 'tote'");
}

static enum err_code enter_ledger(struct postgres_warehouse *warehouse,
                                  const struct warehouse_batch *batch, struct err *err)
{
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    char number[24];
    char captured[CLOCK_TEXT_MAX];

    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)batch->batch);
    clock_format(batch->captured_us, captured);
    const char *const params[] = {batch->lake, number, batch->generation, captured,
                                  batch->rebuild ? "true" : "false"};
    TRY(pg_query(warehouse->pg, sql_warehouse_ledger_state, params, 3, &rows, err));
    bool loaded = pg_rows_text(rows, 0, 0)[0] == 't';
    bool follows = pg_rows_text(rows, 0, 1)[0] == 't';
    bool rebuilt = pg_rows_text(rows, 0, 2)[0] == 't';
    if (batch->rebuild ? rebuilt : loaded)
        return err_set(err, ERR_CONFLICT, "batch %s is loaded already", number);
    if (!batch->rebuild && !follows && batch->batch > 1)
        return err_set(err, ERR_CONFLICT, "batch %s cannot be loaded after batch %s", number,
                       pg_rows_text(rows, 0, 3));
    if (!batch->rebuild && batch->batch == 1 && !text_equal(pg_rows_text(rows, 0, 3), "0"))
        return err_set(err, ERR_CONFLICT, "batch 1 cannot be loaded after batch %s",
                       pg_rows_text(rows, 0, 3));
    if (batch->rebuild)
        TRY(pg_exec_params(warehouse->pg, "delete from tote.batch where lake = $1", params, 1, NULL,
                           err));
    return pg_exec_params(warehouse->pg,
                          "insert into tote.batch (lake, batch, generation, captured_at, rebuild) "
                          "values ($1, $2::bigint, $3, $4::timestamp, $5::boolean)",
                          params, COUNT_OF(params), NULL, err);
}

static enum err_code postgres_begin(struct warehouse *base, const struct warehouse_batch *batch,
                                    struct err *err)
{
    struct postgres_warehouse *warehouse = postgres_of(base);

    batch_forget(warehouse);
    enum err_code code = begin_transaction(warehouse, batch, err);
    if (code == ERR_OK)
        code = enter_ledger(warehouse, batch, err);
    if (code != ERR_OK) {
        postgres_rollback(base);
        return code;
    }
    warehouse->batch = *batch;
    warehouse->batch.lake = arena_strdup(warehouse->batch_arena, batch->lake);
    warehouse->batch.generation = arena_strdup(warehouse->batch_arena, batch->generation);
    return ERR_OK;
}

/* Autovacuum will do it well within minutes, but readers come at once: without it a report over a
 * first load of some thousand rows took seconds.  A tenth of its sample will do until then, and
 * takes a fifth of the time. */
static enum err_code analyze_new(struct postgres_warehouse *warehouse, struct err *err)
{
    enum {
        WORTH_IT_ROWS = 1000
    };
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};

    if (warehouse->total.rows_inserted < WORTH_IT_ROWS)
        return ERR_OK;
    TRY(pg_query(warehouse->pg, sql_warehouse_unanalyzed, NULL, 0, &rows, err));
    if (pg_rows_count(rows))
        buf_add_text(&sql, "set local default_statistics_target = 10;");
    for (size_t i = 0; i < pg_rows_count(rows); i++) {
        buf_add_text(&sql, "analyze ");
        pg_qualified(&sql, pg_rows_text(rows, i, 0), pg_rows_text(rows, i, 1));
        buf_add_char(&sql, ';');
    }
    return sql.size ? pg_exec(warehouse->pg, sql.data, err) : ERR_OK;
}

static enum err_code postgres_commit(struct warehouse *base, struct err *err)
{
    struct postgres_warehouse *warehouse = postgres_of(base);
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};

    TRY(keys_restore(warehouse, err));
    TRY(analyze_new(warehouse, err));
    buf_addf(&sql,
             "update tote.batch set rows_inserted = %llu, rows_updated = %llu, rows_deleted = %llu "
             "where batch = %llu and lake = ",
             (unsigned long long)warehouse->total.rows_inserted,
             (unsigned long long)warehouse->total.rows_updated,
             (unsigned long long)warehouse->total.rows_deleted,
             (unsigned long long)warehouse->batch.batch);
    pg_literal(&sql, warehouse->batch.lake);
    buf_add_text(&sql, "; commit");
    enum err_code code = pg_exec(warehouse->pg, sql.data, err);
    if (code != ERR_OK)
        return postgres_blame_data(code, err);
    batch_forget(warehouse);
    return ERR_OK;
}

/* --- when nothing is loaded --- */

/* One statement in a transaction of its own. */
static enum err_code exec_alone(struct postgres_warehouse *warehouse, const struct buf *statement,
                                struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    struct err ignored;

    buf_add_text(&sql, "begin;");
    add_settings(warehouse, &sql);
    buf_add(&sql, statement->data, statement->size);
    buf_add_text(&sql, "; commit");
    enum err_code code = pg_exec(warehouse->pg, sql.data, err);
    if (code && pg_exec(warehouse->pg, "rollback", &ignored))
        log_debug("rolling back: %s", ignored.message);
    return code;
}

static enum err_code validate_pending(struct postgres_warehouse *warehouse, unsigned *ret_done,
                                      struct err *err)
{
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};

    TRY(pg_query(warehouse->pg, sql_warehouse_pending, NULL, 0, &rows, err));
    for (size_t i = 0; i < pg_rows_count(rows); i++) {
        buf_clear(&sql);
        buf_add_text(&sql, "alter table ");
        pg_qualified(&sql, pg_rows_text(rows, i, 0), pg_rows_text(rows, i, 1));
        buf_add_text(&sql, " validate constraint ");
        pg_ident(&sql, pg_rows_text(rows, i, 2));
        if (exec_alone(warehouse, &sql, err)) {
            (void)postgres_blame_data(err->code, err);
            return err_wrap(err, "validating '%s'", pg_rows_text(rows, i, 2));
        }
        (*ret_done)++;
    }
    return ERR_OK;
}

/* While a first load copies, an index would cost more than it takes to make it afterwards.  Readers
 * can do without: everything is loaded, so that one which cannot be made is no failure. */
static enum err_code index_facts(struct postgres_warehouse *warehouse, struct err *err)
{
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    struct err why;

    TRY(pg_query(warehouse->pg, sql_warehouse_unindexed, NULL, 0, &rows, err));
    for (size_t i = 0; i < pg_rows_count(rows); i++) {
        buf_clear(&sql);
        buf_add_text(&sql, "create index on ");
        pg_qualified(&sql, pg_rows_text(rows, i, 0), pg_rows_text(rows, i, 1));
        buf_add_text(&sql, " (");
        pg_ident(&sql, pg_rows_text(rows, i, 2));
        buf_add_char(&sql, ')');
        if (exec_alone(warehouse, &sql, &why)) {
            TRY(cancel_check(err));
            log_warn("reports will be slower, for '%s' has no index on '%s': %s",
                     pg_rows_text(rows, i, 1), pg_rows_text(rows, i, 2), why.message);
            return ERR_OK;
        }
    }
    return ERR_OK;
}

static enum err_code postgres_maintain(struct warehouse *base, unsigned *ret_done, struct err *err)
{
    struct postgres_warehouse *warehouse = postgres_of(base);

    *ret_done = 0;
    if (validate_pending(warehouse, ret_done, err))
        return nothing_there(err) ? ERR_OK : err->code;
    return index_facts(warehouse, err);
}

/* A session that only reads may still say so: what it writes is its own and gone with it. */
static enum err_code postgres_prepare(struct warehouse *base, const char *name, const char *select,
                                      const char *looked_up, struct err *err)
{
    struct postgres_warehouse *warehouse = postgres_of(base);
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    struct err ignored;

    buf_add_text(&sql, "begin read write; drop table if exists pg_temp.");
    pg_ident(&sql, name);
    buf_add_text(&sql, "; create temporary table ");
    pg_ident(&sql, name);
    buf_addf(&sql, " as\n%s;", select);
    if (looked_up) {
        buf_add_text(&sql, " create index on ");
        pg_ident(&sql, name);
        buf_add_text(&sql, " (");
        pg_ident(&sql, looked_up);
        buf_add_text(&sql, ");");
    }
    buf_add_text(&sql, " analyze ");
    pg_ident(&sql, name);
    buf_add_text(&sql, "; commit");
    enum err_code code = pg_exec(warehouse->pg, sql.data, err);
    if (code)
        (void)!pg_exec(warehouse->pg, "rollback", &ignored);
    return code;
}

struct query_call {
    warehouse_row_fn *each;
    void *arg;
    const char **names;
    struct span *cells;
    size_t count;
};

static bool hand_on_row(void *arg, const struct pg_rows *row)
{
    struct query_call *call = arg;

    if (!call->names) {
        call->count = pg_rows_columns(row);
        call->names = mem_zalloc(call->count, sizeof *call->names);
        call->cells = mem_zalloc(call->count, sizeof *call->cells);
    }
    for (size_t i = 0; i < call->count; i++) {
        call->names[i] = pg_rows_name(row, i);
        call->cells[i] =
            (struct span){.data = pg_rows_text(row, 0, i), .size = pg_rows_size(row, 0, i)};
    }
    return call->each(call->arg, call->count, call->names, call->cells);
}

static enum err_code postgres_query(struct warehouse *base, const char *sql,
                                    const char *const *params, size_t param_count,
                                    warehouse_row_fn *each, void *arg, struct err *err)
{
    struct postgres_warehouse *warehouse = postgres_of(base);
    struct query_call call = {.each = each, .arg = arg};
    bool alone = !base->in_transaction;
    CLEANUP_IN_PLACE(buf_release) struct buf begin = {0};
    struct err ignored;

    buf_add_text(&begin, "begin read only;");
    add_settings(warehouse, &begin);
    /* A report is a long text over few columns: compiling it took six seconds where running it took
     * one and a half, and gained a tenth at best.  Joined are a fact and its dimensions, often one
     * more than are planned together by default; most of them are left out then. */
    buf_add_text(&begin, "set local jit = off; set local join_collapse_limit = 12;"
                         "set local from_collapse_limit = 12;");
    if (alone)
        TRY(pg_exec(warehouse->pg, begin.data, err));
    enum err_code code =
        pg_query_each(warehouse->pg, sql, params, param_count, hand_on_row, &call, err);
    if (alone && pg_exec(warehouse->pg, "rollback", &ignored) != ERR_OK && code == ERR_OK) {
        *err = ignored;
        code = ignored.code;
    }
    free((void *)call.names);
    free(call.cells);
    return code;
}

/* --- opening --- */

static const struct warehouse_ops postgres_ops = {
    .scheme = "postgresql",
    .close = postgres_close,
    .ledger_head = postgres_ledger_head,
    .begin = postgres_begin,
    .define = postgres_define,
    .load = postgres_load,
    .commit = postgres_commit,
    .rollback = postgres_rollback,
    .maintain = postgres_maintain,
    .prepare = postgres_prepare,
    .query = postgres_query,
    .is_large = postgres_is_large,
    .claim_answers = postgres_claim_answers,
    .leave_answers = postgres_leave_answers,
    .find_answers = postgres_find_answers,
};

static const char **copy_list(const char *const *list)
{
    size_t count = 0;

    while (list && list[count])
        count++;
    const char **copy = mem_zalloc(count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = mem_strdup(list[i]);
    return copy;
}

static void postgres_free_p(struct postgres_warehouse **warehouse)
{
    if (*warehouse)
        postgres_close(&(*warehouse)->base);
}

enum err_code postgres_warehouse_open(const struct warehouse_config *config,
                                      struct warehouse **ret_warehouse, struct err *err)
{
    __attribute__((cleanup(postgres_free_p))) struct postgres_warehouse *warehouse =
        mem_zalloc(1, sizeof *warehouse);
    const struct pg_options options = {
        .url = config->url, .role = "warehouse", .blame = ERR_WAREHOUSE};

    warehouse->base.ops = &postgres_ops;
    warehouse->batch_arena = arena_new(0);
    warehouse->schema = mem_strdup(config->schema ? config->schema : "public");
    warehouse->memory_bytes = config->memory_bytes;
    warehouse->threads = config->threads;
    warehouse->statement_timeout_us = config->statement_timeout_us;
    warehouse->work_dir = config->work_dir ? mem_strdup(config->work_dir) : NULL;
    warehouse->read_dirs = copy_list(config->read_dirs);
    TRY(pg_open(&options, &warehouse->pg, err));
    (void)snprintf(warehouse->base.url, sizeof warehouse->base.url, "postgresql://%s@%s",
                   pg_user(warehouse->pg), pg_where(warehouse->pg));
    *ret_warehouse = &warehouse->base;
    warehouse = NULL;
    return ERR_OK;
}
