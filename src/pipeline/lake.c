#include "pipeline/lake.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "pipeline/object_names.h"

static const struct delta_column clean_columns[] = {
    {"_batch_id", "BIGINT"},
    {"_captured_at", "TIMESTAMP WITH TIME ZONE"},
    {"_deleted", "BOOLEAN"},
};
static const struct delta_column fact_columns[] = {
    {"batch_id", "BIGINT"},
    {"captured_at", "TIMESTAMP WITH TIME ZONE"},
    {"deleted", "BOOLEAN"},
};
static const struct delta_column other_columns[] = {
    {"_batch_id", "BIGINT"},
    {"_deleted", "BOOLEAN"},
};

size_t lake_added_columns(enum lake_kind kind, const struct delta_column **ret_columns)
{
    switch (kind) {
    case LAKE_CLEAN:
        *ret_columns = clean_columns;
        return COUNT_OF(clean_columns);
    case LAKE_FACT:
        *ret_columns = fact_columns;
        return COUNT_OF(fact_columns);
    case LAKE_MIRROR:
        *ret_columns = other_columns;
        return COUNT_OF(other_columns);
    case LAKE_DIMENSION:
    case LAKE_CALENDAR:
        break;
    }
    *ret_columns = other_columns;
    return 1;
}

const char *lake_kind_name(enum lake_kind kind)
{
    static const char *const names[] = {
        [LAKE_CLEAN] = "clean",   [LAKE_FACT] = "fact",         [LAKE_DIMENSION] = "dimension",
        [LAKE_MIRROR] = "mirror", [LAKE_CALENDAR] = "calendar",
    };
    return names[kind];
}

struct lake_table *lake_find_clean(struct lake *lake, const char *name)
{
    for (size_t i = 0; i < lake->clean_count; i++)
        if (strcasecmp(lake->tables[i].name, name) == 0)
            return &lake->tables[i];
    return NULL;
}

struct lake_table *lake_find_model(struct lake *lake, const char *name)
{
    for (size_t i = lake->clean_count; i < lake->table_count; i++)
        if (text_equal(lake->tables[i].name, name))
            return &lake->tables[i];
    return NULL;
}

static void place_file(struct lake *lake, struct lake_table *table, struct lake_file *file)
{
    if (table->file_count == table->file_capacity) {
        size_t capacity = table->file_capacity ? table->file_capacity * 2 : 8;
        struct lake_file **larger = arena_alloc(lake->arena, capacity * sizeof *larger);
        if (table->file_count)
            memcpy(larger, table->files, table->file_count * sizeof *larger);
        table->files = larger;
        table->file_capacity = capacity;
    }
    table->files[table->file_count++] = file;
}

static struct lake_file *add_file(struct lake *lake, struct lake_table *table,
                                  const struct lake_file *file)
{
    struct lake_file *added = arena_alloc(lake->arena, sizeof *added);
    *added = *file;
    place_file(lake, table, added);
    return added;
}

enum err_code lake_load_files(struct lake *lake, struct lake_table *table, struct err *err)
{
    if (table->files_known)
        return ERR_OK;
    struct delta_state state = {.version = -1};
    TRY(delta_read(lake->processed, lake->duck, lake->work_dir, table->directory, table->version,
                   lake->arena, &state, err));
    TRY(delta_follow(lake->processed, table->directory, table->app_id, lake->batch, lake->arena,
                     &state, err));
    struct lake_file **fresh = table->files; /* what this batch wrote comes after the older */
    size_t fresh_count = table->file_count;
    table->version = state.version;
    table->files = NULL;
    table->file_count = table->file_capacity = 0;
    for (size_t i = 0; i < state.file_count; i++) {
        struct lake_file file = {.file = state.files[i], .in_table = true};
        file.batch = object_file_batch(file.file.path); /* 0: another program's, of any batches */
        file.key = arena_printf(lake->arena, "%s/%s", table->directory, file.file.path);
        if (store_local_copy(lake->processed, file.key, lake->work_dir, lake->arena, &file.local,
                             err) != ERR_OK)
            return err_wrap(err, "reading table '%s'", table->name);
        (void)add_file(lake, table, &file);
    }
    for (size_t i = 0; i < fresh_count; i++)
        place_file(lake, table, fresh[i]);
    table->files_known = true;
    return ERR_OK;
}

/* --- writing --- */

