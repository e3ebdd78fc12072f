#include "pipeline/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "pipeline/sql_fill.h"
#include "sql.h"

enum {
    KNOWS_TRANSACTION_TIMEOUT = 170000
};

struct snapshot {
    struct snapshot_options options;
    struct snapshot_facts facts;
    struct pg *pg;
    char exported[64];
    struct pg **workers; /* [0] unused: that is pg */
    unsigned worker_count;
};

static enum err_code connect_source(const struct snapshot *snapshot, struct pg **ret_pg,
                                    struct err *err)
{
    struct pg_options options = {
        .url = snapshot->options.url, .role = "source", .blame = ERR_SOURCE};
    return pg_open(&options, ret_pg, err);
}

/* Outside a transaction, since being refused would end one. */
static enum err_code ask_system(struct snapshot *snapshot, struct err *err)
{
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    struct err why = {0};

    enum err_code code = pg_query(snapshot->pg, sql_ingest_system, NULL, 0, &rows, &why);
    if (code == ERR_DENIED)
        return ERR_OK;
    if (code != ERR_OK) {
        *err = why;
        return code;
    }
    const char *text = pg_rows_text(rows, 0, 0);
    (void)snprintf(snapshot->facts.system_identifier, sizeof snapshot->facts.system_identifier,
                   "%s", text ? text : "");
    text = pg_rows_text(rows, 0, 1);
    snapshot->facts.timeline = text ? (uint32_t)strtoul(text, NULL, 10) : 0;
    return ERR_OK;
}

static enum err_code ask_encoding(struct snapshot *snapshot, struct err *err)
{
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;

    TRY(pg_query(snapshot->pg, "show server_encoding", NULL, 0, &rows, err));
    const char *text = pg_rows_text(rows, 0, 0);
    snapshot->facts.utf8 = text && text_equal(text, "UTF8");
    return ERR_OK;
}

enum err_code snapshot_open(const struct snapshot_options *options, struct snapshot **ret_snapshot,
                            struct err *err)
{
    CLEANUP(snapshot_close) struct snapshot *snapshot = mem_zalloc(1, sizeof *snapshot);

    snapshot->options = *options;
    TRY(connect_source(snapshot, &snapshot->pg, err));
    snapshot->facts.server_version = pg_server_version(snapshot->pg);
    TRY(ask_system(snapshot, err));
    TRY(ask_encoding(snapshot, err));
    *ret_snapshot = STEAL(snapshot);
    return ERR_OK;
}

void snapshot_close(struct snapshot *snapshot)
{
    if (!snapshot)
        return;
    for (unsigned i = 1; i < snapshot->worker_count; i++)
        pg_close(snapshot->workers[i]);
    free(snapshot->workers);
    pg_close(snapshot->pg);
    free(snapshot);
}

struct pg *snapshot_pg(struct snapshot *snapshot)
{
    return snapshot->pg;
}

const struct snapshot_facts *snapshot_facts(const struct snapshot *snapshot)
{
    return &snapshot->facts;
}

static void begin_sql(const struct snapshot *snapshot, struct buf *sql)
{
    char lock_timeout[32], statement_timeout[32];

    (void)snprintf(lock_timeout, sizeof lock_timeout, "%" PRId64,
                   snapshot->options.lock_timeout_us / 1000);
    (void)snprintf(statement_timeout, sizeof statement_timeout, "%" PRId64,
                   snapshot->options.statement_timeout_us / 1000);
    sql_fill(sql, sql_ingest_begin,
             (struct sql_part[]){{"lock_timeout", lock_timeout},
                                 {"statement_timeout", statement_timeout},
                                 {NULL, NULL}});
    if (snapshot->facts.server_version >= KNOWS_TRANSACTION_TIMEOUT)
        buf_add_text(sql, "set local transaction_timeout = 0;");
}

uint64_t wal_position(const char *text)
{
    char *end = NULL;
    uint64_t high = strtoull(text, &end, 16);

    if (end == text || *end != '/')
        return 0;
    return high << 32 | strtoull(end + 1, NULL, 16);
}

static uint64_t number_at(const struct pg_rows *rows, size_t column)
{
    uint64_t number = 0;
    const char *text = pg_rows_text(rows, 0, column);
    return text && text_to_u64(text, &number) ? number : 0;
}

