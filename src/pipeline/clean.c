#include "pipeline/clean.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "base/text.h"
#include "base/workers.h"

enum {
    ROW_BYTES = 4 << 20,
    ROW_BYTES_STEP = 8,
    ROW_BYTES_MAX = 256 << 20
};

/* --- which columns ------------------------------------------------------------------------ */

static const struct record_column *find_column(const struct record_table *source, const char *name)
{
    for (size_t i = 0; source && i < source->column_count; i++)
        if (text_equal(source->columns[i].lake_name, name))
            return &source->columns[i];
    return NULL;
}

static const struct processed_column *find_known(const struct processed_column *columns,
                                                 size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(columns[i].name, name))
            return &columns[i];
    return NULL;
}

static const struct record_column *find_number(const struct record_table *source, int number)
{
    for (size_t i = 0; i < source->column_count; i++)
        if (source->columns[i].number == number && number > 0)
            return &source->columns[i];
    return NULL;
}

static void drop_column(struct lake_table *table, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->column_count; i++)
        if (!text_equal(table->columns[i].name, name))
            table->columns[kept++] = table->columns[i];
    table->column_count = kept;
}

enum err_code clean_record_before(struct lake *lake, const struct record **ret_before,
                                  struct err *err)
{
    if (!lake->before) {
        struct record *before;
        TRY(record_read(lake->ingestion, lake->batch - 1, lake->arena, &before, err));
        lake->before = before;
    }
    *ret_before = lake->before;
    return ERR_OK;
}

/* A column that is gone by name but there by number was renamed: its rows were not sent again. */
static enum err_code find_rename(struct lake *lake, struct lake_table *table, bool *ret_renamed,
                                 struct err *err)
{
    const struct record *before;
    TRY(clean_record_before(lake, &before, err));
    const struct record_table *then = record_find_table(before, table->name);
    for (size_t i = 0; then && i < then->column_count; i++) {
        const struct record_column *now = find_number(table->source, then->columns[i].number);
        if (!now || text_equal(now->lake_name, then->columns[i].lake_name))
            continue;
        *ret_renamed = true;
        if (!find_column(table->source, then->columns[i].lake_name))
            drop_column(table, then->columns[i].lake_name);
    }
    return ERR_OK;
}

static enum err_code check_directives(const struct lake_table *table,
                                      const struct clean_model *model, struct err *err)
{
    for (size_t i = 0; model && i < model->type_count; i++)
        if (!find_known(table->columns, table->column_count, model->types[i].name))
            return err_set(err, ERR_CONFIG, "%s:%d: table '%s' has no column '%s'", model->what,
                           model->types[i].line, table->name, model->types[i].name);
    for (size_t i = 0; model && i < model->trim_count; i++) {
        const struct processed_column *column =
            find_known(table->columns, table->column_count, model->trimmed[i]);
        if (!column)
            return err_set(err, ERR_CONFIG, "%s: table '%s' has no column '%s'", model->what,
                           table->name, model->trimmed[i]);
        if (!text_equal(column->type, "VARCHAR"))
            return err_set(err, ERR_CONFIG, "%s: column '%s' is %s: only text is trimmed",
                           model->what, column->name, column->type);
    }
    return ERR_OK;
}

/* Models may know columns that a batch which waited does not have yet: they are null there. */
static enum err_code add_ahead(struct lake *lake, const struct lake_table *table,
                               const struct clean_model *model, struct processed_column *columns,
                               size_t *count, struct err *err)
{
    for (size_t i = 0; table->ahead && i < table->ahead->column_count; i++) {
        const struct record_column *column = &table->ahead->columns[i];
        if (find_known(columns, *count, column->lake_name) ||
            (table->source && find_number(table->source, column->number)))
            continue; /* there, or there by another name until it is renamed */
        TRY(clean_column_type(column, model, lake->arena, &columns[*count], err));
        columns[(*count)++].not_null = false;
    }
    return ERR_OK;
}

enum err_code clean_columns(struct lake *lake, struct lake_table *table,
                            const struct clean_model *model, bool *ret_rewrite, struct err *err)
{
    const struct processed_table *previous = table->previous;
    const struct record_table *source = table->source;
    size_t previous_count = previous ? previous->column_count : 0;
    size_t source_count = source ? source->column_count : 0;
    size_t ahead_count = table->ahead ? table->ahead->column_count : 0;
    struct processed_column *columns = arena_alloc(
        lake->arena, (previous_count + source_count + ahead_count + 1) * sizeof *columns);
    size_t count = 0, kept = 0;
    *ret_rewrite = false;
    for (size_t i = 0; i < source_count; i++) {
        struct processed_column *column = &columns[count++];
        TRY(clean_column_type(&source->columns[i], model, lake->arena, column, err));
        const struct processed_column *known =
            previous ? find_known(previous->columns, previous_count, column->name) : NULL;
        kept += known != NULL;
        *ret_rewrite |= known && !text_equal(known->type, column->type);
    }
    size_t source_kept = kept;
    for (size_t i = 0; i < previous_count; i++) {
        if (source && find_column(source, previous->columns[i].name))
            continue;
        columns[count] = previous->columns[i];
        columns[count++].not_null = false;
    }
    TRY(add_ahead(lake, table, model, columns, &count, err));
    table->columns = columns;
    table->column_count = count;
    table->new_schema = previous && count > previous_count;
    if (previous && source && source_kept < previous_count && source_kept < source_count)
        TRY(find_rename(lake, table, ret_rewrite, err));
    return check_directives(table, model, err);
}

