/* Rows from Parquet files into the tables, and the references that these rows must not break. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "warehouse/duckdb_warehouse.h"

static void add_files(const char *const *paths, size_t count, bool row_numbers, struct buf *sql)
{
    buf_add_text(sql, "read_parquet([");
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_add_text(sql, ", ");
        duck_literal(sql, paths[i]);
    }
    buf_addf(sql, "]%s)", row_numbers ? ", file_row_number = true" : "");
}

/* s."name", cast where text stands for another type. */
static void add_value(const struct warehouse_column *column, struct buf *sql)
{
    if (column->warehouse_type)
        buf_add_text(sql, "cast(");
    buf_add_text(sql, "s.");
    duck_ident(sql, column->name);
    if (column->warehouse_type)
        buf_addf(sql, " as %s)", duckdb_sql_type(column));
}

static void add_list(const struct warehouse_column *columns, size_t count, bool values,
                     struct buf *sql)
{
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_add_text(sql, ", ");
        if (values)
            add_value(&columns[i], sql);
        else
            duck_ident(sql, columns[i].name);
    }
}

static enum err_code count_rows(struct duckdb_warehouse *self, const struct warehouse_table *table,
                                int64_t *ret_count, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    buf_add_text(&sql, "select count(*) from ");
    duckdb_sql_table(self, table->name, &sql);
    return duck_query_i64(self->duck, sql.data, ret_count, err);
}

/* Facts */

static enum err_code max_record_id(struct duckdb_warehouse *self,
                                   const struct warehouse_table *table, const char *record_id,
                                   int64_t *ret_max, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    buf_add_text(&sql, "select coalesce(max(");
    duck_ident(&sql, record_id);
    buf_add_text(&sql, "), 0) from ");
    duckdb_sql_table(self, table->name, &sql);
    return duck_query_i64(self->duck, sql.data, ret_max, err);
}

static enum err_code append_file(struct duckdb_warehouse *self, const struct warehouse_table *table,
                                 const char *record_id, int64_t after, const char *path,
                                 uint64_t *ret_rows, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    buf_add_text(&sql, "insert into ");
    duckdb_sql_table(self, table->name, &sql);
    buf_add_text(&sql, " (");
    if (record_id) {
        duck_ident(&sql, record_id);
        buf_add_text(&sql, ", ");
    }
    add_list(table->columns, table->column_count, false, &sql);
    buf_add_text(&sql, ", ");
    add_list(duckdb_fact_columns, COUNT_OF(duckdb_fact_columns), false, &sql);
    buf_add_text(&sql, ") select ");
    if (record_id)
        buf_addf(&sql, "%" PRId64 " + s.file_row_number, ", after + 1);
    add_list(table->columns, table->column_count, true, &sql);
    buf_add_text(&sql, ", ");
    add_list(duckdb_fact_columns, COUNT_OF(duckdb_fact_columns), true, &sql);
    buf_add_text(&sql, " from ");
    add_files(&path, 1, record_id != NULL, &sql);
    buf_add_text(&sql, " s");
    return duck_exec(self->duck, sql.data, ret_rows, err);
}

/* File by file, so that the row's number in its file makes the surrogate key: row_number() over ()
 * would force everything through one thread and takes nearly twice as long. */
static enum err_code append_facts(struct duckdb_warehouse *self,
                                  const struct warehouse_table *table, const char *const *paths,
                                  size_t path_count, struct warehouse_load_result *result,
                                  struct err *err)
{
    const char *record_id = duckdb_warehouse_find(self, table->name)->record_id;
    int64_t last = 0;
    if (record_id)
        TRY(max_record_id(self, table, record_id, &last, err));
    for (size_t i = 0; i < path_count; i++) {
        uint64_t rows = 0;
        TRY(append_file(self, table, record_id, last, paths[i], &rows, err));
        last += (int64_t)rows;
        result->rows_inserted += rows;
    }
    return ERR_OK;
}

/* Dimensions and mirrors */

static bool is_key(const struct warehouse_table *table, const char *name)
{
    for (size_t i = 0; i < table->key_count; i++)
        if (strcasecmp(table->key[i], name) == 0)
            return true;
    return false;
}

static const struct warehouse_column *find_column(const struct warehouse_table *table,
                                                  const char *name)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (strcasecmp(table->columns[i].name, name) == 0)
            return &table->columns[i];
    return NULL;
}

/* on t."k" = s."k" and ...; false when a key column is no column of the table. */
static bool add_key_join(const struct warehouse_table *table, struct buf *sql)
{
    for (size_t i = 0; i < table->key_count; i++) {
        const struct warehouse_column *column = find_column(table, table->key[i]);
        if (!column)
            return false;
        buf_add_text(sql, i ? " and t." : "t.");
        duck_ident(sql, column->name);
        buf_add_text(sql, " = ");
        add_value(column, sql);
    }
    return table->key_count > 0;
}

