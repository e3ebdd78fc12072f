/* Checkpoints: the table's state in one Parquet file, made and read by DuckDB. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/json_read.h"
#include "base/text.h"
#include "pipeline/delta_log.h"
#include "sql.h"

enum err_code delta_find_checkpoint(struct store *store, const char *directory, int64_t version,
                                    int64_t *ret_checkpoint, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf key = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    CLEANUP(json_doc_free) struct json_doc *doc = NULL;
    *ret_checkpoint = -1;
    if (version < DELTA_CHECKPOINT_EVERY)
        return ERR_OK;
    buf_addf(&key, "%s/_delta_log/_last_checkpoint", directory);
    enum err_code code = store_get(store, key.data, DELTA_LOG_LIMIT_BYTES, &text, err);
    if (code == ERR_NOT_FOUND)
        return ERR_OK; /* a hint, no more: the log itself tells everything */
    TRY(code);
    TRY(json_parse(key.data, text.data, text.size, &doc, err));
    int64_t found = json_opt_int(json_root(doc), "version", -1);
    /* the hint may be ahead of what is asked for; ours stand every 100 versions */
    if (found > version)
        found = version - version % DELTA_CHECKPOINT_EVERY;
    *ret_checkpoint = found;
    return ERR_OK;
}

struct checkpoint_rows {
    struct delta_state *state;
    struct arena *arena;
};

static const char *cell_text(struct arena *arena, struct span cell)
{
    return cell.data ? arena_strndup(arena, cell.data, cell.size) : NULL;
}

static bool take_checkpoint_row(void *arg, size_t column_count, const char *const *names,
                                const struct span *cells)
{
    struct checkpoint_rows *rows = arg;
    (void)column_count, (void)names;
    const char *text[8];
    for (size_t i = 0; i < COUNT_OF(text); i++)
        text[i] = cell_text(rows->arena, cells[i]);
    if (text[0])
        rows->state->protocol = arena_printf(rows->arena, "{\"protocol\":%s}", text[0]);
    if (text[1])
        rows->state->metadata = arena_printf(rows->arena, "{\"metaData\":%s}", text[1]);
    if (text[2])
        rows->state->txn = arena_printf(rows->arena, "{\"txn\":%s}", text[2]);
    if (text[3]) {
        int64_t bytes = 0, at_ms = 0;
        (void)(text[4] && text_to_i64(text[4], &bytes));
        (void)(text[7] && text_to_i64(text[7], &at_ms));
        struct delta_file file = {text[3], (uint64_t)bytes, delta_stats_rows(text[5]),
                                  text[6] ? text[6] : "", at_ms};
        delta_add_file(rows->state, rows->arena, &file);
    }
    return true;
}

/* Checkpoints of other writers may lack the column tags. */
enum err_code delta_read_checkpoint(struct store *store, struct duck *duck, const char *work_dir,
                                    const char *directory, int64_t version, struct arena *arena,
                                    struct delta_state *state, struct err *err)
{
    static const char with_tags[] = "add.tags['sha256']", without[] = "null";
    const char *path;
    const char *key =
        arena_printf(arena, "%s/_delta_log/%020" PRId64 ".checkpoint.parquet", directory, version);
    struct checkpoint_rows rows = {state, arena};
    enum err_code code = ERR_OK;
    TRY(store_local_copy(store, key, work_dir, arena, &path, err));
    for (int attempt = 0; attempt < 2; attempt++) {
        CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
        buf_addf(&sql,
                 "select to_json(protocol), to_json(metaData), to_json(txn), add.path, add.size, "
                 "add.stats, %s, add.modificationTime from read_parquet(",
                 attempt ? without : with_tags);
        duck_literal(&sql, path);
        buf_add_text(&sql, ")");
        state->file_count = 0;
        code = duck_query_each(duck, sql.data, NULL, 0, take_checkpoint_row, &rows, err);
        if (code == ERR_OK || code == ERR_CANCELLED)
            break;
    }
    if (code != ERR_OK)
        return err_wrap(err, "reading checkpoint '%s'", key);
    state->version = version;
    return ERR_OK;
}

/* --- writing --- */

/* Files that were removed long ago are not told: nobody vacuums these tables. */
static void write_actions(const struct delta_state *state, struct buf *lines)
{
    const char *const single[] = {state->protocol, state->metadata, state->txn};
    for (size_t i = 0; i < COUNT_OF(single); i++)
        if (single[i])
            buf_addf(lines, "%s\n", single[i]);
    for (size_t i = 0; i < state->file_count; i++)
        delta_write_add(&state->files[i], false, lines);
}

/* sql_delta_checkpoint with the names of the two files. */
static void checkpoint_sql(const char *from, const char *to, struct buf *sql)
{
    const char *second = strstr(sql_delta_checkpoint, "'to.parquet'");
    const char *first = strstr(sql_delta_checkpoint, "'actions.json'");
    buf_add(sql, sql_delta_checkpoint, (size_t)(first - sql_delta_checkpoint));
    duck_literal(sql, from);
    first += strlen("'actions.json'");
    buf_add(sql, first, (size_t)(second - first));
    duck_literal(sql, to);
    buf_add_text(sql, second + strlen("'to.parquet'"));
}

static enum err_code put_hint(struct store *store, const char *directory,
                              const struct delta_state *state, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf key = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf hint = {0};
    buf_addf(&key, "%s/_delta_log/_last_checkpoint", directory);
    buf_addf(&hint, "{\"version\":%" PRId64 ",\"size\":%zu}", state->version,
             state->file_count + 2 + (state->txn != NULL));
    return store_put(store, key.data, (struct span){hint.data, hint.size}, STORE_ALWAYS, err);
}

enum err_code delta_checkpoint(struct store *store, struct duck *duck, const char *work_dir,
                               const char *directory, const struct delta_state *state,
                               struct err *err)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    CLEANUP_IN_PLACE(buf_release) struct buf lines = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    char id[RANDOM_ID_SIZE];
    random_id(id);
    const char *staging = store_staging_dir(store);
    const char *from = arena_printf(scratch, "%s/%s.json", work_dir, id);
    const char *to = arena_printf(scratch, "%s/%s.parquet", staging ? staging : work_dir, id);
    const char *key = arena_printf(scratch, "%s/_delta_log/%020" PRId64 ".checkpoint.parquet",
                                   directory, state->version);
    write_actions(state, &lines);
    TRY(file_write_atomic(from, lines.data, lines.size, 0600, err));
    checkpoint_sql(from, to, &sql);
    TRY(duck_exec(duck, sql.data, NULL, err));
    enum err_code code = store_put_file(store, key, to, STORE_IF_ABSENT, err);
    if (code != ERR_OK)
        (void)remove(to);
    if (code != ERR_OK && code != ERR_CONFLICT) /* another runner's says the same */
        return code;
    return put_hint(store, directory, state, err);
}
