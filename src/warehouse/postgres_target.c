#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "sql.h"
#include "warehouse/postgres_priv.h"

enum {
    SCHEMA,
    RELATIONS,
    COLUMNS,
    CONSTRAINTS,
    REGISTERED,
    RESULT_COUNT
};

struct look {
    struct postgres_warehouse *warehouse;
    struct arena *arena;
    struct pg_rows *rows[RESULT_COUNT];
};

static void look_release(struct look *look)
{
    for (size_t i = 0; i < RESULT_COUNT; i++)
        pg_rows_free(look->rows[i]);
}

static const char *cell(const struct look *look, int result, size_t row, size_t column)
{
    const char *text = pg_rows_text(look->rows[result], row, column);
    return text ? text : "";
}

static bool yes(const struct look *look, int result, size_t row, size_t column)
{
    return cell(look, result, row, column)[0] == 't';
}

static char *keep(const struct look *look, int result, size_t row, size_t column)
{
    const char *text = pg_rows_text(look->rows[result], row, column);
    return text ? arena_strdup(look->arena, text) : NULL;
}

/* --- small questions --- */

struct target *target_find(const struct postgres_warehouse *warehouse, const char *name)
{
    for (size_t i = 0; i < warehouse->target_count; i++) {
        if (text_equal(warehouse->targets[i].name, name))
            return &warehouse->targets[i];
    }
    return NULL;
}

const struct target_column *target_column_find(const struct target *target, const char *name)
{
    for (size_t i = 0; i < target->column_count; i++) {
        if (text_equal(target->columns[i].name, name))
            return &target->columns[i];
    }
    return NULL;
}

void target_add_names(struct buf *sql, const char *prefix, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_text(sql, ", ");
        buf_add_text(sql, prefix);
        pg_ident(sql, names[i]);
    }
}

void target_add_qualified(const struct postgres_warehouse *warehouse, struct buf *sql,
                          const struct target *target)
{
    pg_qualified(sql, warehouse->schema, target->name);
}

char *target_view_name(struct arena *arena, const char *table, const char *suffix)
{
    size_t room = 63 - strlen(suffix);
    size_t size = strlen(table);

    /* PostgreSQL would cut the end off, which is what tells the two views apart. */
    if (size > room) {
        size = room;
        while (size > 0 && ((unsigned char)table[size] & 0xc0) == 0x80)
            size--;
    }
    return arena_printf(arena, "%.*s%s", (int)size, table, suffix);
}

/* --- the model's side --- */

static const char **keep_names(struct arena *arena, const char *const *names, size_t count)
{
    const char **copy = arena_alloc(arena, count * sizeof *copy);

    for (size_t i = 0; i < count; i++)
        copy[i] = arena_strdup(arena, names[i]);
    return copy;
}

static const struct warehouse_column version_columns[] = {
    {.name = "batch_id",
     .type = "BIGINT",
     .not_null = true,
     .comment = "Batch that brought this version"},
    {.name = "captured_at",
     .type = "TIMESTAMP",
     .not_null = true,
     .comment = "Instant (UTC) of the snapshot that showed this version"},
    {.name = "deleted",
     .type = "BOOLEAN",
     .not_null = true,
     .comment = "Whether this version says that the row was deleted"},
};

static enum err_code add_column(struct look *look, struct target *target,
                                const struct warehouse_column *model, struct err *err)
{
    struct target_column *column = &target->columns[target->column_count++];

    *column = (struct target_column){
        .name = arena_strdup(look->arena, model->name),
        .not_null = model->not_null,
        .comment = model->comment ? arena_strdup(look->arena, model->comment) : NULL,
    };
    column->spelling = column->name;
    return target_type_of(model, look->arena, column, err);
}

