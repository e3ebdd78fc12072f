/* Tables made, evolved, or checked; comments; views. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "base/text.h"
#include "warehouse/duckdb_warehouse.h"

/* Types */

/* Types come from records; they stand in SQL as they are. */
static enum err_code check_types(const struct warehouse_table *table, struct err *err)
{
    for (size_t i = 0; i < table->column_count; i++)
        for (const char *at = duckdb_sql_type(&table->columns[i]); *at; at++)
            if (!isalnum((unsigned char)*at) && !strchr(" _(),[]\"", *at))
                return err_set(err, ERR_DATA, "column '%s' of '%s' has the odd type '%s'",
                               table->columns[i].name, table->name, table->columns[i].type);
    return ERR_OK;
}

static int integer_width(const char *type)
{
    static const char *const types[] = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (strcasecmp(type, types[i]) == 0)
            return (int)i + 1;
    return 0;
}

/* Does a column of type `there` hold every value of type `wanted`, as it is? */
static bool holds(const char *there, const char *wanted)
{
    int there_precision, there_scale, precision, scale;
    if (strcasecmp(there, wanted) == 0)
        return true;
    if (integer_width(wanted) > 0 && integer_width(there) > integer_width(wanted))
        return true;
    if (strcasecmp(wanted, "FLOAT") == 0 && strcasecmp(there, "DOUBLE") == 0)
        return true;
    return sscanf(there, "DECIMAL(%d,%d)", &there_precision, &there_scale) == 2 &&
           sscanf(wanted, "DECIMAL(%d,%d)", &precision, &scale) == 2 && there_scale >= scale &&
           there_precision - there_scale >= precision - scale;
}

static enum err_code differs(const struct warehouse_table *table, struct err *err)
{
    return err_hint(err,
                    "rename or drop '%s' in the warehouse and load again, or change the model back",
                    table->name);
}

struct one_text {
    struct arena *arena;
    const char *text;
};

static bool take_text(void *arg, size_t column_count, const char *const *names,
                      const struct span *cells)
{
    (void)column_count, (void)names;
    struct one_text *one = arg;
    one->text = arena_strndup(one->arena, cells[0].data, cells[0].size);
    return false;
}

/* Asked only where the names differ: DuckDB calls "TEXT" "VARCHAR". */
static enum err_code check_column_type(struct duckdb_warehouse *self,
                                       const struct warehouse_table *table,
                                       const struct existing_column *there,
                                       const struct warehouse_column *wanted, struct err *err)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    struct one_text type = {.arena = scratch, .text = ""};
    if (holds(there->type, duckdb_sql_type(wanted)))
        return ERR_OK;
    buf_addf(&sql, "select typeof(cast(null as %s))", duckdb_sql_type(wanted));
    TRY(duck_query_each(self->duck, sql.data, NULL, 0, take_text, &type, err));
    if (holds(there->type, type.text))
        return ERR_OK;
    (void)err_set(err, ERR_WAREHOUSE,
                  "column '%s' of '%s' is %s in the warehouse and %s in the model", there->name,
                  table->name, there->type, type.text);
    return differs(table, err);
}

/* Tables */

/* The model's columns, for a fact with the three at the end. */
struct shape {
    const struct warehouse_column *columns;
    size_t count;
    const char *record_id; /* NULL: not a fact */
};

static struct shape shape_of(const struct warehouse_table *table, struct arena *arena)
{
    bool fact = table->kind == WAREHOUSE_FACT;
    size_t extra = fact ? COUNT_OF(duckdb_fact_columns) : 0;
    size_t count = table->column_count + extra;
    struct warehouse_column *columns = arena_alloc(arena, (count + 1) * sizeof *columns);
    memcpy(columns, table->columns, table->column_count * sizeof *columns);
    memcpy(columns + table->column_count, duckdb_fact_columns, extra * sizeof *columns);
    return (struct shape){
        .columns = columns, .count = count, .record_id = fact ? duckdb_sql_record_id(table) : NULL};
}

static bool is_wanted(const struct shape *shape, const char *name)
{
    for (size_t i = 0; i < shape->count; i++)
        if (strcasecmp(name, shape->columns[i].name) == 0)
            return true;
    return shape->record_id && strcasecmp(name, shape->record_id) == 0;
}

