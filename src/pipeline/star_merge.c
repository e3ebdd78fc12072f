/* A dimension or mirror in the lake: new keys in a new file; files that hold changed keys are
 * replaced, and many small ones become one. */
#include <string.h>

#include "base/text.h"
#include "pipeline/star.h"

enum {
    SMALL_FILES_MAX = 16
};
static const uint64_t small_bytes = UINT64_C(4) << 20;
static const uint64_t joined_bytes = UINT64_C(64) << 20;

static void add_keys(const struct lake_table *table, const char *alias, struct buf *sql)
{
    for (size_t i = 0; i < table->key_count; i++) {
        buf_addf(sql, "%s%s.", i ? ", " : "", alias);
        duck_ident(sql, table->key[i]);
    }
}

static void add_match(const struct lake_table *table, struct buf *sql)
{
    for (size_t i = 0; i < table->key_count; i++) {
        buf_add_text(sql, i ? " and c." : "c.");
        duck_ident(sql, table->key[i]);
        buf_add_text(sql, " = e.");
        duck_ident(sql, table->key[i]);
    }
}

/* Keys that this batch brings or takes. */
static void add_changed(const struct lake_table *table, const struct lake_file *upserts,
                        const struct lake_file *deletions, struct buf *sql)
{
    const struct lake_file *files[2];
    size_t count = 0;
    if (upserts)
        files[count++] = upserts;
    if (deletions)
        files[count++] = deletions;
    buf_add_text(sql, "(select ");
    add_keys(table, "f", sql);
    buf_add_text(sql, " from ");
    lake_file_relation(files, count, sql);
    buf_add_text(sql, " as f) as c");
}

struct affected {
    struct lake_table *table;
    const struct lake_file **files;
    size_t count;
};

static bool take_affected(void *arg, size_t column_count, const char *const *names,
                          const struct span *cells)
{
    struct affected *affected = arg;
    (void)column_count, (void)names;
    for (size_t i = 0; i < affected->table->file_count; i++) {
        const struct lake_file *file = affected->table->files[i];
        if (!file->is_new && strlen(file->local) == cells[0].size &&
            memcmp(file->local, cells[0].data, cells[0].size) == 0)
            affected->files[affected->count++] = file;
    }
    return true;
}

static enum err_code find_affected(struct lake *lake, struct lake_table *table,
                                   const struct lake_file *const *old, size_t old_count,
                                   const struct buf *changed, struct affected *affected,
                                   struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    buf_add_text(&sql, "select distinct e.filename from read_parquet([");
    for (size_t i = 0; i < old_count; i++) {
        buf_add_text(&sql, i ? ", " : "");
        duck_literal(&sql, old[i]->local);
    }
    buf_addf(&sql, "], filename = true) as e semi join %s on ", changed->data);
    add_match(table, &sql);
    return duck_query_each(lake->duck, sql.data, NULL, 0, take_affected, affected, err);
}

static bool is_listed(const struct affected *affected, const struct lake_file *file)
{
    for (size_t i = 0; i < affected->count; i++)
        if (affected->files[i] == file)
            return true;
    return false;
}

/* So that a table of one row a batch does not become a thousand files. */
static void add_small(const struct lake_file *const *old, size_t old_count,
                      struct affected *affected)
{
    size_t small = 0;
    for (size_t i = 0; i < old_count; i++)
        small += old[i]->file.bytes < small_bytes;
    for (size_t i = 0; small > SMALL_FILES_MAX && i < old_count; i++)
        if (old[i]->file.bytes < small_bytes && !is_listed(affected, old[i]))
            affected->files[affected->count++] = old[i];
}

static enum err_code rewrite(struct lake *lake, struct lake_table *table,
                             const struct lake_file *const *files, size_t count,
                             const struct buf *changed, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf sql = {0};
    struct lake_file *kept;
    buf_add_text(&sql, "select e.* from ");
    lake_file_relation(files, count, &sql);
    buf_addf(&sql, " as e anti join %s on ", changed->data);
    add_match(table, &sql);
    TRY(lake_write(lake, table, sql.data, &kept, err));
    for (size_t i = 0; i < table->file_count; i++)
        for (size_t k = 0; k < count; k++)
            if (table->files[i] == files[k])
                table->files[i]->is_removed = true;
    if (kept)
        kept->batch = 0; /* rows of several */
    return ERR_OK;
}

/* Together while they are small, one by one when they are not. */
static enum err_code rewrite_affected(struct lake *lake, struct lake_table *table,
                                      const struct affected *affected, const struct buf *changed,
                                      struct err *err)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < affected->count; i++)
        bytes += affected->files[i]->file.bytes;
    if (affected->count > 0 && bytes <= joined_bytes)
        return rewrite(lake, table, affected->files, affected->count, changed, err);
    for (size_t i = 0; i < affected->count; i++)
        TRY(rewrite(lake, table, &affected->files[i], 1, changed, err));
    return ERR_OK;
}

enum err_code star_merge(struct lake *lake, struct lake_table *table, struct lake_file *upserts,
                         struct lake_file *deletions, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf changed = {0};
    const struct lake_file **old =
        arena_alloc(lake->arena, (table->file_count + 1) * sizeof(struct lake_file *));
    struct affected affected = {
        .table = table,
        .files = arena_alloc(lake->arena, (table->file_count + 1) * sizeof(struct lake_file *))};
    size_t old_count = 0;
    if (deletions)
        deletions->in_table = false; /* for load alone */
    for (size_t i = 0; i < table->file_count; i++)
        if (table->files[i]->in_table && !table->files[i]->is_new)
            old[old_count++] = table->files[i];
    if (old_count == 0 || (!upserts && !deletions))
        return ERR_OK;
    add_changed(table, upserts, deletions, &changed);
    TRY(find_affected(lake, table, old, old_count, &changed, &affected, err));
    add_small(old, old_count, &affected);
    return rewrite_affected(lake, table, &affected, &changed, err);
}