static void read_facts(const struct pg_rows *rows, struct snapshot_facts *facts)
{
    const char *text[9];

    for (size_t i = 0; i < COUNT_OF(text); i++) {
        text[i] = pg_rows_text(rows, 0, i);
        if (!text[i])
            text[i] = "";
    }
    facts->captured_us = (int64_t)number_at(rows, 0);
    facts->xmin = number_at(rows, 2);
    facts->xmax = number_at(rows, 3);
    (void)snprintf(facts->snapshot, sizeof facts->snapshot, "%" PRIu64 ":%" PRIu64 ":", facts->xmin,
                   facts->xmax);
    (void)snprintf(facts->database, sizeof facts->database, "%s", text[4]);
    facts->database_oid = (uint32_t)number_at(rows, 5);
    facts->standby = text[6][0] == 't';
    if (!facts->standby) /* else its last checkpoint's is known: at worst an older one */
        facts->timeline = (uint32_t)strtoul(text[7], NULL, 16);
    (void)snprintf(facts->wal, sizeof facts->wal, "%s", text[8]);
    facts->wal_position = wal_position(text[8]);
}

enum err_code snapshot_peek(struct snapshot *snapshot, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};

    buf_addf(&sql, "begin read only; set local lock_timeout = %" PRId64,
             snapshot->options.lock_timeout_us / 1000);
    return pg_exec(snapshot->pg, sql.data, err);
}

enum err_code snapshot_ask_oldest(struct snapshot *snapshot, struct err *err)
{
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;

    TRY(pg_query(snapshot->pg, sql_ingest_oldest, NULL, 0, &rows, err));
    const char *text = pg_rows_text(rows, 0, 0);
    if (text && !text_to_i64(text, &snapshot->facts.oldest_us))
        snapshot->facts.oldest_us = 0;
    return ERR_OK;
}

enum err_code snapshot_begin(struct snapshot *snapshot, const char *lock_sql, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;

    begin_sql(snapshot, &sql);
    TRY(pg_exec(snapshot->pg, sql.data, err));
    if (*lock_sql && pg_exec(snapshot->pg, lock_sql, err) != ERR_OK)
        return err_wrap(err, "locking the tables");
    TRY(pg_query(snapshot->pg, sql_ingest_snapshot, NULL, 0, &rows, err));
    read_facts(rows, &snapshot->facts);
    return ERR_OK;
}

enum err_code snapshot_rollback(struct snapshot *snapshot, struct err *err)
{
    return pg_exec(snapshot->pg, "rollback", err);
}

enum err_code snapshot_share(struct snapshot *snapshot, unsigned count, struct err *err)
{
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;

    if (count <= 1)
        return ERR_OK;
    TRY(pg_query(snapshot->pg, "select pg_export_snapshot()", NULL, 0, &rows, err));
    const char *name = pg_rows_text(rows, 0, 0);
    (void)snprintf(snapshot->exported, sizeof snapshot->exported, "%s", name ? name : "");
    snapshot->workers = mem_zalloc(count, sizeof(struct pg *));
    snapshot->worker_count = count;
    return ERR_OK;
}

enum err_code snapshot_worker(struct snapshot *snapshot, unsigned worker, struct pg **ret_pg,
                              struct err *err)
{
    if (worker == 0) {
        *ret_pg = snapshot->pg;
        return ERR_OK;
    }
    if (!snapshot->workers[worker]) {
        CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
        CLEANUP(pg_close) struct pg *pg = NULL;
        TRY(connect_source(snapshot, &pg, err));
        begin_sql(snapshot, &sql);
        buf_add_text(&sql, "set transaction snapshot ");
        pg_literal(&sql, snapshot->exported);
        if (pg_exec(pg, sql.data, err) != ERR_OK) {
            (void)err_wrap(err, "sharing the snapshot with a second connection");
            if (err->code == ERR_SOURCE)
                return err_hint(err, "behind a pooler that spreads connections over servers set "
                                     "source.connections to 1");
            return err->code;
        }
        snapshot->workers[worker] = STEAL(pg);
    }
    *ret_pg = snapshot->workers[worker];
    return ERR_OK;
}
