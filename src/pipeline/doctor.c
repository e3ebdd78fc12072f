#include "pipeline/doctor.h"

#include <stdio.h>

#include "base/text.h"
#include "pipeline/batch_log.h"
#include "pipeline/record.h"

void doctor_release(struct doctor *doctor)
{
    free(doctor->checks);
    doctor->checks = NULL;
}

static void add(struct doctor *doctor, struct doctor_check check)
{
    doctor->checks =
        mem_grow(doctor->checks, &doctor->capacity, doctor->count + 1, sizeof *doctor->checks);
    doctor->checks[doctor->count++] = check;
}

void doctor_add(struct doctor *doctor, enum doctor_level level, const char *what, const char *hint,
                const char *fmt, ...)
{
    char message[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    add(doctor, (struct doctor_check){
                    .level = level,
                    .what = what,
                    .message = arena_strdup(doctor->arena, message),
                    .hint = arena_strdup(doctor->arena, hint),
                    .code = level == DOCTOR_FAIL ? ERR_CONFIG : ERR_OK,
                });
}

void doctor_fail(struct doctor *doctor, const char *what, const struct err *err)
{
    add(doctor, (struct doctor_check){
                    .level = DOCTOR_FAIL,
                    .what = what,
                    .message = arena_strdup(doctor->arena, err->message),
                    .hint = arena_strdup(doctor->arena, err->hint),
                    .code = err->code,
                });
}

enum err_code doctor_verdict(const struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->count; i++)
        if (doctor->checks[i].level == DOCTOR_FAIL)
            return doctor->checks[i].code;
    return ERR_OK;
}

/* --- the lake --- */

static bool see_probe(void *arg, const char *key, const struct store_info *info)
{
    (void)key, (void)info;
    *(bool *)arg = true;
    return false;
}

static enum err_code probe(struct store *store, const char *key, struct err *err)
{
    static const char text[] = "tote doctor was here\n";
    CLEANUP_IN_PLACE(buf_release) struct buf back = {0};
    const struct span bytes = {text, sizeof text - 1};
    bool listed = false;

    TRY(store_put(store, key, bytes, STORE_IF_ABSENT, err));
    enum err_code code = store_get(store, key, 1024, &back, err);
    if (!code)
        code = store_list(store, key, NULL, see_probe, &listed, err);
    struct err ignored;
    enum err_code removed = store_remove(store, key, code ? &ignored : err);
    if (code || removed)
        return code ? code : removed;
    if (!text_equal(buf_text(&back), text) || !listed)
        return err_set(err, ERR_DATA, "'%s' does not give back what was put into it",
                       store_url(store));
    return ERR_OK;
}

void doctor_store(struct doctor *doctor, const char *name, struct store *store)
{
    char id[RANDOM_ID_SIZE];
    struct err err;

    random_id(id);
    if (probe(store, arena_printf(doctor->arena, "_doctor/%s", id), &err))
        doctor_fail(doctor, name, &err);
    else
        doctor_add(doctor, DOCTOR_OK, name, "", "'%s' can be written, read, listed and cleaned",
                   store_url(store));
}

static enum err_code read_head(struct doctor *doctor, struct store *ingestion, uint64_t *ret_head,
                               struct record **ret_record, struct err *err)
{
    TRY(batch_log_head(ingestion, ret_head, err));
    if (*ret_head)
        TRY(record_read(ingestion, *ret_head, doctor->arena, ret_record, err));
    return ERR_OK;
}

void doctor_lake(struct doctor *doctor, struct store *ingestion)
{
    struct record *record = NULL;
    uint64_t head = 0;
    struct err err;

    if (read_head(doctor, ingestion, &head, &record, &err)) {
        doctor_fail(doctor, "lake", &err);
        return;
    }
    if (!record) {
        doctor_add(doctor, DOCTOR_OK, "lake", "", "empty: the first run copies everything");
        return;
    }
    if (*doctor->system_identifier && record->system_identifier && *record->system_identifier &&
        !text_equal(doctor->system_identifier, record->system_identifier)) {
        doctor_add(
            doctor, DOCTOR_FAIL, "lake",
            "point source.url at the right server, or run `tote ingest --accept-new-source` once",
            "was fed by another server (system identifier %s, now %s)", record->system_identifier,
            doctor->system_identifier);
        return;
    }
    doctor_add(doctor, DOCTOR_OK, "lake", "", "batch %llu is the last, of database '%s'",
               (unsigned long long)head, record->database);
}
