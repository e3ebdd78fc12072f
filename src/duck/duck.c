#include "duck/duck.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/fault.h"
#include "duck/duck_private.h"

enum {
    LOCK_POLL_US = 50 * 1000
};
static const uint64_t memory_default_bytes = UINT64_C(512) << 20;

void duck_ident(struct buf *sql, const char *name)
{
    buf_add_char(sql, '"');
    for (const char *at = name; *at; at++) {
        if (*at == '"')
            buf_add_char(sql, '"');
        buf_add_char(sql, *at);
    }
    buf_add_char(sql, '"');
}

void duck_literal(struct buf *sql, const char *text)
{
    buf_add_char(sql, '\'');
    for (const char *at = text; *at; at++) {
        if (*at == '\'')
            buf_add_char(sql, '\'');
        buf_add_char(sql, *at);
    }
    buf_add_char(sql, '\'');
}

/* Order matters: what limits access comes after what names the exceptions, and the lock last. */
static void lock_down_sql(const struct duck_options *options, struct buf *sql)
{
    buf_add_text(sql, "set TimeZone = 'UTC'; set allowed_directories = [");
    for (const char *const *dir = options->allowed_dirs; dir && *dir; dir++) {
        if (dir != options->allowed_dirs)
            buf_add_text(sql, ", ");
        duck_literal(sql, *dir);
    }
    buf_add_text(sql, "]; set enable_external_access = false; set lock_configuration = true");
}

/* What can be said when the database is opened: a SET afterwards costs 0.2 ms each. */
static duckdb_config open_config(const struct duck_options *options)
{
    char memory[32], threads[16];
    (void)snprintf(memory, sizeof memory, "%" PRIu64 "B",
                   options->memory_bytes ? options->memory_bytes : memory_default_bytes);
    (void)snprintf(threads, sizeof threads, "%u", options->threads);
    const char *const settings[][2] = {
        {"memory_limit", memory},
        {"threads", options->threads ? threads : NULL},
        {"temp_directory", options->temp_dir ? options->temp_dir : ""},
        {"preserve_insertion_order", "true"},
        {"autoinstall_known_extensions", "false"},
        {"autoload_known_extensions", "false"},
        {"allow_community_extensions", "false"},
    };
    duckdb_config config = NULL;
    duckdb_state state = duckdb_create_config(&config);
    for (size_t i = 0; i < COUNT_OF(settings) && state == DuckDBSuccess; i++)
        if (settings[i][1])
            state = duckdb_set_config(config, settings[i][0], settings[i][1]);
    if (state == DuckDBSuccess)
        return config;
    duckdb_destroy_config(&config);
    return NULL;
}

/* The file is attached under a fixed name to a database in memory: a file's own name would become
 * the catalog's, and "tote.duckdb" would make every `tote.batch` ambiguous. */
static void attach_sql(const struct duck_options *options, struct buf *sql)
{
    CLEANUP_IN_PLACE(buf_release) struct buf name = {0};
    buf_addf(&name, "%s%s", options->path[0] == '/' ? "" : "./", options->path);
    buf_add_text(sql, "attach ");
    duck_literal(sql, name.data);
    buf_addf(sql, " as " DUCK_FILE_CATALOG " (type duckdb, %s)",
             options->read_only ? "read_only" : "read_write");
}

/* Waits while another process has the file. */
static enum err_code attach(struct duck *duck, const struct duck_options *options, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    attach_sql(options, &sql);
    int64_t deadline_us = clock_monotonic_us() + options->lock_wait_us;
    enum err_code code = ERR_OK;
    for (bool done = false; !done && code == ERR_OK;) {
        duckdb_result result;
        done = duckdb_query(duck->connection, sql.data, &result) == DuckDBSuccess;
        const char *why = duckdb_result_error(&result);
        if (!done && !duck_error_is_lock(why))
            code = duck_error_attach(duck, options->path, why, err);
        else if (!done && clock_monotonic_us() >= deadline_us)
            code = duck_error_locked(options->path, why, err);
        else if (!done && (code = cancel_check(err)) == ERR_OK)
            clock_sleep_us(LOCK_POLL_US);
        duckdb_destroy_result(&result);
    }
    return code == ERR_OK ? duck_exec(duck, "use " DUCK_FILE_CATALOG, NULL, err) : code;
}

static enum err_code open_memory(struct duck *duck, const struct duck_options *options,
                                 struct err *err)
{
    duckdb_config config = open_config(options);
    char *message = NULL;
    if (!config)
        return err_set(err, ERR_INTERNAL, "DuckDB refused its settings");
    enum err_code code = ERR_OK;
    if (duckdb_open_ext(NULL, &duck->database, config, &message) != DuckDBSuccess)
        code = duck_error(duck, message, err);
    else if (duckdb_connect(duck->database, &duck->connection) != DuckDBSuccess)
        code = err_set(err, duck->blame, "connecting to DuckDB failed");
    duckdb_free(message);
    duckdb_destroy_config(&config);
    return code;
}

enum err_code duck_open(const struct duck_options *options, struct duck **ret_duck, struct err *err)
{
    CLEANUP(duck_close) struct duck *duck = mem_zalloc(1, sizeof *duck);
    duck->blame = options->blame ? options->blame : ERR_TRANSFORM;
    TRY(fault_before("duck", "open", err));
    TRY(open_memory(duck, options, err));
    TRY(duck_watch_start(duck->connection, options->statement_timeout_us, &duck->watch, err));
    if (options->path) {
        TRY(duck_hold_take(options->path, options->read_only, options->lock_wait_us, &duck->hold,
                           err));
        TRY(attach(duck, options, err));
    }
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    lock_down_sql(options, &sql);
    if (duck_exec(duck, sql.data, NULL, err) != ERR_OK)
        return err_wrap(err, "setting up DuckDB");
    fault_after("duck");
    *ret_duck = STEAL(duck);
    return ERR_OK;
}

void duck_close(struct duck *duck)
{
    if (!duck)
        return;
    duck_watch_stop(duck->watch);
    if (duck->connection)
        duckdb_disconnect(&duck->connection);
    if (duck->database)
        duckdb_close(&duck->database);
    duck_hold_release(duck->hold);
    free(duck);
}

duckdb_connection duck_connection(struct duck *duck)
{
    return duck->connection;
}