static enum err_code describe(struct look *look, const struct warehouse_table *table,
                              struct target *target, struct err *err)
{
    *target = (struct target){
        .name = arena_strdup(look->arena, table->name),
        .kind = table->kind,
        .wanted_comment = table->comment ? arena_strdup(look->arena, table->comment) : NULL,
        .key = keep_names(look->arena, table->key, table->key_count),
        .key_count = table->key_count,
        .empty = true,
    };
    target->columns = arena_alloc(look->arena, (table->column_count + COUNT_OF(version_columns)) *
                                                   sizeof *target->columns);
    for (size_t i = 0; i < table->column_count; i++)
        TRY(add_column(look, target, &table->columns[i], err));
    if (target_is_fact(target)) {
        target->record_id =
            arena_strdup(look->arena, table->record_id ? table->record_id : "record_id");
        target->record_id_bytes = 8;
        for (size_t i = 0; i < COUNT_OF(version_columns); i++)
            TRY(add_column(look, target, &version_columns[i], err));
    }
    for (size_t i = 0; i < target->column_count; i++) {
        for (size_t j = 0; j < target->key_count; j++) {
            if (text_equal(target->columns[i].name, target->key[j]) && !target_is_fact(target))
                target->columns[i].not_null = true;
        }
    }
    return ERR_OK;
}

static void describe_references(struct look *look, const struct warehouse_table *table,
                                struct target *target)
{
    target->references =
        arena_alloc(look->arena, table->reference_count * sizeof *target->references);
    for (size_t i = 0; i < table->reference_count; i++) {
        const struct warehouse_reference *model = &table->references[i];
        struct target *parent = target_find(look->warehouse, model->table);
        if (!parent)
            continue;
        struct target_reference *reference = &target->references[target->reference_count++];
        *reference = (struct target_reference){
            .target = parent,
            .names = keep_names(look->arena, model->columns, model->count),
            .columns = keep_names(look->arena, model->columns, model->count),
            .target_columns = keep_names(look->arena, model->target_columns, model->count),
            .count = model->count,
            .absent = true,
        };
    }
}

/* --- the database's side --- */

static void read_constraints(struct look *look, const char *oid, struct target *target)
{
    size_t rows = pg_rows_count(look->rows[CONSTRAINTS]);
    struct target_constraint *last = NULL;

    target->constraints = NULL;
    target->constraint_count = 0;
    for (size_t row = 0; row < rows; row++) {
        if (!text_equal(cell(look, CONSTRAINTS, row, 0), oid))
            continue;
        if (!target->constraints)
            target->constraints = arena_alloc(look->arena, (rows - row) * sizeof *last);
        if (!last || !text_equal(last->name, cell(look, CONSTRAINTS, row, 1))) {
            last = &target->constraints[target->constraint_count++];
            *last = (struct target_constraint){
                .name = keep(look, CONSTRAINTS, row, 1),
                .type = cell(look, CONSTRAINTS, row, 2)[0],
                .target = keep(look, CONSTRAINTS, row, 4),
                .columns = arena_alloc(look->arena, 32 * sizeof *last->columns),
                .target_columns = arena_alloc(look->arena, 32 * sizeof *last->target_columns),
            };
        }
        if (last->count < 32) { /* INDEX_MAX_KEYS */
            last->columns[last->count] = keep(look, CONSTRAINTS, row, 3);
            last->target_columns[last->count++] = keep(look, CONSTRAINTS, row, 5);
        }
    }
}

/* The row of a column in a table, by its name or, when only one is like it, in other case; -1:
 * none. */
static ptrdiff_t find_column(const struct look *look, const char *oid, const char *name)
{
    ptrdiff_t alike = -1;

    for (size_t row = 0; row < pg_rows_count(look->rows[COLUMNS]); row++) {
        if (!text_equal(cell(look, COLUMNS, row, 0), oid))
            continue;
        if (text_equal(cell(look, COLUMNS, row, 1), name))
            return (ptrdiff_t)row;
        if (strcasecmp(cell(look, COLUMNS, row, 1), name) == 0)
            alike = alike == -1 ? (ptrdiff_t)row : -2;
    }
    return alike >= 0 ? alike : -1;
}

static bool is_version_column(const struct target_column *column)
{
    return text_equal(column->name, "batch_id") || text_equal(column->name, "captured_at") ||
           text_equal(column->name, "deleted");
}

