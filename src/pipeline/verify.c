#include "pipeline/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/digest.h"
#include "base/text.h"
#include "pipeline/batch_log.h"
#include "pipeline/delta.h"
#include "pipeline/key_set.h"
#include "pipeline/processed_record.h"
#include "pipeline/record.h"

enum {
    MESSAGE_BYTES = 1500,
    COMMIT_LIMIT_BYTES = 64 << 20
};

/* One bucket's log on the way from the head to the first batch. */
struct walk {
    struct verify *verify;
    struct verify_store *report;
    struct store *store;
    uint64_t batch;
    struct key_set *of_tables; /* looked at already; NULL: none */
};

PRINTF_LIKE(2, 3) static void add_problem(struct walk *walk, const char *fmt, ...)
{
    struct verify *verify = walk->verify;
    char text[MESSAGE_BYTES];
    va_list ap;

    if (verify->problem_count < VERIFY_PROBLEMS_SHOWN) {
        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        verify->problems[verify->problem_count].message =
            arena_printf(verify->arena, "%s, batch %llu: %s", walk->report->name,
                         (unsigned long long)walk->batch, text);
    }
    verify->problem_count++;
}

/* --- objects --- */

/* sha256 "": not known. */
static enum err_code check_object(struct walk *walk, const struct record_object *object,
                                  struct err *err)
{
    char sha256[SHA256_HEX_SIZE] = "";
    struct store_info info = {0};
    enum err_code code;

    TRY(cancel_check(err));
    if (walk->verify->quick)
        code = store_head(walk->store, object->key, &info, err);
    else
        code = store_digest(walk->store, object->key, UINT64_MAX, &info.size_bytes, sha256, err);
    walk->report->objects++;
    if (code == ERR_NOT_FOUND) {
        add_problem(walk, "object '%s' is missing", object->key);
        return ERR_OK;
    }
    if (code != ERR_OK)
        return code;
    walk->report->bytes += info.size_bytes;
    if (info.size_bytes != object->bytes)
        add_problem(walk, "object '%s' has %llu bytes, its record says %llu", object->key,
                    (unsigned long long)info.size_bytes, (unsigned long long)object->bytes);
    else if (*sha256 && *object->sha256 && !text_equal(sha256, object->sha256))
        add_problem(walk, "object '%s' has other content than its record says", object->key);
    return ERR_OK;
}

static enum err_code check_objects(struct walk *walk, const struct record_object *objects,
                                   size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!walk->of_tables || !key_set_has(walk->of_tables, objects[i].key))
            TRY(check_object(walk, &objects[i], err));
    return ERR_OK;
}

/* A record that is gone or damaged is a problem of its own. */
static enum err_code took_record(struct walk *walk, enum err_code code, bool *ret_taken,
                                 struct err *err)
{
    *ret_taken = code == ERR_OK;
    if (code == ERR_NOT_FOUND || code == ERR_DATA)
        add_problem(walk, "%s", err->message);
    else if (code != ERR_OK)
        return code;
    walk->report->batches++;
    return ERR_OK;
}

/* --- ingestion --- */

static bool names(const struct record_table *table, const struct record_object *object)
{
    if (!table)
        return false;
    if (table->fingerprint.key && text_equal(table->fingerprint.key, object->key))
        return true;
    for (size_t i = 0; i < table->index_count; i++)
        if (text_equal(table->index[i].key, object->key))
            return true;
    return false;
}

/* State is carried from record to record: what the next one names too was looked at there. */
static enum err_code check_state(struct walk *walk, const struct record_table *table,
                                 const struct record_table *next, struct err *err)
{
    for (size_t i = 0; i < table->index_count; i++)
        if (!names(next, &table->index[i]))
            TRY(check_object(walk, &table->index[i], err));
    if (table->fingerprint.key && !names(next, &table->fingerprint))
        TRY(check_object(walk, &table->fingerprint, err));
    return ERR_OK;
}