static enum err_code delete_rows(struct duckdb_warehouse *self, const struct warehouse_table *table,
                                 const char *const *paths, size_t path_count, uint64_t *ret_rows,
                                 struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    buf_add_text(&sql, "delete from ");
    duckdb_sql_table(self, table->name, &sql);
    buf_add_text(&sql, " t using ");
    add_files(paths, path_count, false, &sql);
    buf_add_text(&sql, " s where s._deleted and ");
    (void)add_key_join(table, &sql);
    return duck_exec(self->duck, sql.data, ret_rows, err);
}

static void merge_sql(struct duckdb_warehouse *self, const struct warehouse_table *table,
                      const char *const *paths, size_t path_count, const char *filter,
                      struct buf *sql)
{
    buf_add_text(sql, "merge into ");
    duckdb_sql_table(self, table->name, sql);
    buf_add_text(sql, " t using (from ");
    add_files(paths, path_count, false, sql);
    buf_addf(sql, " %s) s on ", filter);
    (void)add_key_join(table, sql);
    size_t set = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        if (is_key(table, table->columns[i].name))
            continue;
        buf_add_text(sql, set++ ? ", " : " when matched then update set ");
        duck_ident(sql, table->columns[i].name);
        buf_add_text(sql, " = ");
        add_value(&table->columns[i], sql);
    }
    buf_add_text(sql, " when not matched then insert (");
    add_list(table->columns, table->column_count, false, sql);
    buf_add_text(sql, ") values (");
    add_list(table->columns, table->column_count, true, sql);
    buf_add_char(sql, ')');
}

static void insert_sql(struct duckdb_warehouse *self, const struct warehouse_table *table,
                       const char *const *paths, size_t path_count, const char *filter,
                       struct buf *sql)
{
    buf_add_text(sql, "insert into ");
    duckdb_sql_table(self, table->name, sql);
    buf_add_text(sql, " (");
    add_list(table->columns, table->column_count, false, sql);
    buf_add_text(sql, ") select ");
    add_list(table->columns, table->column_count, true, sql);
    buf_add_text(sql, " from ");
    add_files(paths, path_count, false, sql);
    buf_addf(sql, " s %s", filter);
}

/* MERGE, as it needs no index: tables that somebody else made may have none. */
static enum err_code upsert(struct duckdb_warehouse *self, const struct warehouse_table *table,
                            const char *const *paths, size_t path_count,
                            struct warehouse_load_result *result, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    const char *filter = table->kind == WAREHOUSE_MIRROR ? "where not _deleted" : "";
    int64_t before, after;
    uint64_t changed = 0;
    TRY(count_rows(self, table, &before, err));
    if (before == 0)
        insert_sql(self, table, paths, path_count, filter, &sql);
    else {
        if (table->kind == WAREHOUSE_MIRROR)
            TRY(delete_rows(self, table, paths, path_count, &result->rows_deleted, err));
        merge_sql(self, table, paths, path_count, filter, &sql);
    }
    before -= (int64_t)result->rows_deleted;
    TRY(duck_exec(self->duck, sql.data, &changed, err));
    TRY(count_rows(self, table, &after, err));
    result->rows_inserted = (uint64_t)(after - before);
    result->rows_updated = changed - result->rows_inserted;
    return ERR_OK;
}

/* References */

/* Some values of `child`'s columns (a table expression called s) that the target does not have. */
static void add_check(struct duckdb_warehouse *self, const char *table,
                      const struct warehouse_reference *reference, const char *child,
                      const char *const *values)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf columns = {0};
    buf_add_text(&sql, "select distinct concat_ws('/'");
    for (size_t i = 0; i < reference->count; i++)
        buf_addf(&sql, ", cast(%s as varchar)", values[i]);
    buf_addf(&sql, ") from %s where ", child);
    for (size_t i = 0; i < reference->count; i++) {
        buf_addf(&sql, "%s is not null and ", values[i]);
        buf_addf(&columns, "%s%s", i ? ", " : "", reference->columns[i]);
    }
    buf_add_text(&sql, "not exists (select 1 from ");
    duckdb_sql_table(self, reference->table, &sql);
    buf_add_text(&sql, " p where ");
    for (size_t i = 0; i < reference->count; i++) {
        buf_add_text(&sql, i ? " and p." : "p.");
        duck_ident(&sql, reference->target_columns[i]);
        buf_addf(&sql, " = %s", values[i]);
    }
    buf_add_text(&sql, ") order by 1 limit 5");

    struct reference_check *check = arena_alloc(self->batch_arena, sizeof *check);
    check->table = arena_strdup(self->batch_arena, table);
    check->columns = arena_strdup(self->batch_arena, columns.data);
    check->target = arena_strdup(self->batch_arena, reference->table);
    check->sql = arena_strdup(self->batch_arena, sql.data);
    check->next = self->checks;
    self->checks = check;
}

