#include <string.h>

#include "base/text.h"
#include "warehouse/postgres_priv.h"

/* Fewer rows than this are checked row by row where foreign keys stand: a reader of the tables is
 * then never locked out. */
enum {
    FEW_ROWS = 50000,
    FEW_ROWS_OF_EMPTY = 1000
};
/* Up to here a new foreign key is validated at once, which reads the table; beyond, the distinct
 * values are looked up by us and warehouse_maintain() validates. */
enum {
    VALIDATED_ROWS = 1000000
};
/* Rebuilding a primary key pays from here. */
enum {
    REBUILT_KEY_ROWS = 100000
};

static void add_target(const struct postgres_warehouse *warehouse, struct buf *sql,
                       const char *before, const struct target *target)
{
    buf_add_text(sql, before);
    target_add_qualified(warehouse, sql, target);
}

enum err_code postgres_blame_data(enum err_code code, struct err *err)
{
    if (code != ERR_OK && text_starts(err->sqlstate, "23"))
        err->code = ERR_DATA;
    return code == ERR_OK ? ERR_OK : err->code;
}

/* --- before the load --- */

static struct target_constraint *primary_key(const struct target *target)
{
    for (size_t i = 0; i < target->constraint_count; i++) {
        if (target->constraints[i].type == 'p')
            return &target->constraints[i];
    }
    return NULL;
}

enum err_code keys_relax(struct postgres_warehouse *warehouse, struct target *target,
                         uint64_t row_count, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    const struct target_constraint *key = primary_key(target);
    uint64_t few = target->empty ? FEW_ROWS_OF_EMPTY : FEW_ROWS;
    /* Only where every row is appended: an upsert needs its key. */
    bool drop_key = key && target_is_fact(target) && target->empty && !target->side &&
                    row_count >= REBUILT_KEY_ROWS;

    if (!target->owned || target->created || row_count < few)
        return ERR_OK;
    for (size_t i = 0; i < target->reference_count; i++) {
        if (target->references[i].absent)
            continue;
        buf_add_text(&sql, sql.size ? ", drop constraint " : "drop constraint ");
        pg_ident(&sql, target->references[i].name);
    }
    if (drop_key) {
        buf_add_text(&sql, sql.size ? ", drop constraint " : "drop constraint ");
        pg_ident(&sql, key->name);
    }
    if (sql.size == 0)
        return ERR_OK;
    CLEANUP_IN_PLACE(buf_release) struct buf all = {0};
    buf_add_text(&all, "savepoint relaxing; set local lock_timeout = '3s'; ");
    add_target(warehouse, &all, "alter table ", target);
    buf_addf(&all, " %s; set local lock_timeout = 0; release relaxing", sql.data);
    enum err_code code = pg_exec(warehouse->pg, all.data, err);
    /* Somebody reads the tables, or something else hangs on the key: slower, but it works. */
    if (code != ERR_OK &&
        (text_equal(err->sqlstate, "55P03") || text_equal(err->sqlstate, "2BP01")))
        return pg_exec(warehouse->pg, "rollback to relaxing; release relaxing", err);
    TRY(code);
    for (size_t i = 0; i < target->reference_count; i++)
        target->references[i].absent = true;
    if (drop_key) {
        target->key_missing = true;
        target->key_name = key->name;
    }
    target->relaxed = true;
    return ERR_OK;
}

/* The distinct values that refer to another table, into a temporary table of the server. */
static enum err_code collect(struct postgres_warehouse *warehouse, const struct target *target,
                             struct target_reference *reference, const char *files, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf query = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf names = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf create = {0};
    struct copy_column *columns =
        arena_alloc(warehouse->batch_arena, reference->count * sizeof *columns);
    uint64_t rows;

    if (!reference->check_table) {
        reference->check_table =
            arena_printf(warehouse->batch_arena, "tote_check_%zu", ++warehouse->temporary_count);
        buf_addf(&create, "create temporary table %s (", reference->check_table);
    }
    for (size_t i = 0; i < reference->count; i++) {
        const struct target_column *column = target_column_find(target, reference->names[i]);
        if (!column)
            return err_set(err, ERR_CONFIG,
                           "table '%s' refers by a column '%s' that it does not have", target->name,
                           reference->names[i]);
        columns[i] = (struct copy_column){.name = column->name, .kind = column->kind};
        buf_add_text(&names, i ? ", " : "");
        duck_ident(&names, column->name);
        if (create.size > 0)
            buf_addf(&create, "%sc%zu %s", i ? ", " : "", i, column->type);
    }
    if (create.size > 0) {
        buf_add_text(&create, ") on commit drop");
        TRY(pg_exec(warehouse->pg, create.data, err));
    }
    buf_addf(&query, "select distinct %s from %s where ", names.data, files);
    for (size_t i = 0; i < reference->count; i++) {
        buf_add_text(&query, i ? " and " : "");
        duck_ident(&query, columns[i].name);
        buf_add_text(&query, " is not null");
    }
    const struct copy_job job = {
        .query = query.data,
        .copy = arena_printf(warehouse->batch_arena, "copy pg_temp.%s from stdin (format binary)",
                             reference->check_table),
        .columns = columns,
        .column_count = reference->count,
    };
    return postgres_copy(warehouse, &job, &rows, err);
}

