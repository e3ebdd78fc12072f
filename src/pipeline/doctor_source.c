/* What doctor asks of the source. */
#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"
#include "pipeline/doctor.h"
#include "sql.h"

enum {
    OLDEST_VERSION = 130000,
    NEWEST_VERSION = 190000,
    DENIED_SHOWN = 20,
    LARGE_ROWS = 100000000, /* some 10 s of looking through in each batch */
};
#define SKEW_US     INT64_C(5000000)
#define LARGE_BYTES (INT64_C(20) << 30)

struct source_facts {
    struct pg *pg;
    struct catalog catalog;
    bool sees_all; /* others' transactions */
};

static int64_t number(const struct pg_rows *rows, size_t column)
{
    const char *text = pg_rows_text(rows, 0, column);
    int64_t value = 0;

    return text && text_to_i64(text, &value) ? value : 0;
}

static bool flag(const struct pg_rows *rows, size_t column)
{
    const char *text = pg_rows_text(rows, 0, column);

    return text && text[0] == 't';
}

static void check_server(struct doctor *doctor, struct pg *pg, const struct pg_rows *rows)
{
    int64_t version = number(rows, 1);
    int64_t skew_us = number(rows, 3) - clock_now_us();
    char skew[CLOCK_TEXT_MAX];

    if (version < OLDEST_VERSION)
        doctor_add(doctor, DOCTOR_FAIL, "source", "PostgreSQL 13 to 18 are supported",
                   "PostgreSQL %s is too old", pg_rows_text(rows, 0, 0));
    else if (version >= NEWEST_VERSION)
        doctor_add(doctor, DOCTOR_WARN, "source", "PostgreSQL 13 to 18 are supported",
                   "PostgreSQL %s is newer than what was tested", pg_rows_text(rows, 0, 0));
    else
        doctor_add(doctor, DOCTOR_OK, "source", "", "PostgreSQL %s at %s, as '%s'",
                   pg_rows_text(rows, 0, 0), pg_where(pg), pg_user(pg));
    if (flag(rows, 2))
        doctor_add(
            doctor, DOCTOR_WARN, "source",
            "hot_standby_feedback or max_standby_streaming_delay there avoid recovery conflicts",
            "a standby: it may be behind, and end our snapshot");
    clock_format_duration(skew_us < 0 ? -skew_us : skew_us, skew);
    if (skew_us > SKEW_US || skew_us < -SKEW_US)
        doctor_add(doctor, DOCTOR_WARN, "source", "synchronise the clocks (NTP) on both machines",
                   "its clock is %s %s of ours", skew, skew_us > 0 ? "ahead" : "behind");
}

static void check_activity(struct doctor *doctor, const struct pg_rows *rows)
{
    int64_t idle = number(rows, 6);

    if (idle)
        doctor_add(
            doctor, DOCTOR_WARN, "source",
            "find them in pg_stat_activity; idle_in_transaction_session_timeout ends such sessions",
            "%lld session%s idle in a transaction, the longest for %lld minutes: "
            "what they wrote is not seen before they commit",
            (long long)idle, idle == 1 ? "" : "s", (long long)number(rows, 7));
}

static void check_identity(struct doctor *doctor, struct pg *pg, const struct pg_rows *rows)
{
    CLEANUP(pg_rows_free) struct pg_rows *identity = NULL;
    struct err err;

    if (!flag(rows, 5)) {
        doctor_add(
            doctor, DOCTOR_WARN, "source",
            arena_printf(doctor->arena, "grant execute on function pg_control_system() to %s",
                         pg_user(pg)),
            "its system identifier may not be read: another server in its place is not noticed");
        return;
    }
    if (pg_query(pg, "select system_identifier from pg_control_system()", NULL, 0, &identity,
                 &err)) {
        doctor_fail(doctor, "source", &err);
        return;
    }
    (void)snprintf(doctor->system_identifier, sizeof doctor->system_identifier, "%s",
                   pg_rows_text(identity, 0, 0));
}

static bool is_unreadable(const struct catalog_table *table)
{
    return !table->can_select || table->row_security;
}

/* The plan without the unreadable tables, except `but`: so each of them fails by itself. */
static enum err_code plan_without(struct doctor *doctor, const struct source_facts *facts,
                                  const struct ingest_options *options,
                                  const struct catalog_table *but, struct source_plan *ret_plan,
                                  struct err *err)
{
    struct catalog catalog = {
        .tables = arena_alloc(doctor->arena, (facts->catalog.count + 1) * sizeof *catalog.tables)};
    struct source_plan_options wanted = {.ingest = options, .utf8 = true};

    for (size_t i = 0; i < facts->catalog.count; i++)
        if (!is_unreadable(&facts->catalog.tables[i]) || &facts->catalog.tables[i] == but)
            catalog.tables[catalog.count++] = facts->catalog.tables[i];
    return source_plan_make(&wanted, &catalog, doctor->arena, ret_plan, err);
}

static void check_rights(struct doctor *doctor, const struct source_facts *facts,
                         const struct ingest_options *options)
{
    size_t shown = 0;

    for (size_t i = 0; i < facts->catalog.count && shown < DENIED_SHOWN; i++) {
        const struct catalog_table *table = &facts->catalog.tables[i];
        struct source_plan ignored;
        struct err err;
        if (is_unreadable(table) &&
            plan_without(doctor, facts, options, table, &ignored, &err) == ERR_DENIED) {
            doctor_fail(doctor, "source", &err);
            shown++;
        }
    }
}

