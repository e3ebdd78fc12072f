/* The statements that read JSON lines of one table: good rows, and what is wrong with the others.
 */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "pipeline/clean_reading.h"

/* Raw and typed columns carry names that no table has, so that both can stand side by side. */
static void add_raw_name(struct buf *sql, size_t i)
{
    buf_addf(sql, "\"?r%zu\"", i);
}

void reading_add_typed_name(struct buf *sql, size_t i)
{
    buf_addf(sql, "\"?t%zu\"", i);
}

static bool is_trimmed(const struct clean_model *model, const char *name)
{
    for (size_t i = 0; model && i < model->trim_count; i++)
        if (strcasecmp(model->trimmed[i], name) == 0)
            return true;
    return false;
}

/* The record's column that a column of the table was then. */
static const struct record_column *column_then(const struct lake_table *table,
                                               const struct record_table *source, const char *name)
{
    const struct record_column *now = clean_find_column(table->source, name);
    const struct record_column *then = now && source != table->source && now->number > 0
                                           ? clean_find_number(source, now->number)
                                           : NULL;
    return then ? then : clean_find_column(source, name);
}

void reading_read_columns(struct reading *reading)
{
    struct arena *arena = reading->lake->arena;
    const struct lake_table *table = reading->table;
    reading->columns = arena_alloc(arena, (table->column_count + 1) * sizeof *reading->columns);
    for (size_t i = 0; i < table->column_count; i++) {
        const struct processed_column *target = &table->columns[i];
        clean_column_read(target, column_then(table, reading->source, target->name),
                          is_trimmed(reading->model, target->name),
                          arena_printf(arena, "\"?r%zu\"", i), arena_printf(arena, "\"?t%zu\"", i),
                          arena, &reading->columns[i]);
    }
}

static void add_paths(const char *const *paths, size_t count, struct buf *sql)
{
    for (size_t i = 0; i < count; i++) {
        buf_add_text(sql, i ? ", " : "");
        duck_literal(sql, paths[i]);
    }
}

/* Rows of the JSON objects as "?r0", "?r1", …; only the columns that `wanted` tells, NULL: all. */
void reading_add_raw(const struct reading *reading, const bool *wanted, struct buf *sql)
{
    size_t count = 0;
    buf_add_text(sql, "(select ");
    for (size_t i = 0; i < reading->table->column_count; i++) {
        if (!reading->columns[i].json_name || (wanted && !wanted[i]))
            continue;
        buf_add_text(sql, count++ ? ", " : "");
        duck_ident(sql, reading->columns[i].json_name);
        buf_add_text(sql, " as ");
        add_raw_name(sql, i);
    }
    buf_add_text(sql, " from read_json([");
    add_paths(reading->paths, reading->path_count, sql);
    buf_add_text(sql, "], format = 'newline_delimited', auto_detect = false, columns = {");
    count = 0;
    for (size_t i = 0; i < reading->table->column_count; i++) {
        if (!reading->columns[i].json_name || (wanted && !wanted[i]))
            continue;
        buf_add_text(sql, count++ ? ", " : "");
        duck_literal(sql, reading->columns[i].json_name);
        buf_addf(sql, ": '%s'", reading->columns[i].json_type);
    }
    buf_addf(sql, "}, maximum_object_size = %u))", reading->row_bytes);
}

/* Raw columns, and "?t0" beside those that are cast. */
static void add_typed(const struct reading *reading, struct buf *sql)
{
    buf_add_text(sql, "(select *");
    for (size_t i = 0; i < reading->table->column_count; i++) {
        buf_addf(sql, ", %s as ", reading->columns[i].typed);
        reading_add_typed_name(sql, i);
    }
    buf_add_text(sql, " from ");
    reading_add_raw(reading, NULL, sql);
    buf_add_char(sql, ')');
}

static void add_all_good(const struct reading *reading, struct buf *sql)
{
    bool any = false;
    for (size_t i = 0; i < reading->table->column_count; i++) {
        if (!reading->columns[i].is_good)
            continue;
        buf_addf(sql, "%s(%s)", any ? " and " : "", reading->columns[i].is_good);
        any = true;
    }
    if (!any)
        buf_add_text(sql, "true");
}

static void add_renamed(const struct reading *reading, struct buf *sql)
{
    for (size_t i = 0; i < reading->table->column_count; i++) {
        buf_add_text(sql, i ? ", " : "");
        reading_add_typed_name(sql, i);
        buf_add_text(sql, " as ");
        duck_ident(sql, reading->table->columns[i].name);
    }
}

void reading_add_stamp(const struct lake *lake, bool deleted, struct buf *sql)
{
    buf_addf(sql, ", %" PRIu64 "::bigint as _batch_id, ", lake->row_batch);
    lake_captured_sql(lake->row_captured_us, sql);
    buf_addf(sql, " as _captured_at, %s as _deleted", deleted ? "true" : "false");
}