/* --- objects ------------------------------------------------------------------------------ */

struct object_tasks {
    const struct record_object *objects;
    const char *const *paths;
    uint64_t batch;
};

static enum err_code verify_one(void *arg, unsigned worker, size_t index, struct err *err)
{
    const struct object_tasks *tasks = arg;
    const struct record_object *object = &tasks->objects[index];
    char sha256[SHA256_HEX_SIZE];
    (void)worker;
    TRY(sha256_of_file(tasks->paths[index], sha256, err));
    if (text_equal(sha256, object->sha256))
        return ERR_OK;
    (void)err_set(err, ERR_DATA,
                  "object '%s' is not what the record of batch %" PRIu64 " says: its "
                  "SHA-256 differs",
                  object->key, tasks->batch);
    return err_hint(err,
                    "the object was changed or cut short after it was written: restore it from "
                    "the bucket's versions or a backup");
}

/* Local files of the objects, each as it was when its record was written. */
static enum err_code fetch_objects(struct lake *lake, const struct record_object *objects,
                                   size_t count, const char *const **ret_paths, struct err *err)
{
    const char **paths = arena_alloc(lake->arena, (count + 1) * sizeof *paths);
    for (size_t i = 0; i < count; i++) {
        enum err_code code = store_local_copy(lake->ingestion, objects[i].key, lake->work_dir,
                                              lake->arena, &paths[i], err);
        if (code == ERR_NOT_FOUND) {
            (void)err_set(err, ERR_DATA,
                          "object '%s' is gone, which the record of batch %" PRIu64 " names",
                          objects[i].key, lake->row_batch);
            return err_hint(err, "restore it from the bucket's versions or a backup");
        }
        TRY(code);
    }
    struct object_tasks tasks = {.objects = objects, .paths = paths, .batch = lake->row_batch};
    TRY(workers_run(lake->threads, count, verify_one, &tasks, err));
    *ret_paths = paths;
    return ERR_OK;
}

/* --- statements --------------------------------------------------------------------------- */

/* Everything that the statements of one table and batch are built of. */
struct reading {
    struct lake *lake;
    struct lake_table *table;
    const struct clean_model *model;
    const struct record_table *source;
    struct clean_column *columns; /* of the table */
    const char *const *paths;
    size_t path_count;
    unsigned row_bytes; /* longest line; DuckDB's buffers are twice as large */
};

/* Raw and typed columns carry names that no table has, so that both can stand side by side. */
static void add_raw_name(struct buf *sql, size_t i)
{
    buf_addf(sql, "\"?r%zu\"", i);
}

static void add_typed_name(struct buf *sql, size_t i)
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
    const struct record_column *now = find_column(table->source, name);
    const struct record_column *then =
        now && source != table->source && now->number > 0 ? find_number(source, now->number) : NULL;
    return then ? then : find_column(source, name);
}

static void read_columns(struct reading *reading)
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
static void add_raw(const struct reading *reading, const bool *wanted, struct buf *sql)
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
        add_typed_name(sql, i);
    }
    buf_add_text(sql, " from ");
    add_raw(reading, NULL, sql);
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
        add_typed_name(sql, i);
        buf_add_text(sql, " as ");
        duck_ident(sql, reading->table->columns[i].name);
    }
}

static void add_stamp(const struct lake *lake, bool deleted, struct buf *sql)
{
    buf_addf(sql, ", %" PRIu64 "::bigint as _batch_id, ", lake->row_batch);
    lake_captured_sql(lake->row_captured_us, sql);
    buf_addf(sql, " as _captured_at, %s as _deleted", deleted ? "true" : "false");
}