/* Joins the model's columns with those that stand; says what does not fit. */
static enum err_code match_columns(struct look *look, const char *oid, struct target *target,
                                   struct err *err)
{
    for (size_t i = 0; i < target->column_count; i++) {
        struct target_column *column = &target->columns[i];
        ptrdiff_t row = find_column(look, oid, column->name);
        if (row < 0) {
            column->missing = true;
            continue;
        }
        const char *present = cell(look, COLUMNS, (size_t)row, 2);
        if (!target_type_fits(column->type, present)) {
            (void)err_set(err, ERR_WAREHOUSE, "column '%s' of table '%s' is %s, the model makes %s",
                          column->name, target->name, present, column->type);
            return err_hint(err, "change the model or the table so that they agree");
        }
        column->spelling = keep(look, COLUMNS, (size_t)row, 1);
        column->loosen = target->made_here && target->owned && !column->not_null &&
                         yes(look, COLUMNS, (size_t)row, 3);
    }
    return ERR_OK;
}

/* The surrogate key of a fact: the column that the model names, else the one column of the primary
 * key when the database numbers it. */
static void find_record_id(struct look *look, const char *oid, struct target *target)
{
    ptrdiff_t row = find_column(look, oid, target->record_id);

    for (size_t i = 0; i < target->constraint_count && row < 0; i++) {
        const struct target_constraint *key = &target->constraints[i];
        if (key->type == 'p' && key->count == 1 && !target_column_find(target, key->columns[0]))
            row = find_column(look, oid, key->columns[0]);
    }
    target->record_id = NULL;
    if (row < 0 || !yes(look, COLUMNS, (size_t)row, 4))
        return;
    const char *type = cell(look, COLUMNS, (size_t)row, 2);
    if (!text_equal(type, "integer") && !text_equal(type, "bigint"))
        return;
    target->record_id = keep(look, COLUMNS, (size_t)row, 1);
    target->record_id_bytes = text_equal(type, "integer") ? 4 : 8;
    target->record_id_always = yes(look, COLUMNS, (size_t)row, 5);
    target->sequence = keep(look, COLUMNS, (size_t)row, 7);
    target->sequence_ours = target->sequence && !target->record_id_always;
}

static enum err_code check_not_null(struct look *look, const char *oid, struct target *target,
                                    struct err *err)
{
    for (size_t row = 0; row < pg_rows_count(look->rows[COLUMNS]); row++) {
        const char *name = cell(look, COLUMNS, row, 1);
        if (!text_equal(cell(look, COLUMNS, row, 0), oid) || !yes(look, COLUMNS, row, 3) ||
            yes(look, COLUMNS, row, 4) ||
            (target->record_id && text_equal(name, target->record_id)))
            continue;
        bool ours = false;
        for (size_t i = 0; i < target->column_count && !ours; i++)
            ours = text_equal(target->columns[i].spelling, name);
        if (ours)
            continue;
        (void)err_set(err, ERR_WAREHOUSE,
                      "column '%s' of table '%s' must not be null, but the model does not make it",
                      name, target->name);
        return err_hint(err, "give the column a default, or add it to the model");
    }
    return ERR_OK;
}

/* What is missing can be added where the table is ours; versions can stand beside it. */
static enum err_code place_missing(struct look *look, struct target *target, struct err *err)
{
    bool versions_missing = false;

    for (size_t i = 0; i < target->column_count; i++) {
        const struct target_column *column = &target->columns[i];
        if (!column->missing || target->owned)
            continue;
        if (!target_is_fact(target) || !is_version_column(column)) {
            (void)err_set(err, ERR_WAREHOUSE,
                          "table '%s' has no column '%s', and it is not ours to add one",
                          target->name, column->name);
            return err_hint(err, "add the column as its owner: %s %s", column->name, column->type);
        }
        versions_missing = true;
    }
    if (!versions_missing)
        return ERR_OK;
    if (!target->record_id) {
        (void)err_set(
            err, ERR_WAREHOUSE,
            "table '%s' has neither the columns batch_id, captured_at and deleted nor a numbered "
            "key to keep them by",
            target->name);
        return err_hint(err, "add the columns as its owner");
    }
    target->side = arena_printf(look->arena, "%s.%s", look->warehouse->schema, target->name);
    for (size_t i = 0; i < target->column_count; i++) /* either all three stand there or none */
        target->columns[i].missing =
            target->columns[i].missing || is_version_column(&target->columns[i]);
    return ERR_OK;
}

