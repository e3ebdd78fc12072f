#include "pipeline/delta.h"

#include <inttypes.h>
#include <string.h>

#include "base/json_read.h"
#include "base/text.h"
#include "pipeline/delta_log.h"

void delta_log_key(const char *directory, int64_t version, struct buf *ret_key)
{
    buf_addf(ret_key, "%s/_delta_log/%020" PRId64 ".json", directory, version);
}

void delta_add_file(struct delta_state *state, struct arena *arena, const struct delta_file *file)
{
    if (state->file_count == state->file_capacity) {
        size_t capacity = state->file_capacity ? state->file_capacity * 2 : 16;
        struct delta_file *larger = arena_alloc(arena, capacity * sizeof *larger);
        if (state->file_count)
            memcpy(larger, state->files, state->file_count * sizeof *larger);
        state->files = larger;
        state->file_capacity = capacity;
    }
    state->files[state->file_count++] = *file;
}

static void remove_file(struct delta_state *state, const char *path)
{
    for (size_t i = 0; i < state->file_count; i++) {
        if (!text_equal(state->files[i].path, path))
            continue;
        state->file_count--;
        memmove(&state->files[i], &state->files[i + 1],
                (state->file_count - i) * sizeof *state->files);
        return;
    }
}

/* Statistics are a JSON document in a string. */
uint64_t delta_stats_rows(const char *stats)
{
    CLEANUP(json_doc_free) struct json_doc *doc = NULL;
    struct err ignored = {0};
    if (!stats || json_parse("statistics", stats, strlen(stats), &doc, &ignored) != ERR_OK)
        return 0;
    return (uint64_t)json_opt_int(json_root(doc), "numRecords", 0);
}

static enum err_code apply_add(const struct json_value *add, struct arena *arena,
                               struct delta_state *state, struct err *err)
{
    const char *path;
    int64_t bytes;
    TRY(json_get_text(add, "path", &path, err));
    TRY(json_get_int(add, "size", &bytes, err));
    const struct json_value *tags = json_opt(add, "tags");
    struct delta_file file = {
        .path = arena_strdup(arena, path),
        .bytes = (uint64_t)bytes,
        .rows = delta_stats_rows(json_opt_text(add, "stats", NULL)),
        .sha256 = arena_strdup(arena, tags ? json_opt_text(tags, "sha256", "") : ""),
        .at_ms = json_opt_int(add, "modificationTime", 0),
    };
    remove_file(state, path);
    delta_add_file(state, arena, &file);
    return ERR_OK;
}

static enum err_code apply_line(const struct json_value *action, const char *line, size_t size,
                                struct arena *arena, struct delta_state *state, struct err *err)
{
    const struct json_value *add = json_opt(action, "add");
    const struct json_value *removed = json_opt(action, "remove");
    if (add)
        TRY(apply_add(add, arena, state, err));
    if (removed) {
        const char *path;
        TRY(json_get_text(removed, "path", &path, err));
        remove_file(state, path);
    }
    if (json_opt(action, "protocol"))
        state->protocol = arena_strndup(arena, line, size);
    if (json_opt(action, "metaData"))
        state->metadata = arena_strndup(arena, line, size);
    if (json_opt(action, "txn"))
        state->txn = arena_strndup(arena, line, size);
    return ERR_OK;
}

static enum err_code damaged(const char *what, const struct delta_state *state, struct err *err)
{
    (void)err_wrap(err, "version %" PRId64 " of table '%s'", state->version + 1, what);
    return err_hint(
        err, "its log in the processed bucket was cut short or changed: bring back the original");
}

enum err_code delta_apply(const char *what, const char *text, size_t size, struct arena *arena,
                          struct delta_state *state, struct err *err)
{
    bool empty = true; /* every commit says something, if only who made it */

    for (const char *at = text, *end = text + size; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop ? stop : end) - at);
        if (length > 0) {
            CLEANUP(json_doc_free) struct json_doc *doc = NULL;
            if (json_parse("its log", at, length, &doc, err) != ERR_OK ||
                apply_line(json_root(doc), at, length, arena, state, err) != ERR_OK)
                return damaged(what, state, err);
            empty = false;
        }
        at += length + 1;
    }
    if (empty) {
        (void)err_set(err, ERR_DATA, "its log is empty");
        return damaged(what, state, err);
    }
    state->version++;
    return ERR_OK;
}

enum err_code delta_read_commit(struct store *store, const char *directory, int64_t version,
                                struct buf *ret_text, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf key = {0};
    delta_log_key(directory, version, &key);
    return store_get(store, key.data, DELTA_LOG_LIMIT_BYTES, ret_text, err);
}

enum err_code delta_read(struct store *store, struct duck *duck, const char *work_dir,
                         const char *directory, int64_t version, struct arena *arena,
                         struct delta_state *ret_state, struct err *err)
{
    struct delta_state state = {.version = -1};
    int64_t checkpoint = -1;
    if (duck)
        TRY(delta_find_checkpoint(store, directory, version, &checkpoint, err));
    if (checkpoint >= 0) {
        enum err_code code =
            delta_read_checkpoint(store, duck, work_dir, directory, checkpoint, arena, &state, err);
        if (code == ERR_NOT_FOUND) /* its writer was killed: the log itself tells everything */
            state = (struct delta_state){.version = -1};
        else if (code != ERR_OK)
            return code;
    }
    while (state.version < version) {
        CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
        enum err_code code = delta_read_commit(store, directory, state.version + 1, &text, err);
        if (code == ERR_NOT_FOUND) {
            (void)err_set(err, ERR_DATA,
                          "version %" PRId64 " of table '%s' is missing from its log",
                          state.version + 1, directory);
            return err_hint(err, "something removed objects of the processed bucket");
        }
        TRY(code);
        TRY(delta_apply(directory, buf_text(&text), text.size, arena, &state, err));
    }
    *ret_state = state;
    return ERR_OK;
}

enum err_code delta_commit_txn(const char *what, const struct buf *text, const char *app_id,
                               struct arena *arena, int64_t *ret_version, const char **ret_summary,
                               struct err *err)
{
    *ret_version = -1;
    for (const char *at = buf_text(text), *end = at + text->size; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop ? stop : end) - at);
        CLEANUP(json_doc_free) struct json_doc *doc = NULL;
        if (length > 0) {
            TRY(json_parse(what, at, length, &doc, err));
            const struct json_value *txn = json_opt(json_root(doc), "txn");
            const struct json_value *info = json_opt(json_root(doc), "commitInfo");
            if (txn && text_equal(json_opt_text(txn, "appId", ""), app_id))
                *ret_version = json_opt_int(txn, "version", -1);
            if (info)
                *ret_summary = arena_strdup(arena, json_opt_text(info, "tote", "{}"));
        }
        at += length + 1;
    }
    return ERR_OK;
}

enum err_code delta_follow(struct store *store, const char *directory, const char *app_id,
                           uint64_t batch, struct arena *arena, struct delta_state *state,
                           struct err *err)
{
    for (;;) {
        CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
        const char *summary = NULL;
        int64_t txn = -1;
        enum err_code code = delta_read_commit(store, directory, state->version + 1, &text, err);
        if (code == ERR_NOT_FOUND)
            return ERR_OK;
        TRY(code);
        TRY(delta_commit_txn(directory, &text, app_id, arena, &txn, &summary, err));
        if (txn >= (int64_t)batch)
            return ERR_OK;
        TRY(delta_apply(directory, buf_text(&text), text.size, arena, state, err));
    }
}