static void good_rows_sql(const struct reading *reading, struct buf *sql)
{
    const struct clean_model *model = reading->model;
    size_t checks = model ? model->check_count : 0;
    if (checks)
        buf_add_text(sql, "select * from (");
    buf_add_text(sql, "select ");
    add_renamed(reading, sql);
    add_stamp(reading->lake, false, sql);
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

static void bad_rows_sql(const struct reading *reading, struct buf *sql)
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
static enum err_code check_conditions(const struct reading *reading, struct err *err)
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

/* --- rows --------------------------------------------------------------------------------- */

static enum err_code write_good(struct reading *reading, struct lake_file **ret_file,
                                struct err *err)
{
    for (;;) {
        CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
        good_rows_sql(reading, &sql);
        enum err_code code = lake_write(reading->lake, reading->table, sql.data, ret_file, err);
        if (code == ERR_OK || reading->row_bytes >= ROW_BYTES_MAX ||
            !strstr(err->message, "maximum_object_size"))
            return code;
        reading->row_bytes *= ROW_BYTES_STEP; /* memory for longer lines only when there is need */
    }
}

static enum err_code write_bad(struct reading *reading, uint64_t expected, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    struct lake_file *file;
    bad_rows_sql(reading, &sql);
    TRY(lake_write(reading->lake, reading->table, sql.data, &file, err));
    uint64_t rows = file ? file->file.rows : 0;
    if (file) {
        file->is_quarantine = true;
        file->in_table = false;
    }
    reading->table->quarantined += rows;
    if (rows == expected)
        return ERR_OK;
    return err_set(err, ERR_DATA,
                   "the objects of table '%s' hold other rows than the record of batch %" PRIu64
                   " says",
                   reading->table->name, reading->lake->row_batch);
}

static enum err_code clean_live(struct reading *reading, struct lake_file **ret_file,
                                struct err *err)
{
    const struct record_table *source = reading->source;
    struct lake_file *file;
    uint64_t expected = 0;
    *ret_file = NULL;
    if (source->object_count == 0)
        return ERR_OK;
    for (size_t i = 0; i < source->object_count; i++)
        expected += source->objects[i].rows;
    reading->path_count = source->object_count;
    TRY(fetch_objects(reading->lake, source->objects, source->object_count, &reading->paths, err));
    TRY(write_good(reading, &file, err));
    uint64_t good = file ? file->file.rows : 0;
    reading->table->rows += good;
    if (file)
        file->for_load = true;
    *ret_file = file;
    return good == expected ? ERR_OK : write_bad(reading, expected - good, err);
}

/* --- deletions ---------------------------------------------------------------------------- */

/* Column numbers of the key, in key order; columns of the key that the table lacks are left out. */
static size_t key_columns(const struct reading *reading, size_t *ret_numbers)
{
    size_t count = 0;
    for (size_t k = 0; k < reading->source->key_count; k++)
        for (size_t i = 0; i < reading->table->column_count; i++)
            if (reading->columns[i].json_name &&
                text_equal(reading->columns[i].json_name, reading->source->key[k]))
                ret_numbers[count++] = i;
    return count;
}

static void deleted_rows_sql(const struct reading *reading, const struct lake_choice *choice,
                             const size_t *key, size_t key_count, struct buf *sql)
{
    const struct lake_table *table = reading->table;
    CLEANUP_IN_PLACE(buf_release) struct buf names = {0};
    CLEANUP(free) char *wanted = mem_zalloc(table->column_count + 1, sizeof(bool));
    for (size_t k = 0; k < key_count; k++) {
        ((bool *)wanted)[key[k]] = true;
        buf_add_text(&names, k ? ", " : "");
        duck_ident(&names, table->columns[key[k]].name);
    }
    buf_add_text(sql, "select ");
    for (size_t i = 0; i < table->column_count; i++) {
        buf_add_text(sql, i ? ", " : "");
        duck_ident(sql, table->columns[i].name);
    }
    add_stamp(reading->lake, true, sql);
    buf_addf(sql,
             " from (select *, row_number() over (partition by %s order by _batch_id desc) as "
             "\"?n\" from ",
             buf_text(&names));
    lake_relation(table, choice, sql);
    buf_add_text(sql, " as c join (select ");
    for (size_t k = 0; k < key_count; k++) {
        buf_addf(sql, "%s%s as ", k ? ", " : "", reading->columns[key[k]].typed);
        add_typed_name(sql, key[k]);
    }
    buf_add_text(sql, " from ");
    add_raw(reading, (const bool *)wanted, sql);
    buf_add_text(sql, ") as d on ");
    for (size_t k = 0; k < key_count; k++) {
        buf_add_text(sql, k ? " and c." : "c.");
        duck_ident(sql, table->columns[key[k]].name);
        buf_add_text(sql, " = d.");
        add_typed_name(sql, key[k]);
    }
    buf_addf(sql, ") where \"?n\" = 1 and not _deleted order by %s", buf_text(&names));
}

static enum err_code write_deleted(struct reading *reading, const struct lake_choice *choice,
                                   struct lake_file **ret_file, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    CLEANUP(free) char *memory = mem_alloc((reading->source->key_count + 1) * sizeof(size_t));
    size_t *key = (size_t *)(void *)memory;
    size_t key_count = key_columns(reading, key);
    if (key_count == 0 || key_count != reading->source->key_count)
        return err_set(err, ERR_DATA,
                       "the record of batch %" PRIu64 " gives table '%s' no usable key",
                       reading->lake->row_batch, reading->table->name);
    deleted_rows_sql(reading, choice, key, key_count, &sql);
    return lake_write(reading->lake, reading->table, sql.data, ret_file, err);
}

/* The last content stands where the record says, or earlier when the last version was quarantined;
 * a key that never had clean content was never seen by anybody, and is not seen now. */
static enum err_code clean_deleted(struct reading *reading, struct err *err)
{
    const struct record_table *source = reading->source;
    struct lake_table *table = reading->table;
    struct lake_choice choice = {.part = LAKE_LISTED,
                                 .listed = source->deleted_from,
                                 .listed_count = source->deleted_from_count};
    struct lake_file *file = NULL;
    if (source->deleted_object_count == 0)
        return ERR_OK;
    TRY(lake_load_files(reading->lake, table, err));
    reading->path_count = source->deleted_object_count;
    TRY(fetch_objects(reading->lake, source->deleted_objects, source->deleted_object_count,
                      &reading->paths, err));
    if (source->deleted_from_count > 0)
        TRY(write_deleted(reading, &choice, &file, err));
    if (!file || file->file.rows < source->deleted) {
        if (file)
            lake_discard(reading->lake, table, file);
        choice = (struct lake_choice){.part = LAKE_UP_TO, .batch = reading->lake->row_batch};
        TRY(write_deleted(reading, &choice, &file, err));
    }
    table->deleted += file ? file->file.rows : 0;
    if (file)
        file->for_load = true;
    return ERR_OK;
}

static void replaced_rows_sql(const struct reading *reading, const struct lake_file *live,
                              struct buf *sql)
{
    const struct lake_table *table = reading->table;
    const struct lake_choice past = {.part = LAKE_UP_TO, .batch = reading->lake->row_batch - 1};
    CLEANUP_IN_PLACE(buf_release) struct buf names = {0};
    for (size_t i = 0; i < table->key_count; i++) {
        buf_add_text(&names, i ? ", " : "");
        duck_ident(&names, table->key[i]);
    }
    buf_add_text(sql, "select ");
    for (size_t i = 0; i < table->column_count; i++) {
        buf_add_text(sql, i ? ", " : "");
        duck_ident(sql, table->columns[i].name);
    }
    add_stamp(reading->lake, true, sql);
    buf_addf(sql,
             " from (select *, row_number() over (partition by %s order by _batch_id desc) as "
             "\"?n\" from ",
             buf_text(&names));
    lake_relation(table, &past, sql);
    buf_add_text(sql, ") as c where \"?n\" = 1 and not _deleted");
    if (live) {
        buf_add_text(sql, " and not exists (select 1 from ");
        lake_file_relation(&live, 1, sql);
        buf_add_text(sql, " as l where ");
        for (size_t i = 0; i < table->key_count; i++) {
            buf_add_text(sql, i ? " and l." : "l.");
            duck_ident(sql, table->key[i]);
            buf_add_text(sql, " = c.");
            duck_ident(sql, table->key[i]);
        }
        buf_add_char(sql, ')');
    }
    buf_addf(sql, " order by %s", buf_text(&names));
}

/* A table that was dropped and made again, or that has another key now: ingest sent it whole, and
 * could not tell what is no longer there. */
static enum err_code clean_replaced(struct reading *reading, const struct lake_file *live,
                                    struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    struct lake_file *file;
    TRY(lake_load_files(reading->lake, reading->table, err));
    replaced_rows_sql(reading, live, &sql);
    TRY(lake_write(reading->lake, reading->table, sql.data, &file, err));
    if (file)
        file->for_load = true;
    reading->table->deleted += file ? file->file.rows : 0;
    return ERR_OK;
}

enum err_code clean_batch(struct lake *lake, struct lake_table *table,
                          const struct clean_model *model, const struct record_table *source,
                          struct err *err)
{
    struct reading reading = {
        .lake = lake, .table = table, .model = model, .source = source, .row_bytes = ROW_BYTES};
    read_columns(&reading);
    TRY(check_conditions(&reading, err));
    struct lake_file *live;
    enum err_code code = clean_live(&reading, &live, err);
    if (code == ERR_OK)
        code = clean_deleted(&reading, err);
    if (code == ERR_OK && table->is_replaced && source == table->source)
        code = clean_replaced(&reading, live, err);
    if (code != ERR_OK)
        return err_wrap(err, "cleaning table '%s' of batch %" PRIu64, table->name, lake->row_batch);
    return ERR_OK;
}