static void note_view_columns(struct look *look, const char *oid, struct target *target)
{
    target->view_columns =
        arena_alloc(look->arena, (pg_rows_count(look->rows[COLUMNS]) + target->column_count + 1) *
                                     sizeof *target->view_columns);
    for (size_t row = 0; row < pg_rows_count(look->rows[COLUMNS]) && target->present; row++) {
        if (text_equal(cell(look, COLUMNS, row, 0), oid))
            target->view_columns[target->view_column_count++] = keep(look, COLUMNS, row, 1);
    }
    if (!target->present && target->record_id)
        target->view_columns[target->view_column_count++] = target->record_id;
    for (size_t i = 0; i < target->column_count; i++) {
        if (target->columns[i].missing || !target->present)
            target->view_columns[target->view_column_count++] = target->columns[i].spelling;
    }
}

static bool same_names(const char *const *a, const char *const *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!text_equal(a[i], b[i]))
            return false;
    }
    return true;
}

static const char *spelling_of(const struct target *target, const char *name)
{
    const struct target_column *column = target_column_find(target, name);
    return column ? column->spelling : name;
}

/* Which of the model's references the database enforces already. */
static void match_references(struct target *target)
{
    for (size_t i = 0; i < target->reference_count; i++) {
        struct target_reference *reference = &target->references[i];
        for (size_t c = 0; c < reference->count; c++) {
            reference->columns[c] = spelling_of(target, reference->names[c]);
            reference->target_columns[c] =
                spelling_of(reference->target, reference->target_columns[c]);
        }
        for (size_t k = 0; k < target->constraint_count; k++) {
            const struct target_constraint *key = &target->constraints[k];
            if (key->type == 'f' && key->count == reference->count && key->target &&
                text_equal(key->target, reference->target->name) &&
                same_names(key->columns, reference->columns, key->count)) {
                reference->name = key->name;
                reference->absent = reference->target->outdated;
            }
        }
    }
}

static enum err_code match_present(struct look *look, size_t row, struct target *target,
                                   struct err *err)
{
    const char *oid = cell(look, RELATIONS, row, 0);
    char kind = cell(look, RELATIONS, row, 2)[0];

    if (kind != 'r' && kind != 'p') {
        (void)err_set(err, ERR_WAREHOUSE, "'%s' stands in the warehouse, but is no table",
                      target->name);
        return err_hint(err,
                        "drop or rename it, or set warehouse.schema to a schema of tote's own");
    }
    target->present = true;
    target->empty = false; /* until somebody looks */
    target->owned = yes(look, RELATIONS, row, 3);
    target->made_here = yes(look, RELATIONS, row, 4);
    target->views = keep(look, RELATIONS, row, 5);
    target->comment = keep(look, RELATIONS, row, 6);
    read_constraints(look, oid, target);
    TRY(match_columns(look, oid, target, err));
    if (target_is_fact(target))
        find_record_id(look, oid, target);
    TRY(check_not_null(look, oid, target, err));
    TRY(place_missing(look, target, err));
    for (size_t i = 0; i < target->key_count; i++)
        target->key[i] = spelling_of(target, target->key[i]);
    return ERR_OK;
}

/* Rows can be told apart by the model's key: some constraint is on just its columns. */
static bool has_key(const struct target *target)
{
    for (size_t i = 0; i < target->constraint_count; i++) {
        const struct target_constraint *key = &target->constraints[i];
        size_t found = 0;
        if ((key->type != 'p' && key->type != 'u') || key->count != target->key_count)
            continue;
        for (size_t k = 0; k < target->key_count; k++)
            for (size_t c = 0; c < key->count; c++)
                found += text_equal(target->key[k], key->columns[c]);
        if (found == target->key_count)
            return true;
    }
    return false;
}