static enum err_code check_existing(struct duckdb_warehouse *self,
                                    const struct existing_table *there,
                                    const struct warehouse_table *table, const struct shape *shape,
                                    struct err *err)
{
    for (size_t i = 0; i < shape->count; i++) {
        const struct existing_column *column =
            duckdb_existing_column(there, shape->columns[i].name);
        if (column)
            TRY(check_column_type(self, table, column, &shape->columns[i], err));
    }
    for (size_t i = 0; i < there->count; i++) {
        if (!there->columns[i].required || is_wanted(shape, there->columns[i].name))
            continue;
        (void)err_set(
            err, ERR_WAREHOUSE,
            "column '%s' of '%s' must have a value in the warehouse and is not in the model",
            there->columns[i].name, table->name);
        return differs(table, err);
    }
    return ERR_OK;
}

static enum err_code create_table(struct duckdb_warehouse *self,
                                  const struct warehouse_table *table, const struct shape *shape,
                                  struct existing_table *ret_table, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    duckdb_sql_create(self, table, &sql);
    if (duck_exec(self->duck, sql.data, NULL, err) != ERR_OK) /* a view has its name */
        return err->code == ERR_WAREHOUSE ? differs(table, err) : err->code;
    *ret_table = (struct existing_table){.name = table->name, .made = true, .described = ""};
    if (shape->record_id)
        duckdb_existing_add_column(ret_table, (struct existing_column){.name = shape->record_id});
    for (size_t i = 0; i < shape->count; i++)
        duckdb_existing_add_column(ret_table,
                                   (struct existing_column){.name = shape->columns[i].name});
    return ERR_OK;
}

/* DuckDB adds no column that must not be null: rows that are there have no value for it. */
static enum err_code add_missing_columns(struct duckdb_warehouse *self,
                                         struct existing_table *there, const struct shape *shape,
                                         struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    for (size_t i = 0; i < shape->count; i++) {
        const struct warehouse_column *column = &shape->columns[i];
        if (duckdb_existing_column(there, column->name))
            continue;
        buf_add_text(&sql, "alter table ");
        duckdb_sql_table(self, there->name, &sql);
        buf_add_text(&sql, " add column ");
        duck_ident(&sql, column->name);
        buf_addf(&sql, " %s;\n", duckdb_sql_type(column));
        duckdb_existing_add_column(there, (struct existing_column){.name = column->name});
    }
    return sql.size > 0 ? duck_exec(self->duck, sql.data, NULL, err) : ERR_OK;
}

static enum err_code use_table(struct duckdb_warehouse *self, struct existing *existing,
                               struct existing_table *there, const struct warehouse_table *table,
                               const struct shape *shape, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    TRY(duckdb_existing_read_columns(self, existing, there, err));
    TRY(check_existing(self, there, table, shape, err));
    TRY(add_missing_columns(self, there, shape, err));
    if (!self->batch.rebuild)
        return ERR_OK;
    buf_add_text(&sql, "delete from ");
    duckdb_sql_table(self, table->name, &sql);
    return duck_exec(self->duck, sql.data, NULL, err);
}

/* Comments and views */

static void add_comment(const struct duckdb_warehouse *self, const char *table, const char *column,
                        const char *comment, struct buf *sql)
{
    buf_addf(sql, "comment on %s ", column ? "column" : "table");
    duckdb_sql_table(self, table, sql);
    if (column) {
        buf_add_char(sql, '.');
        duck_ident(sql, column);
    }
    buf_add_text(sql, " is ");
    duck_literal(sql, comment);
    buf_add_text(sql, ";\n");
}

static void description_sql(const struct duckdb_warehouse *self, const struct existing_table *there,
                            const struct warehouse_table *table, struct arena *scratch,
                            struct buf *sql)
{
    if (table->comment)
        add_comment(self, table->name, NULL, table->comment, sql);
    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i].comment)
            add_comment(self, table->name, table->columns[i].name, table->columns[i].comment, sql);
    if (table->kind != WAREHOUSE_FACT || table->key_count == 0)
        return;
    const char **columns = arena_alloc(scratch, (there->count + 1) * sizeof *columns);
    for (size_t i = 0; i < there->count; i++)
        columns[i] = there->columns[i].name;
    duckdb_sql_views(self, table, columns, there->count, sql);
}

/* Only what differs from what was given before: the statements for a wide star take longer than its
 * batch. */
static enum err_code describe_table(struct duckdb_warehouse *self,
                                    const struct existing_table *there,
                                    const struct warehouse_table *table, struct arena *scratch,
                                    struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    char hash[SHA256_HEX_SIZE];
    description_sql(self, there, table, scratch, &sql);
    sha256_of(buf_text(&sql), sql.size, hash);
    if (text_equal(hash, there->described))
        return ERR_OK;
    buf_add_text(&sql, "insert or replace into " DUCK_FILE_CATALOG ".tote.\"table\" values (");
    duck_literal(&sql, self->schema);
    buf_add_text(&sql, ", ");
    duck_literal(&sql, table->name);
    buf_addf(&sql, ", %s, '%s')", there->made ? "true" : "false", hash);
    return duck_exec(self->duck, sql.data, NULL, err);
}