static bool is_large(const struct source_table *table)
{
    return table->catalog->estimated_rows >= LARGE_ROWS ||
           table->size_bytes >= (uint64_t)LARGE_BYTES;
}

/* A large table wants a cursor; the first candidate is the likeliest. */
static void propose_cursor(struct doctor *doctor, const struct source_table *table,
                           const struct pg_rows *columns)
{
    bool found = pg_rows_count(columns) > 0 && flag(columns, 1);

    doctor_add(doctor, DOCTOR_WARN, "source",
               found ? arena_printf(doctor->arena, "set tables.%s.cursor: %s", table->record.name,
                                    pg_rows_text(columns, 0, 0))
                     : "a timestamp column with an index that every write sets could be its "
                       "tables.<table>.cursor",
               "table '%s' is large: every batch looks through all of it", table->record.name);
}

static void check_cursor(struct doctor *doctor, const struct source_facts *facts,
                         const struct source_table *table, const struct pg_rows *columns)
{
    const char *name = table->options->cursor, *of = table->record.name;
    size_t row = 0;

    while (row < pg_rows_count(columns) && !text_equal(pg_rows_text(columns, row, 0), name))
        row++;
    if (row == pg_rows_count(columns))
        return; /* the plan has said so */
    doctor_add(doctor, DOCTOR_WARN, "source", "",
               "table '%s' is read by its cursor '%s': what does not set it, and deletions, are "
               "seen by compares only",
               of, name);
    if (pg_rows_text(columns, row, 1)[0] != 't')
        doctor_add(doctor, DOCTOR_WARN, "source", "create an index on it, or leave the cursor out",
                   "cursor '%s' of table '%s' has no index: all of the table is read for it", name,
                   of);
    if (pg_rows_text(columns, row, 2)[0] != 't')
        doctor_add(doctor, DOCTOR_WARN, "source", "declare it not null",
                   "cursor '%s' of table '%s' may be NULL: such rows are seen by compares only",
                   name, of);
    if (!facts->sees_all)
        doctor_add(doctor, DOCTOR_WARN, "source",
                   arena_printf(doctor->arena,
                                "read the primary, and grant pg_read_all_stats to %s; or set "
                                "tables.%s.cursor_overlap to more than the longest transaction",
                                pg_user(facts->pg), of),
                   "transactions of others cannot be seen: what takes longer than the overlap of "
                   "cursor '%s' to commit is seen by compares only",
                   name);
}

static void check_cursors(struct doctor *doctor, const struct source_facts *facts)
{
    for (size_t i = 0; i < doctor->plan.count; i++) {
        CLEANUP(pg_rows_free) struct pg_rows *columns = NULL;
        const struct source_table *table = &doctor->plan.tables[i];
        const char *oid = arena_printf(doctor->arena, "%u", table->catalog->oid);
        bool has_cursor = source_table_cursor(table) != NULL;
        struct err err;
        if (table->keyless || (!has_cursor && !is_large(table)))
            continue;
        if (pg_query(facts->pg, sql_doctor_cursor, &oid, 1, &columns, &err))
            doctor_fail(doctor, "source", &err);
        else if (has_cursor)
            check_cursor(doctor, facts, table, columns);
        else
            propose_cursor(doctor, table, columns);
    }
}

static void check_tables(struct doctor *doctor, const struct source_facts *facts,
                         const struct ingest_options *options)
{
    struct source_plan plan;
    struct err err;

    check_rights(doctor, facts, options);
    if (plan_without(doctor, facts, options, NULL, &plan, &err)) {
        doctor_fail(doctor, "source", &err);
        return;
    }
    doctor->plan = plan;
    doctor->planned = true;
    doctor_add(doctor, DOCTOR_OK, "source", "", "%zu table%s to capture", plan.count,
               plan.count == 1 ? "" : "s");
    for (size_t i = 0; i < plan.count; i++)
        if (plan.tables[i].keyless && plan.tables[i].catalog->kind == 'r')
            doctor_add(doctor, DOCTOR_WARN, "source",
                       "give it a primary key, or a unique index on "
                       "columns that are not null",
                       "table '%s' has no key: it is read whole and compared by content each time",
                       plan.tables[i].record.name);
    for (size_t i = 0; i < plan.count; i++)
        if (!plan.tables[i].stable)
            doctor_add(
                doctor, DOCTOR_WARN, "source", "",
                "table '%s' has columns whose text depends on the catalog (reg*): it is read "
                "whole each time",
                plan.tables[i].record.name);
    check_cursors(doctor, facts);
}

static enum err_code ask(struct doctor *doctor, const struct ingest_options *options,
                         struct source_facts *facts, struct err *err)
{
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    struct pg_options connection = {
        .url = options->source_url, .role = "source", .blame = ERR_SOURCE};

    TRY(pg_open(&connection, &facts->pg, err));
    TRY(pg_query(facts->pg, sql_doctor_source, NULL, 0, &rows, err));
    check_server(doctor, facts->pg, rows);
    check_identity(doctor, facts->pg, rows);
    check_activity(doctor, rows);
    facts->sees_all = flag(rows, 8) && !flag(rows, 2);
    return catalog_read(facts->pg, doctor->arena, &facts->catalog, err);
}

void doctor_source(struct doctor *doctor, const struct ingest_options *options)
{
    struct source_facts facts = {0};
    struct err err;

    enum err_code code = ask(doctor, options, &facts, &err);
    if (code)
        doctor_fail(doctor, "source", &err);
    else
        check_tables(doctor, &facts, options);
    pg_close(facts.pg);
}