static enum err_code check_gone(const struct look *look, struct target *target, struct err *err)
{
    for (size_t row = 0; row < pg_rows_count(look->rows[REGISTERED]); row++) {
        if (!text_equal(cell(look, REGISTERED, row, 0), target->name))
            continue;
        target->registered = true;
        if (target->present || look->warehouse->batch.rebuild)
            continue;
        (void)err_set(err, ERR_WAREHOUSE, "table '%s' was loaded before and is gone", target->name);
        return err_hint(
            err, "restore it, or empty tote.batch: the next load then rebuilds the warehouse");
    }
    return ERR_OK;
}

static enum err_code look_at(struct look *look, const struct warehouse_table *table,
                             struct target *target, struct err *err)
{
    const char *oid = "";
    char *current = target_view_name(look->arena, target->name, "_current");
    char *history = target_view_name(look->arena, target->name, "_history");
    unsigned views = 0;

    for (size_t row = 0; row < pg_rows_count(look->rows[RELATIONS]); row++) {
        const char *name = cell(look, RELATIONS, row, 1);
        if (text_equal(name, current) || text_equal(name, history))
            views++;
        if (!text_equal(name, target->name))
            continue;
        oid = cell(look, RELATIONS, row, 0);
        enum err_code code = match_present(look, row, target, err);
        /* A table of our own that is to be filled anew is made anew. */
        bool ours = look->warehouse->batch.rebuild && target->owned && target->made_here;
        if (code != ERR_OK && !ours)
            return code;
        bool other_key = ours && !target_is_fact(target) && target->key_count && !has_key(target);
        if (code != ERR_OK || other_key) {
            TRY(describe(look, table, target, err));
            target->outdated = true;
        }
    }
    target->views_present = views == 2;
    TRY(check_gone(look, target, err));
    if (target_is_fact(target))
        note_view_columns(look, oid, target);
    return ERR_OK;
}

/* --- all of it --- */

static enum err_code ask(struct look *look, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};

    buf_add_text(&sql, "set local tote.schema = ");
    pg_literal(&sql, look->warehouse->schema);
    buf_add_text(&sql, ";\n");
    buf_add_text(&sql, sql_warehouse_inspect);
    return pg_query_several(look->warehouse->pg, sql.data, RESULT_COUNT, look->rows, err);
}

/* One query for all: which of the tables that stand have a row. */
static enum err_code find_empty(struct look *look, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    CLEANUP(pg_rows_free) struct pg_rows *rows = NULL;
    struct postgres_warehouse *warehouse = look->warehouse;

    for (size_t i = 0; i < warehouse->target_count; i++) {
        if (!warehouse->targets[i].present)
            continue;
        buf_addf(&sql, "%sselect %zu where not exists (select from ", sql.size ? " union all " : "",
                 i);
        target_add_qualified(warehouse, &sql, &warehouse->targets[i]);
        buf_add_text(&sql, ")");
    }
    if (sql.size == 0)
        return ERR_OK;
    TRY(pg_query(warehouse->pg, sql.data, NULL, 0, &rows, err));
    for (size_t row = 0; row < pg_rows_count(rows); row++) {
        uint64_t index;
        if (text_to_u64(pg_rows_text(rows, row, 0), &index) && index < warehouse->target_count)
            warehouse->targets[index].empty = true;
    }
    return ERR_OK;
}

enum err_code targets_look(struct postgres_warehouse *warehouse,
                           const struct warehouse_table *tables, size_t table_count,
                           struct err *err)
{
    CLEANUP_IN_PLACE(look_release)
    struct look look = {.warehouse = warehouse, .arena = warehouse->batch_arena};

    TRY(ask(&look, err));
    warehouse->schema_present = yes(&look, SCHEMA, 0, 0);
    warehouse->schema_can_create = yes(&look, SCHEMA, 0, 1);
    warehouse->targets = arena_alloc(look.arena, table_count * sizeof *warehouse->targets);
    for (size_t i = 0; i < table_count; i++) {
        struct target *target = &warehouse->targets[i];
        TRY(describe(&look, &tables[i], target, err));
        TRY(look_at(&look, &tables[i], target, err));
        warehouse->target_count = i + 1;
    }
    for (size_t i = 0; i < table_count; i++) {
        describe_references(&look, &tables[i], &warehouse->targets[i]);
        match_references(&warehouse->targets[i]);
    }
    return find_empty(&look, err);
}
