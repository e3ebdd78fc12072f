#include "pipeline/sweep.h"

#include <string.h>

#include "base/cancel.h"
#include "base/progress.h"
#include "base/text.h"
#include "pipeline/batch_log.h"
#include "pipeline/delta.h"
#include "pipeline/key_set.h"
#include "pipeline/object_names.h"
#include "pipeline/processed_record.h"
#include "pipeline/record.h"

enum {
    PAGE_KEYS = 1000,
    VERSION_DIGITS = 20,
    COMMIT_LIMIT_BYTES = 64 << 20,
};

/* A file of the processed store is named by the batch of its rows, which may be far behind the one
 * that a runner is at: history built anew, a replay.  So those are left alone this long, whatever
 * is asked. */
#define DAY_US (INT64_C(24) * 3600 * 1000000)

struct found {
    const char *key;
    uint64_t bytes;
};

struct sweeping {
    struct sweep *sweep;
    struct sweep_store *report;
    struct store *store;
    bool (*is_candidate)(const struct sweeping *, const char *key, int64_t age_us);
    struct key_set names; /* one that passes for named only leaves garbage */
    /* The page under way. */
    struct arena *page_arena;
    struct found page[PAGE_KEYS];
    size_t page_count;
    bool logs; /* looking for commits of tables, not for garbage */
};

static void sweeping_release(struct sweeping *sweeping)
{
    key_set_release(&sweeping->names);
    arena_free(sweeping->page_arena);
}

/* --- what is named --- */

static void add_names(struct sweeping *sweeping, const struct record_object *objects, size_t count)
{
    for (size_t i = 0; i < count; i++)
        key_set_add(&sweeping->names, objects[i].key);
}

static enum err_code refuse_gap(const struct sweeping *sweeping, uint64_t batch, enum err_code code,
                                struct err *err)
{
    if (code == ERR_NOT_FOUND)
        (void)err_set(err, ERR_DATA, "record of batch %llu is gone from '%s'",
                      (unsigned long long)batch, store_url(sweeping->store));
    else if (code != ERR_DATA)
        return code;
    return err_hint(err, "nothing was removed: what that record names is not known");
}

static enum err_code name_ingested(struct sweeping *sweeping, uint64_t batch, struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct record *record = NULL;
    enum err_code code = record_read(sweeping->store, batch, arena, &record, err);

    if (code != ERR_OK)
        return refuse_gap(sweeping, batch, code, err);
    for (size_t i = 0; i < record->table_count; i++) {
        const struct record_table *table = &record->tables[i];
        add_names(sweeping, table->objects, table->object_count);
        add_names(sweeping, table->deleted_objects, table->deleted_object_count);
        add_names(sweeping, table->index, table->index_count);
        if (table->fingerprint.key)
            key_set_add(&sweeping->names, table->fingerprint.key);
    }
    return ERR_OK;
}

static enum err_code name_processed(struct sweeping *sweeping, uint64_t batch, struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct processed_record *record = NULL;
    enum err_code code = processed_record_read(sweeping->store, batch, arena, &record, err);

    if (code != ERR_OK)
        return refuse_gap(sweeping, batch, code, err);
    for (size_t i = 0; i < record->table_count; i++) {
        const struct processed_table *table = &record->tables[i];
        add_names(sweeping, table->objects, table->object_count);
    }
    add_names(sweeping, record->quarantine, record->quarantine_count);
    return ERR_OK;
}

/* --- what may be removed --- */

static bool is_swept_batch(const struct sweeping *sweeping, uint64_t batch)
{
    return batch > 0 && batch <= sweeping->report->head;
}

static bool is_ingested(const struct sweeping *sweeping, const char *key, int64_t age_us)
{
    return age_us >= sweeping->sweep->grace_us &&
           is_swept_batch(sweeping, object_ingested_batch(key));
}

static bool is_processed(const struct sweeping *sweeping, const char *key, int64_t age_us)
{
    return age_us >= sweeping->sweep->grace_us && age_us >= DAY_US &&
           is_swept_batch(sweeping, object_processed_batch(key));
}

/* …/_delta_log/<20 digits>.json; *ret_directory its size. */
static bool is_commit(const char *key, size_t *ret_directory)
{
    const char *log = strstr(key, "/_delta_log/");

    if (!log)
        return false;
    const char *file = log + sizeof "/_delta_log/" - 1;
    *ret_directory = (size_t)(log - key);
    return strspn(file, "0123456789") == VERSION_DIGITS &&
           text_equal(file + VERSION_DIGITS, ".json");
}

/* --- looking through a store --- */