/* The rows that came: they are in the files, which is less to read than the table. */
static enum err_code check_loaded_rows(struct duckdb_warehouse *self,
                                       const struct warehouse_table *table,
                                       const char *const *paths, size_t path_count, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf child = {0};
    static const char *const filter[] = {[WAREHOUSE_FACT] = "where not deleted",
                                         [WAREHOUSE_DIMENSION] = "",
                                         [WAREHOUSE_MIRROR] = "where not _deleted"};
    buf_add_text(&child, "(from ");
    add_files(paths, path_count, false, &child);
    buf_addf(&child, " %s) s", filter[table->kind]);
    for (size_t i = 0; i < table->reference_count; i++) {
        const struct warehouse_reference *reference = &table->references[i];
        const char **values =
            arena_alloc(self->batch_arena, (reference->count + 1) * sizeof *values);
        for (size_t j = 0; j < reference->count; j++) {
            CLEANUP_IN_PLACE(buf_release) struct buf value = {0};
            const struct warehouse_column *column = find_column(table, reference->columns[j]);
            if (!column)
                return err_set(err, ERR_CONFIG,
                               "table '%s' has no column '%s' to refer to '%s' with", table->name,
                               reference->columns[j], reference->table);
            add_value(column, &value);
            values[j] = arena_strdup(self->batch_arena, value.data);
        }
        add_check(self, table->name, reference, child.data, values);
    }
    return ERR_OK;
}

/* Rows of a mirror went: nothing may refer to them any more.  Facts keep the past, they may. */
static void check_children(struct duckdb_warehouse *self, const char *parent)
{
    for (size_t i = 0; i < self->table_count; i++) {
        const struct defined_table *child = &self->tables[i];
        CLEANUP_IN_PLACE(buf_release) struct buf name = {0};
        duckdb_sql_table(self, child->name, &name);
        buf_add_text(&name, " s");
        for (size_t j = 0; child->kind != WAREHOUSE_FACT && j < child->reference_count; j++) {
            const struct warehouse_reference *reference = &child->references[j];
            if (strcasecmp(reference->table, parent) != 0)
                continue;
            const char **values =
                arena_alloc(self->batch_arena, (reference->count + 1) * sizeof *values);
            for (size_t k = 0; k < reference->count; k++) {
                CLEANUP_IN_PLACE(buf_release) struct buf value = {0};
                buf_add_text(&value, "s.");
                duck_ident(&value, reference->columns[k]);
                values[k] = arena_strdup(self->batch_arena, value.data);
            }
            add_check(self, child->name, reference, name.data, values);
        }
    }
}

static bool join_values(void *arg, size_t column_count, const char *const *names,
                        const struct span *cells)
{
    (void)column_count, (void)names;
    struct buf *values = arg;
    if (values->size > 0)
        buf_add_text(values, ", ");
    buf_add(values, cells[0].data, cells[0].size);
    return true;
}

enum err_code duckdb_warehouse_check_references(struct duckdb_warehouse *self, struct err *err)
{
    for (const struct reference_check *check = self->checks; check; check = check->next) {
        CLEANUP_IN_PLACE(buf_release) struct buf values = {0};
        if (duck_query_each(self->duck, check->sql, NULL, 0, join_values, &values, err) != ERR_OK)
            return err_wrap(err, "checking the references of '%s' to '%s'", check->table,
                            check->target);
        if (values.size == 0)
            continue;
        (void)err_set(err, ERR_DATA, "'%s' refers by '%s' to rows that '%s' does not have: %s",
                      check->table, check->columns, check->target, values.data);
        return err_hint(err, "nothing of batch %" PRIu64 " was loaded; check the model of '%s'",
                        self->batch.batch, check->target);
    }
    return ERR_OK;
}

enum err_code duckdb_warehouse_load(struct warehouse *base, const struct warehouse_table *table,
                                    const char *const *paths, size_t path_count, uint64_t row_count,
                                    struct warehouse_load_result *ret_result, struct err *err)
{
    struct duckdb_warehouse *self = WAREHOUSE_DRIVER(struct duckdb_warehouse, base);
    struct warehouse_load_result result = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf key = {0};
    if (!duckdb_warehouse_find(self, table->name))
        return err_set(err, ERR_INTERNAL, "table '%s' is loaded before it is defined", table->name);
    if (table->kind != WAREHOUSE_FACT && !add_key_join(table, &key))
        return err_set(err, ERR_CONFIG, "table '%s' has no key", table->name);
    if (path_count == 0) {
        *ret_result = result;
        return ERR_OK;
    }
    enum err_code code = table->kind == WAREHOUSE_FACT
                             ? append_facts(self, table, paths, path_count, &result, err)
                             : upsert(self, table, paths, path_count, &result, err);
    if (code == ERR_OK)
        code = check_loaded_rows(self, table, paths, path_count, err);
    uint64_t loaded = result.rows_inserted + result.rows_updated;
    if (code == ERR_OK && table->kind != WAREHOUSE_MIRROR && loaded != row_count)
        code = err_set(err, ERR_DATA, "%" PRIu64 " rows are announced, the files hold %" PRIu64,
                       row_count, loaded);
    TRY(code);
    if (result.rows_deleted > 0)
        check_children(self, table->name);
    self->total.rows_inserted += result.rows_inserted;
    self->total.rows_updated += result.rows_updated;
    self->total.rows_deleted += result.rows_deleted;
    *ret_result = result;
    return ERR_OK;
}