enum err_code lake_write(struct lake *lake, struct lake_table *table, const char *select,
                         struct lake_file **ret_file, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0}, name = {0};
    uint64_t rows = 0;
    unsigned serial = lake->serial += lake->serial_step;
    const char *local =
        arena_printf(lake->arena, "%s/%s-%u.parquet", lake->staging_dir, lake->attempt, serial);
    buf_add_text(&sql, "copy (");
    buf_add_text(&sql, select);
    buf_add_text(&sql, "\n) to ");
    duck_literal(&sql, local);
    buf_add_text(&sql, " (format parquet, compression zstd)");
    enum err_code code = duck_exec(lake->duck, sql.data, &rows, err);
    if (code != ERR_OK || rows == 0)
        (void)unlink(local);
    if (code != ERR_OK)
        return code;
    *ret_file = NULL;
    if (rows == 0)
        return ERR_OK;
    struct lake_file file = {
        .batch = lake->row_batch, .local = local, .is_new = true, .in_table = true};
    file.file.rows = rows;
    file.file.at_ms = lake->captured_us / 1000;
    object_file_name(lake->row_batch, lake->attempt, serial, &name);
    file.file.path = arena_strdup(lake->arena, buf_text(&name));
    *ret_file = add_file(lake, table, &file);
    return ERR_OK;
}

void lake_discard(struct lake *lake, struct lake_table *table, struct lake_file *file)
{
    size_t kept = 0;
    (void)lake;
    (void)unlink(file->local);
    for (size_t i = 0; i < table->file_count; i++)
        if (table->files[i] != file)
            table->files[kept++] = table->files[i];
    table->file_count = kept;
}

/* --- reading --- */

void lake_captured_sql(int64_t captured_us, struct buf *sql)
{
    char text[CLOCK_TEXT_MAX];
    clock_format(captured_us, text);
    buf_addf(sql, "timestamptz '%s+00'", text);
}

void lake_file_relation(const struct lake_file *const *files, size_t count, struct buf *sql)
{
    buf_add_text(sql, "read_parquet([");
    for (size_t i = 0; i < count; i++) {
        buf_add_text(sql, i ? ", " : "");
        duck_literal(sql, files[i]->local);
    }
    buf_add_text(sql, count > 1 ? "], union_by_name = true)" : "])");
}

static bool is_chosen(const struct lake_file *file, const struct lake_choice *choice)
{
    if (!file->in_table || file->is_removed)
        return false;
    switch (choice->part) {
    case LAKE_ALL:
        return true;
    case LAKE_BATCH:
        return file->batch == choice->batch || file->batch == 0;
    case LAKE_UP_TO:
        return file->batch <= choice->batch;
    case LAKE_LISTED:
        break;
    }
    bool listed = file->batch == 0;
    for (size_t i = 0; i < choice->listed_count; i++)
        listed |= choice->listed[i] == file->batch;
    return listed;
}

/* A relation without rows that has every column, for files written before a column was there. */
static void add_shape(const struct lake_table *table, struct buf *sql)
{
    const struct delta_column *added;
    size_t added_count = lake_added_columns(table->kind, &added);
    buf_add_text(sql, "select ");
    for (size_t i = 0; i < table->column_count; i++) {
        buf_addf(sql, "%snull::%s as ", i ? ", " : "", table->columns[i].type);
        duck_ident(sql, table->columns[i].name);
    }
    for (size_t i = 0; i < added_count; i++)
        buf_addf(sql, "%snull::%s as \"%s\"", i || table->column_count ? ", " : "", added[i].type,
                 added[i].name);
    buf_add_text(sql, " where false");
}

/* Of a batch only its rows, whatever else a file that was compacted holds. */
static void add_filter(const struct lake_table *table, const struct lake_choice *choice,
                       struct buf *sql)
{
    const char *column = table->kind == LAKE_FACT ? "batch_id" : "_batch_id";
    if (choice->part == LAKE_BATCH || choice->part == LAKE_UP_TO)
        buf_addf(sql, " where %s %s %" PRIu64, column,
                 choice->part == LAKE_BATCH ? "=" : "<=", choice->batch);
}

void lake_relation(const struct lake_table *table, const struct lake_choice *choice,
                   struct buf *sql)
{
    CLEANUP(free) char *memory = mem_alloc((table->file_count + 1) * sizeof(struct lake_file *));
    const struct lake_file **files = (const struct lake_file **)(void *)memory;
    size_t count = 0;
    bool all_new = true, mixed = false;
    for (size_t i = 0; i < table->file_count; i++) {
        if (!is_chosen(table->files[i], choice))
            continue;
        files[count++] = table->files[i];
        all_new &= table->files[i]->is_new;
        mixed |= table->files[i]->batch == 0;
    }
    buf_add_char(sql, '(');
    if (count == 0) {
        add_shape(table, sql);
    } else {
        if (!all_new) {
            add_shape(table, sql);
            buf_add_text(sql, " union all by name ");
        }
        buf_add_text(sql, "select * from ");
        lake_file_relation(files, count, sql);
        if (mixed)
            add_filter(table, choice, sql);
    }
    buf_add_char(sql, ')');
}