void reading_good_rows_sql(const struct reading *reading, struct buf *sql)
{
    const struct clean_model *model = reading->model;
    size_t checks = model ? model->check_count : 0;
    if (checks)
        buf_add_text(sql, "select * from (");
    buf_add_text(sql, "select ");
    add_renamed(reading, sql);
    reading_add_stamp(reading->lake, false, sql);
    buf_add_text(sql, " from ");
    add_typed(reading, sql);
    buf_add_text(sql, " where ");
    add_all_good(reading, sql);
    for (size_t i = 0; i < checks; i++)
        buf_addf(sql, "%s(%s\n) is not false", i ? " and " : ") where ",
                 model->checks[i].condition);
}

static void add_key_json(const struct reading *reading, struct buf *sql)
{
    const struct lake_table *table = reading->table;
    buf_add_text(sql, "json_object(");
    for (size_t k = 0; k < table->key_count; k++)
        for (size_t i = 0; i < table->column_count; i++) {
            if (!text_equal(table->columns[i].name, table->key[k]))
                continue;
            buf_add_text(sql, k ? ", " : "");
            duck_literal(sql, table->key[k]);
            buf_add_text(sql, ", ");
            add_raw_name(sql, i);
        }
    buf_add_char(sql, ')');
}

static void add_row_json(const struct reading *reading, struct buf *sql)
{
    size_t count = 0;
    buf_add_text(sql, "json_object(");
    for (size_t i = 0; i < reading->table->column_count; i++) {
        if (!reading->columns[i].json_name)
            continue;
        buf_add_text(sql, count++ ? ", " : "");
        duck_literal(sql, reading->columns[i].json_name);
        buf_add_text(sql, ", ");
        add_raw_name(sql, i);
    }
    buf_add_char(sql, ')');
}

static void add_reasons(const struct reading *reading, struct buf *sql)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    const struct clean_model *model = reading->model;
    buf_add_text(sql, "concat_ws('; '");
    for (size_t i = 0; i < reading->table->column_count; i++) {
        if (!reading->columns[i].is_good)
            continue;
        buf_clear(&text);
        buf_addf(&text, "column '%s' is not exactly a %s", reading->table->columns[i].name,
                 reading->table->columns[i].type);
        buf_addf(sql, ", case when (%s) is not true then ", reading->columns[i].is_good);
        duck_literal(sql, text.data);
        buf_add_text(sql, " end");
    }
    for (size_t i = 0; model && i < model->check_count; i++) {
        buf_clear(&text);
        buf_addf(&text, "check: %s", model->checks[i].condition);
        buf_addf(sql, ", case when (%s\n) is false then ", model->checks[i].condition);
        duck_literal(sql, text.data);
        buf_add_text(sql, " end");
    }
    buf_add_char(sql, ')');
}

void reading_bad_rows_sql(const struct reading *reading, struct buf *sql)
{
    buf_add_text(sql, "select 'clean' as zone, ");
    duck_literal(sql, reading->table->name);
    buf_add_text(sql, " as \"table\", cast(key as varchar) as key, reason, ");
    buf_addf(sql, "%" PRIu64 "::bigint as batch, cast(\"row\" as varchar) as \"row\" from (select ",
             reading->lake->row_batch);
    add_key_json(reading, sql);
    buf_add_text(sql, " as key, ");
    add_row_json(reading, sql);
    buf_add_text(sql, " as \"row\", ");
    add_reasons(reading, sql);
    buf_add_text(sql, " as reason from (select *, ");
    add_renamed(reading, sql);
    buf_add_text(sql, " from ");
    add_typed(reading, sql);
    buf_add_text(sql, ")) where reason <> ''");
}

/* A check that DuckDB does not understand is the model's fault, not the rows'. */
enum err_code reading_check_conditions(const struct reading *reading, struct err *err)
{
    const struct clean_model *model = reading->model;
    for (size_t i = 0; model && i < model->check_count; i++) {
        CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
        const struct lake_choice none = {.part = LAKE_LISTED};
        struct lake_table shape = *reading->table;
        shape.file_count = 0;
        buf_add_text(&sql, "select 1 from ");
        lake_relation(&shape, &none, &sql);
        buf_addf(&sql, " where (%s\n) is not false", model->checks[i].condition);
        if (duck_exec(reading->lake->duck, sql.data, NULL, err) == ERR_OK)
            continue;
        if (err->code == ERR_TRANSFORM)
            err->code = ERR_CONFIG;
        return err_wrap(err, "%s:%d", model->what, model->checks[i].line);
    }
    return ERR_OK;
}