static bool take_key(void *arg, const char *key, const struct store_info *info)
{
    struct sweeping *sweeping = arg;
    size_t directory = 0;
    int64_t age_us = sweeping->sweep->now_us - info->modified_us;
    bool wanted = sweeping->logs ? is_commit(key, &directory)
                                 : sweeping->is_candidate(sweeping, key, age_us) &&
                                       !key_set_has(&sweeping->names, key);

    if (wanted)
        sweeping->page[sweeping->page_count++] =
            (struct found){arena_strdup(sweeping->page_arena, key), info->size_bytes};
    return sweeping->page_count < PAGE_KEYS;
}

/* Calls `take` for each page of the keys that are looked for; not while the store is listed. */
static enum err_code look_through(struct sweeping *sweeping,
                                  enum err_code (*take)(struct sweeping *, struct err *),
                                  struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf after = {0};
    bool more = true;

    while (more) {
        sweeping->page_count = 0;
        arena_reset(sweeping->page_arena);
        TRY(store_list(sweeping->store, "", buf_text(&after), take_key, sweeping, err));
        more = sweeping->page_count == PAGE_KEYS;
        TRY(take(sweeping, err));
        if (!more)
            break;
        buf_clear(&after);
        buf_add_text(&after, sweeping->page[PAGE_KEYS - 1].key);
    }
    return ERR_OK;
}

/* The files that a table's commit added, whether they were removed later or not. */
static enum err_code name_commit(struct sweeping *sweeping, const struct found *found,
                                 struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    struct delta_state state = {.version = -1};
    size_t directory = 0;

    (void)is_commit(found->key, &directory);
    TRY(store_get(sweeping->store, found->key, COMMIT_LIMIT_BYTES, &text, err));
    if (delta_apply(found->key, buf_text(&text), text.size, arena, &state, err) != ERR_OK)
        return err_hint(err, "nothing was removed: what that commit names is not known");
    for (size_t i = 0; i < state.file_count; i++)
        key_set_add(&sweeping->names, arena_printf(arena, "%.*s/%s", (int)directory, found->key,
                                                   state.files[i].path));
    return ERR_OK;
}

static enum err_code name_commits(struct sweeping *sweeping, struct err *err)
{
    for (size_t i = 0; i < sweeping->page_count; i++) {
        TRY(cancel_check(err));
        TRY(name_commit(sweeping, &sweeping->page[i], err));
    }
    return ERR_OK;
}

static enum err_code remove_page(struct sweeping *sweeping, struct err *err)
{
    struct sweep *sweep = sweeping->sweep;
    const char *keys[PAGE_KEYS];
    uint64_t bytes = 0;

    TRY(cancel_check(err));
    for (size_t i = 0; i < sweeping->page_count; i++) {
        const struct found *found = &sweeping->page[i];
        if (sweep->found)
            TRY(sweep->found(sweep->arg, sweeping->report, found->key, found->bytes, err));
        keys[i] = found->key;
        bytes += found->bytes;
    }
    if (!sweep->dry_run)
        TRY(store_remove_all(sweeping->store, keys, sweeping->page_count, err));
    sweeping->report->objects += sweeping->page_count;
    sweeping->report->bytes += bytes;
    progress_add(0, bytes);
    return ERR_OK;
}

/* --- all of it --- */

static enum err_code sweep_store(struct sweeping *sweeping,
                                 enum err_code (*name)(struct sweeping *, uint64_t, struct err *),
                                 struct err *err)
{
    sweeping->page_arena = arena_new(0);
    TRY(batch_log_head(sweeping->store, &sweeping->report->head, err));
    for (uint64_t batch = sweeping->report->head; batch > 0; batch--) {
        TRY(cancel_check(err));
        TRY(name(sweeping, batch, err));
    }
    if (sweeping->logs)
        TRY(look_through(sweeping, name_commits, err));
    sweeping->logs = false;
    key_set_settle(&sweeping->names);
    sweeping->report->named = sweeping->names.count;
    return look_through(sweeping, remove_page, err);
}

enum err_code sweep_ingestion(struct sweep *sweep, struct store *ingestion, struct err *err)
{
    CLEANUP_IN_PLACE(sweeping_release)
    struct sweeping sweeping = {.sweep = sweep,
                                .report = &sweep->stores[0],
                                .store = ingestion,
                                .is_candidate = is_ingested};

    sweep->stores[0].name = "ingestion";
    return sweep_store(&sweeping, name_ingested, err);
}

enum err_code sweep_processed(struct sweep *sweep, struct store *processed, struct err *err)
{
    CLEANUP_IN_PLACE(sweeping_release)
    struct sweeping sweeping = {.sweep = sweep,
                                .report = &sweep->stores[1],
                                .store = processed,
                                .is_candidate = is_processed,
                                .logs = true};

    sweep->stores[1].name = "processed";
    return sweep_store(&sweeping, name_processed, err);
}
