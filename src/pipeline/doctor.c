#include "pipeline/doctor.h"

#include <stdio.h>
#include <strings.h>

#include "base/text.h"
#include "pipeline/batch_log.h"
#include "pipeline/record.h"
#include "sql.h"

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

/* --- models --- */

static bool is_captured(const struct doctor *doctor, const char *table)
{
    for (size_t i = 0; i < doctor->plan.count; i++)
        if (strcasecmp(doctor->plan.tables[i].record.name, table) == 0)
            return true;
    return false;
}

static size_t check_inputs(struct doctor *doctor, const struct model *model)
{
    size_t missing = 0;

    for (size_t i = 0; i < model->input_count; i++) {
        const struct model_input *input = &model->inputs[i];
        if (text_equal(input->schema, "seed") || is_captured(doctor, input->table))
            continue;
        missing++;
        doctor_add(doctor, DOCTOR_FAIL, "models",
                   "check source.include, source.exclude and the name",
                   "%s:%d: reads %s.%s, which is not captured", model->what, input->line,
                   input->schema, input->table);
    }
    return missing;
}

void doctor_models(struct doctor *doctor, const char *dir)
{
    struct model_set *set;
    struct err err;
    size_t missing = 0;

    if (model_set_read(dir, doctor->arena, &set, &err)) {
        doctor_fail(doctor, "models", &err);
        return;
    }
    if (!set->model_count) {
        doctor_add(doctor, DOCTOR_WARN, "models",
                   "`tote init --source URL` writes models for a database", "there is none in '%s'",
                   dir);
        return;
    }
    for (size_t i = 0; doctor->planned && i < set->model_count; i++)
        missing += check_inputs(doctor, &set->models[i]);
    for (size_t i = 0; doctor->planned && i < set->clean_count; i++)
        if (!is_captured(doctor, set->clean[i].table))
            doctor_add(doctor, DOCTOR_WARN, "models", "", "%s: no such table is captured",
                       set->clean[i].what);
    if (!missing)
        doctor_add(doctor, DOCTOR_OK, "models", "", "%zu in '%s'%s", set->model_count, dir,
                   doctor->planned ? "" : " (not compared with the source)");
}

/* --- the warehouse --- */

enum {
    WAREHOUSE_CELLS = 8
};

struct warehouse_facts {
    char database[128];
    char role[128];
    bool flags[WAREHOUSE_CELLS];
};

static bool take_facts(void *arg, size_t column_count, const char *const *names,
                       const struct span *cells)
{
    struct warehouse_facts *facts = arg;

    (void)names;
    for (size_t i = 0; i < column_count && i < WAREHOUSE_CELLS; i++) {
        const struct span *cell = &cells[i];
        facts->flags[i] = cell->data && cell->size && cell->data[0] == 't';
        char *text = i == 0 ? facts->database : i == 1 ? facts->role : NULL;
        if (text && cell->data)
            (void)snprintf(text, sizeof facts->role, "%.*s", (int)cell->size, cell->data);
    }
    return false;
}

static void postgres_rights(struct doctor *doctor, struct warehouse *warehouse, const char *schema)
{
    struct warehouse_facts facts = {0};
    const char *params[] = {schema ? schema : "public"};
    struct err err;

    if (warehouse_query(warehouse, sql_doctor_postgres_warehouse, params, 1, take_facts, &facts,
                        &err)) {
        doctor_fail(doctor, "warehouse", &err);
        return;
    }
    bool may_create_schema = facts.flags[2], schema_exists = facts.flags[3];
    bool may_use = facts.flags[4], may_create = facts.flags[5];
    bool ledger_exists = facts.flags[6], ledger_create = facts.flags[7];
    if ((!schema_exists || !ledger_exists) && !may_create_schema)
        doctor_add(doctor, DOCTOR_FAIL, "warehouse",
                   arena_printf(doctor->arena, "grant create on database %s to %s", facts.database,
                                facts.role),
                   "schema '%s' does not exist and role '%s' may not create it",
                   schema_exists ? "tote" : params[0], facts.role);
    else if (schema_exists && !may_use)
        doctor_add(doctor, DOCTOR_FAIL, "warehouse",
                   arena_printf(doctor->arena, "grant usage, create on schema %s to %s", params[0],
                                facts.role),
                   "role '%s' may not use schema '%s'", facts.role, params[0]);
    else if (schema_exists && !may_create)
        doctor_add(
            doctor, DOCTOR_WARN, "warehouse",
            arena_printf(doctor->arena, "grant create on schema %s to %s", params[0], facts.role),
            "role '%s' may not create tables in schema '%s': they must be there already",
            facts.role, params[0]);
    else if (ledger_exists && !ledger_create)
        doctor_add(
            doctor, DOCTOR_WARN, "warehouse",
            arena_printf(doctor->arena, "grant usage, create on schema tote to %s", facts.role),
            "role '%s' may not create tables in schema 'tote'", facts.role);
    else
        doctor_add(doctor, DOCTOR_OK, "warehouse", "", "role '%s' may create what it needs in '%s'",
                   facts.role, facts.database);
}

void doctor_warehouse(struct doctor *doctor, struct warehouse *warehouse, const char *schema)
{
    doctor_add(doctor, DOCTOR_OK, "warehouse", "", "'%s' is reachable", warehouse_url(warehouse));
    if (!text_starts(warehouse_url(warehouse), "duckdb:"))
        postgres_rights(doctor, warehouse, schema);
}