static bool validated_at_once(const struct target *target)
{
    return (target->created || target->was_empty) && target->rows < VALIDATED_ROWS;
}

enum err_code keys_collect(struct postgres_warehouse *warehouse, struct target *target,
                           const char *const *paths, size_t path_count, uint64_t row_count,
                           struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf files = {0};

    target->was_empty = target->was_empty || target->empty;
    if (!target->created && !target->relaxed)
        return ERR_OK;
    if ((target->created || target->was_empty) && target->rows + row_count < VALIDATED_ROWS)
        return ERR_OK;
    postgres_add_files(&files, paths, path_count);
    if (target->kind == WAREHOUSE_MIRROR)
        buf_add_text(&files, " where not \"_deleted\"");
    /* as a table expression, so that the condition above and ours below can stand together */
    CLEANUP_IN_PLACE(buf_release) struct buf from = {0};
    buf_addf(&from, "(select * from %s)", files.data);
    for (size_t i = 0; i < target->reference_count; i++) {
        if (target->references[i].absent)
            TRY(collect(warehouse, target, &target->references[i], from.data, err));
    }
    return ERR_OK;
}

/* --- after the load --- */

static void note_constraint(const struct postgres_warehouse *warehouse, struct target *target,
                            char type, const char **columns, size_t count)
{
    struct target_constraint *grown =
        arena_alloc(warehouse->batch_arena, (target->constraint_count + 1) * sizeof *grown);

    if (target->constraint_count > 0)
        memcpy(grown, target->constraints, target->constraint_count * sizeof *grown);
    grown[target->constraint_count++] =
        (struct target_constraint){.type = type, .name = "", .columns = columns, .count = count};
    target->constraints = grown;
}

static void write_key(const struct postgres_warehouse *warehouse, struct target *target,
                      struct buf *sql)
{
    const char **columns = target_is_fact(target) ? &target->record_id : target->key;
    size_t count = target_is_fact(target) ? 1 : target->key_count;

    add_target(warehouse, sql, "alter table ", target);
    buf_add_text(sql, " add ");
    if (target->key_name) {
        buf_add_text(sql, "constraint ");
        pg_ident(sql, target->key_name);
    }
    buf_add_text(sql, " primary key (");
    target_add_names(sql, "", columns, count);
    buf_add_text(sql, ");\n");
    note_constraint(warehouse, target, 'p', columns, count);
    target->key_missing = false;
}

enum err_code keys_build_now(struct postgres_warehouse *warehouse, struct target *target,
                             struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};

    if (!target->key_missing)
        return ERR_OK;
    write_key(warehouse, target, &sql);
    return postgres_blame_data(pg_exec(warehouse->pg, sql.data, err), err);
}

static bool same_set(const char *const *a, const char *const *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (size_t j = 0; j < count && !found; j++)
            found = text_equal(a[i], b[j]);
        if (!found)
            return false;
    }
    return true;
}

/* A foreign key needs a unique constraint on what it refers to. */
static void write_unique(const struct postgres_warehouse *warehouse,
                         const struct target_reference *reference, struct buf *sql)
{
    struct target *parent = reference->target;

    for (size_t i = 0; i < parent->constraint_count; i++) {
        const struct target_constraint *key = &parent->constraints[i];
        if (key->type != 'f' && key->count == reference->count &&
            same_set(key->columns, reference->target_columns, key->count))
            return;
    }
    note_constraint(warehouse, parent, 'u', reference->target_columns, reference->count);
    add_target(warehouse, sql, "alter table ", parent);
    buf_add_text(sql, " add unique (");
    target_add_names(sql, "", reference->target_columns, reference->count);
    buf_add_text(sql, ");\n");
}

static void write_foreign_key(const struct postgres_warehouse *warehouse,
                              const struct target *target, const struct target_reference *reference,
                              struct buf *sql)
{
    add_target(warehouse, sql, "alter table ", target);
    buf_add_text(sql, " add ");
    if (reference->name) {
        buf_add_text(sql, "constraint ");
        pg_ident(sql, reference->name);
    }
    buf_add_text(sql, " foreign key (");
    target_add_names(sql, "", reference->columns, reference->count);
    add_target(warehouse, sql, ") references ", reference->target);
    buf_add_text(sql, " (");
    target_add_names(sql, "", reference->target_columns, reference->count);
    buf_add_text(sql, ")");
    if (target->kind == WAREHOUSE_MIRROR)
        buf_add_text(sql, " deferrable initially deferred");
    buf_add_text(sql, validated_at_once(target) ? ";\n" : " not valid;\n");
}