static const char **copy_names(struct arena *arena, const char *const *names, size_t count)
{
    const char **copy = arena_alloc(arena, (count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_strdup(arena, names[i]);
    return copy;
}

static void remember(struct duckdb_warehouse *self, const struct existing_table *there,
                     const struct warehouse_table *table)
{
    struct arena *arena = self->define_arena;
    struct defined_table *defined = &self->tables[self->table_count++];
    const char *record_id = duckdb_sql_record_id(table);
    defined->name = arena_strdup(arena, table->name);
    defined->kind = table->kind;
    if (table->kind == WAREHOUSE_FACT && duckdb_existing_column(there, record_id))
        defined->record_id = arena_strdup(arena, record_id);
    defined->reference_count = table->reference_count;
    defined->references =
        arena_alloc(arena, (table->reference_count + 1) * sizeof *defined->references);
    for (size_t i = 0; i < table->reference_count; i++) {
        const struct warehouse_reference *reference = &table->references[i];
        defined->references[i] = (struct warehouse_reference){
            .columns = copy_names(arena, reference->columns, reference->count),
            .table = arena_strdup(arena, reference->table),
            .target_columns = copy_names(arena, reference->target_columns, reference->count),
            .count = reference->count,
        };
    }
}

const struct defined_table *duckdb_warehouse_find(const struct duckdb_warehouse *self,
                                                  const char *name)
{
    for (size_t i = 0; i < self->table_count; i++)
        if (text_equal(self->tables[i].name, name))
            return &self->tables[i];
    return NULL;
}

static enum err_code make_schema(struct duckdb_warehouse *self, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    buf_add_text(&sql, "create schema if not exists " DUCK_FILE_CATALOG ".");
    duck_ident(&sql, self->schema);
    return duck_exec(self->duck, sql.data, NULL, err);
}

/* Rows that are gone do not come back by loading changes. */
static enum err_code check_gone(struct duckdb_warehouse *self, const struct warehouse_table *table,
                                struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    int64_t registered = 0;
    buf_add_text(&sql, "select count(*) from " DUCK_FILE_CATALOG ".tote.\"table\" where schema = ");
    duck_literal(&sql, self->schema);
    buf_add_text(&sql, " and name = ");
    duck_literal(&sql, table->name);
    TRY(duck_query_i64(self->duck, sql.data, &registered, err));
    if (registered == 0)
        return ERR_OK;
    (void)err_set(err, ERR_WAREHOUSE, "it was loaded before and is gone");
    return err_hint(err,
                    "restore it, or empty tote.batch: the next load then rebuilds the warehouse");
}

static enum err_code define_table(struct duckdb_warehouse *self, struct existing *existing,
                                  const struct warehouse_table *table, struct err *err)
{
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    struct existing_table made = {0};
    struct existing_table *there = duckdb_existing_find(existing, table->name);
    TRY(check_types(table, err));
    struct shape shape = shape_of(table, scratch);
    /* deleting all rows one by one takes longer than loading them: our own tables are made anew */
    bool create = !there || (self->batch.rebuild && there->made);
    if (!there && !self->batch.rebuild)
        TRY(check_gone(self, table, err));
    enum err_code code = create ? create_table(self, table, &shape, &made, err)
                                : use_table(self, existing, there, table, &shape, err);
    if (create)
        there = &made;
    if (code == ERR_OK)
        code = describe_table(self, there, table, scratch, err);
    if (code == ERR_OK)
        remember(self, there, table);
    free(made.columns);
    return code;
}

enum err_code duckdb_warehouse_define(struct warehouse *base, const struct warehouse_table *tables,
                                      size_t table_count, struct err *err)
{
    struct duckdb_warehouse *self = WAREHOUSE_DRIVER(struct duckdb_warehouse, base);
    CLEANUP_IN_PLACE(duckdb_existing_release) struct existing existing = {.arena = arena_new(0)};
    TRY(make_schema(self, err));
    TRY(duckdb_existing_read(self, &existing, err));
    arena_reset(self->define_arena);
    self->tables = arena_alloc(self->define_arena, (table_count + 1) * sizeof *self->tables);
    self->table_count = 0;
    for (size_t i = 0; i < table_count; i++)
        if (define_table(self, &existing, &tables[i], err) != ERR_OK)
            return err_wrap(err, "preparing '%s'", tables[i].name);
    return ERR_OK;
}