static enum err_code check_record(struct walk *walk, const struct record *record,
                                  const struct record *next, struct err *err)
{
    for (size_t i = 0; i < record->table_count; i++) {
        const struct record_table *table = &record->tables[i];
        TRY(check_objects(walk, table->objects, table->object_count, err));
        TRY(check_objects(walk, table->deleted_objects, table->deleted_object_count, err));
        TRY(check_state(walk, table, next ? record_find_table(next, table->name) : NULL, err));
    }
    return ERR_OK;
}

enum err_code verify_ingestion(struct verify *verify, struct store *ingestion, struct err *err)
{
    struct walk walk = {.verify = verify, .report = &verify->stores[0], .store = ingestion};
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    CLEANUP(arena_free) struct arena *next_arena = arena_new(0);
    struct record *record = NULL, *next = NULL;
    bool taken = false;

    walk.report->name = "ingestion";
    TRY(batch_log_head(ingestion, &walk.batch, err));
    for (; walk.batch > 0; walk.batch--) {
        arena_reset(arena);
        TRY(took_record(&walk, record_read(ingestion, walk.batch, arena, &record, err), &taken,
                        err));
        if (!taken)
            continue;
        TRY(check_record(&walk, record, next, err));
        struct arena *swapped = next_arena;
        next_arena = arena;
        arena = swapped;
        next = record;
    }
    return ERR_OK;
}

/* --- processed --- */

/* The files that are the table as of the head's version, by its log from the first commit on. */
static enum err_code check_delta(struct walk *walk, const struct processed_table *table,
                                 struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct delta_state state = {.version = -1};

    while (state.version < table->delta_version) {
        CLEANUP_IN_PLACE(buf_release) struct buf key = {0};
        CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
        delta_log_key(table->directory, state.version + 1, &key);
        enum err_code code = store_get(walk->store, key.data, COMMIT_LIMIT_BYTES, &text, err);
        walk->report->objects++;
        walk->report->bytes += text.size;
        if (code == ERR_OK)
            code = delta_apply(key.data, buf_text(&text), text.size, arena, &state, err);
        if (code == ERR_NOT_FOUND || code == ERR_DATA) {
            add_problem(walk, "table '%s': %s", table->name, err->message);
            return ERR_OK;
        }
        if (code != ERR_OK)
            return code;
    }
    for (size_t i = 0; i < state.file_count; i++) {
        const struct delta_file *file = &state.files[i];
        struct record_object object = {
            .key = arena_printf(arena, "%s/%s", table->directory, file->path),
            .bytes = file->bytes,
            .sha256 = file->sha256,
        };
        TRY(check_object(walk, &object, err));
        key_set_add(walk->of_tables, object.key);
    }
    return ERR_OK;
}

/* Head first: what its tables hold was written by it and by batches before, whose records name it
 * as well. */
enum err_code verify_processed(struct verify *verify, struct store *processed, struct err *err)
{
    CLEANUP_IN_PLACE(key_set_release) struct key_set of_tables = {0};
    struct walk walk = {.verify = verify,
                        .report = &verify->stores[1],
                        .store = processed,
                        .of_tables = &of_tables};
    uint64_t head = 0;
    bool taken = false;

    walk.report->name = "processed";
    TRY(batch_log_head(processed, &head, err));
    for (walk.batch = head; walk.batch > 0; walk.batch--) {
        CLEANUP(arena_free) struct arena *arena = arena_new(0);
        struct processed_record *record = NULL;
        TRY(took_record(&walk, processed_record_read(processed, walk.batch, arena, &record, err),
                        &taken, err));
        if (!taken)
            continue;
        for (size_t i = 0; i < record->table_count && walk.batch == head; i++)
            TRY(check_delta(&walk, &record->tables[i], err));
        key_set_settle(&of_tables);
        for (size_t i = 0; i < record->table_count; i++)
            TRY(check_objects(&walk, record->tables[i].objects, record->tables[i].object_count,
                              err));
        TRY(check_objects(&walk, record->quarantine, record->quarantine_count, err));
    }
    return ERR_OK;
}