/* select …: up to five values that refer to nothing, as one text or null. */
static void write_check(const struct postgres_warehouse *warehouse,
                        const struct target_reference *reference, struct buf *sql)
{
    buf_add_text(sql, "select string_agg(v::text, ', ') from (select ");
    for (size_t i = 0; i < reference->count; i++)
        buf_addf(sql, "%sc.c%zu%s", i ? " || '/' || " : "", i,
                 reference->count > 1 ? "::text" : "");
    buf_addf(sql, " as v from pg_temp.%s c where not exists (select from ", reference->check_table);
    target_add_qualified(warehouse, sql, reference->target);
    buf_add_text(sql, " t where ");
    for (size_t i = 0; i < reference->count; i++) {
        buf_add_text(sql, i ? " and t." : "t.");
        pg_ident(sql, reference->target_columns[i]);
        buf_addf(sql, " = c.c%zu", i);
    }
    buf_add_text(sql, ") limit 5) missing;\n");
}

static enum err_code violation(const struct target *target,
                               const struct target_reference *reference, const char *values,
                               struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf names = {0};

    for (size_t i = 0; i < reference->count; i++)
        buf_addf(&names, "%s%s", i ? ", " : "", reference->columns[i]);
    return err_set(err, ERR_DATA,
                   "column '%s' of table '%s' refers to rows that '%s' does not have: %s",
                   buf_text(&names), target->name, reference->target->name, values);
}

/* Every check in one round trip. */
static enum err_code run_checks(struct postgres_warehouse *warehouse, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    size_t count = 0;

    for (size_t i = 0; i < warehouse->target_count; i++) {
        const struct target *target = &warehouse->targets[i];
        for (size_t r = 0; r < target->reference_count; r++) {
            if (!target->references[r].check_table)
                continue;
            write_check(warehouse, &target->references[r], &sql);
            count++;
        }
    }
    if (count == 0)
        return ERR_OK;
    struct pg_rows **rows = arena_alloc(warehouse->batch_arena, count * sizeof *rows);
    TRY(pg_query_several(warehouse->pg, sql.data, count, rows, err));
    enum err_code code = ERR_OK;
    size_t at = 0;
    for (size_t i = 0; i < warehouse->target_count; i++) {
        const struct target *target = &warehouse->targets[i];
        for (size_t r = 0; r < target->reference_count; r++) {
            if (!target->references[r].check_table)
                continue;
            const char *values = pg_rows_text(rows[at], 0, 0);
            if (values && code == ERR_OK)
                code = violation(target, &target->references[r], values, err);
            pg_rows_free(rows[at++]);
        }
    }
    return code;
}

static void write_sequence(const struct postgres_warehouse *warehouse, const struct target *target,
                           struct buf *sql)
{
    CLEANUP_IN_PLACE(buf_release) struct buf table = {0};

    target_add_qualified(warehouse, &table, target);
    buf_add_text(sql, "select setval(pg_get_serial_sequence(");
    pg_literal(sql, table.data);
    buf_add_text(sql, ", ");
    pg_literal(sql, target->record_id);
    buf_addf(sql, "), %lld);\n", (long long)target->last_id);
}

enum err_code keys_restore(struct postgres_warehouse *warehouse, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf keys = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf foreign = {0};

    /* What is deferred has to be checked before a table can be altered. */
    buf_add_text(&keys, "set constraints all immediate;\n");
    for (size_t i = 0; i < warehouse->target_count; i++) {
        struct target *target = &warehouse->targets[i];
        if (target->key_missing)
            write_key(warehouse, target, &keys);
        if (target->last_id > 0)
            write_sequence(warehouse, target, &keys);
    }
    for (size_t i = 0; i < warehouse->target_count; i++) {
        struct target *target = &warehouse->targets[i];
        for (size_t r = 0; r < target->reference_count; r++) {
            const struct target_reference *reference = &target->references[r];
            /* A warehouse that somebody else made keeps the keys that he gave it. */
            if (!reference->absent || !(target->made_here || (target->relaxed && reference->name)))
                continue;
            if (reference->target->owned)
                write_unique(warehouse, reference, &foreign);
            write_foreign_key(warehouse, target, reference, &foreign);
        }
    }
    TRY(postgres_blame_data(pg_exec(warehouse->pg, keys.data, err), err));
    TRY(run_checks(warehouse, err));
    return foreign.size == 0 ? ERR_OK
                             : postgres_blame_data(pg_exec(warehouse->pg, foreign.data, err), err);
}
