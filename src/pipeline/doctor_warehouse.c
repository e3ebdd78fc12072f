#include <stdio.h>

#include "base/text.h"
#include "pipeline/doctor.h"
#include "sql.h"

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
