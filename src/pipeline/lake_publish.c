/* The second part of a batch: staged files become objects, then the tables' logs name them. */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/text.h"
#include "base/workers.h"
#include "pipeline/lake.h"

enum {
    PUBLISH_WORKERS = 8
};

/* --- files --- */

struct file_task {
    struct lake_file *file;
    char sha256[SHA256_HEX_SIZE];
    const char *kept; /* a second name of the local file, which the put consumes */
};

struct file_tasks {
    struct lake *lake;
    struct file_task *list;
    size_t count;
};

static const char *object_key(struct lake *lake, const struct lake_table *table,
                              const struct lake_file *file)
{
    if (file->is_quarantine)
        return arena_printf(lake->arena, "quarantine/%s/%s/%s", lake_kind_name(table->kind),
                            table->name, file->file.path);
    return arena_printf(lake->arena, "%s/%s%s", table->directory, file->in_table ? "" : "_rows/",
                        file->file.path);
}

/* A directory's object is a local file itself; of others a link stays for the batches that follow.
 */
static enum err_code add_file_task(struct file_tasks *tasks, const struct lake_table *table,
                                   struct lake_file *file, struct err *err)
{
    struct lake *lake = tasks->lake;
    struct file_task *task = &tasks->list[tasks->count++];
    struct stat info;
    task->file = file;
    if (stat(file->local, &info) != 0)
        return file_error(err, "reading", file->local);
    file->file.bytes = (uint64_t)info.st_size;
    file->key = object_key(lake, table, file);
    if (store_staging_dir(lake->processed)) {
        task->kept = arena_printf(lake->arena, "%s/%s", store_url(lake->processed), file->key);
        return ERR_OK;
    }
    task->kept = arena_printf(lake->arena, "%s.kept.parquet", file->local);
    if (link(file->local, task->kept) != 0)
        return file_error(err, "linking", task->kept);
    return ERR_OK;
}

static enum err_code put_one(void *arg, unsigned worker, size_t index, struct err *err)
{
    struct file_tasks *tasks = arg;
    struct file_task *task = &tasks->list[index];
    (void)worker;
    TRY(sha256_of_file(task->file->local, task->sha256, err));
    if (store_put_file(tasks->lake->processed, task->file->key, task->file->local, STORE_IF_ABSENT,
                       err) != ERR_OK)
        return err_wrap(err, "writing the batch's files");
    return ERR_OK;
}

static enum err_code put_files(struct lake *lake, struct err *err)
{
    struct file_tasks tasks = {.lake = lake};
    size_t limit = 0;
    for (size_t i = 0; i < lake->table_count; i++)
        limit += lake->tables[i].file_count;
    tasks.list = arena_alloc(lake->arena, (limit + 1) * sizeof *tasks.list);
    for (size_t i = 0; i < lake->table_count; i++)
        for (size_t k = 0; k < lake->tables[i].file_count; k++)
            if (lake->tables[i].files[k]->is_new)
                TRY(add_file_task(&tasks, &lake->tables[i], lake->tables[i].files[k], err));
    TRY(workers_run(PUBLISH_WORKERS, tasks.count, put_one, &tasks, err));
    for (size_t i = 0; i < tasks.count; i++) {
        tasks.list[i].file->local = tasks.list[i].kept;
        tasks.list[i].file->file.sha256 = arena_strdup(lake->arena, tasks.list[i].sha256);
    }
    return ERR_OK;
}

/* --- logs --- */

struct log_tasks {
    struct lake *lake;
    struct lake_table **list;
    struct delta_outcome *outcomes;
    struct arena **arenas;
    size_t count;
};

static void write_objects(struct json_writer *json, const char *name,
                          const struct lake_table *table, bool quarantine)
{
    json_array_begin(json, name);
    for (size_t i = 0; i < table->file_count; i++) {
        const struct lake_file *file = table->files[i];
        if (!file->is_new || (quarantine ? !file->is_quarantine : !file->for_load))
            continue;
        json_object_begin(json, NULL);
        json_text(json, "key", file->key);
        json_uint(json, "bytes", file->file.bytes);
        json_uint(json, "rows", file->file.rows);
        json_text(json, "sha256", file->file.sha256);
        json_bool(json, "in_table", file->in_table);
        json_object_end(json);
    }
    json_array_end(json);
}

/* What another runner needs to make the same batch record from this commit. */
static void write_summary(const struct lake *lake, const struct lake_table *table,
                          struct buf *ret_summary)
{
    struct json_writer json;
    json_begin(&json, ret_summary, false);
    json_object_begin(&json, NULL);
    json_text(&json, "attempt", lake->attempt);
    json_uint(&json, "rows", table->rows);
    json_uint(&json, "deleted", table->deleted);
    json_uint(&json, "quarantined", table->quarantined);
    write_objects(&json, "objects", table, false);
    write_objects(&json, "quarantine", table, true);
    json_object_end(&json);
}

static const struct delta_column *schema_of(const struct lake_table *table, struct arena *arena,
                                            size_t *ret_count)
{
    const struct delta_column *added;
    size_t added_count = lake_added_columns(table->kind, &added);
    struct delta_column *columns =
        arena_alloc(arena, (table->column_count + added_count) * sizeof *columns);
    size_t count = 0;
    for (size_t i = 0; i < table->column_count; i++)
        columns[count++] = (struct delta_column){table->columns[i].name, table->columns[i].type};
    for (size_t i = 0; i < added_count; i++)
        columns[count++] = added[i];
    *ret_count = count;
    return columns;
}

static size_t collect(const struct lake_table *table, bool removed, struct arena *arena,
                      const struct delta_file **ret_files)
{
    struct delta_file *files = arena_alloc(arena, (table->file_count + 1) * sizeof *files);
    size_t count = 0;
    for (size_t i = 0; i < table->file_count; i++) {
        const struct lake_file *file = table->files[i];
        if (removed ? file->is_removed : file->is_new && file->in_table)
            files[count++] = file->file;
    }
    *ret_files = files;
    return count;
}

static enum err_code commit_one(void *arg, unsigned worker, size_t index, struct err *err)
{
    struct log_tasks *tasks = arg;
    struct lake *lake = tasks->lake;
    struct lake_table *table = tasks->list[index];
    struct arena *arena = tasks->arenas[index];
    CLEANUP_IN_PLACE(buf_release) struct buf summary = {0};
    (void)worker;
    write_summary(lake, table, &summary);
    struct delta_commit commit = {
        .directory = table->directory,
        .app_id = table->app_id,
        .batch = lake->batch,
        .at_ms = lake->captured_us / 1000,
        .append_only = table->kind == LAKE_CLEAN || table->kind == LAKE_FACT,
        .new_schema = table->new_schema || table->version < 0,
        .summary = summary.data,
    };
    commit.columns = schema_of(table, arena, &commit.column_count);
    commit.add_count = collect(table, false, arena, &commit.adds);
    commit.remove_count = collect(table, true, arena, &commit.removes);
    if (delta_put(lake->processed, &commit, table->version, arena, &tasks->outcomes[index], err) !=
        ERR_OK)
        return err_wrap(err, "committing table '%s'", table->name);
    return ERR_OK;
}

static enum err_code adopt_objects(struct lake *lake, struct lake_table *table,
                                   const struct json_value *objects, bool quarantine,
                                   struct err *err)
{
    for (size_t i = 0; i < json_array_count(objects); i++) {
        const struct json_value *object = json_array_at(objects, i);
        const char *key, *sha256;
        int64_t bytes, rows;
        struct lake_file *file = arena_alloc(lake->arena, sizeof *file);
        TRY(json_get_text(object, "key", &key, err));
        TRY(json_get_text(object, "sha256", &sha256, err));
        TRY(json_get_int(object, "bytes", &bytes, err));
        TRY(json_get_int(object, "rows", &rows, err));
        file->key = arena_strdup(lake->arena, key);
        file->file.path = strrchr(file->key, '/') + 1;
        file->file.sha256 = arena_strdup(lake->arena, sha256);
        file->file.bytes = (uint64_t)bytes;
        file->file.rows = (uint64_t)rows;
        file->is_new = true;
        file->for_load = !quarantine;
        file->is_quarantine = quarantine;
        file->in_table = false; /* the table's own files come from its log */
        table->files[table->file_count++] = file;
    }
    return ERR_OK;
}

/* The batch was in the log already: what is there counts, whoever wrote it.  Our objects stay
 * behind, named by nobody, until a sweep. */
static enum err_code adopt(struct lake *lake, struct lake_table *table,
                           const struct delta_outcome *outcome, struct err *err)
{
    CLEANUP(json_doc_free) struct json_doc *doc = NULL;
    const struct json_value *objects, *quarantine;
    const char *summary = arena_strdup(lake->arena, outcome->summary);
    TRY(json_parse(table->directory, summary, strlen(summary), &doc, err));
    const struct json_value *root = json_root(doc);
    TRY(json_get_array(root, "objects", &objects, err));
    TRY(json_get_array(root, "quarantine", &quarantine, err));
    table->rows = (uint64_t)json_opt_int(root, "rows", 0);
    table->deleted = (uint64_t)json_opt_int(root, "deleted", 0);
    table->quarantined = (uint64_t)json_opt_int(root, "quarantined", 0);
    table->file_capacity = json_array_count(objects) + json_array_count(quarantine);
    table->files = arena_alloc(lake->arena, (table->file_capacity + 1) * sizeof *table->files);
    table->file_count = 0;
    TRY(adopt_objects(lake, table, objects, false, err));
    TRY(adopt_objects(lake, table, quarantine, true, err));
    table->files_known = false; /* read from the log when next needed */
    return ERR_OK;
}

static bool has_commit(const struct lake_table *table)
{
    for (size_t i = 0; i < table->file_count; i++)
        if (table->files[i]->is_removed || (table->files[i]->is_new && table->files[i]->in_table))
            return true;
    return false;
}

static enum err_code checkpoint(struct lake *lake, const struct lake_table *table, struct err *err)
{
    struct delta_state state;
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    if (table->version == 0 || table->version % DELTA_CHECKPOINT_EVERY != 0)
        return ERR_OK;
    TRY(delta_read(lake->processed, lake->duck, lake->work_dir, table->directory, table->version,
                   scratch, &state, err));
    return delta_checkpoint(lake->processed, lake->duck, lake->work_dir, table->directory, &state,
                            err);
}

/* Facts after what they refer to, as somebody may read the tables without the records. */
static enum err_code commit_logs(struct lake *lake, bool facts, struct err *err)
{
    struct log_tasks tasks = {.lake = lake};
    tasks.list = arena_alloc(lake->arena, (lake->table_count + 1) * sizeof *tasks.list);
    tasks.outcomes = arena_alloc(lake->arena, (lake->table_count + 1) * sizeof *tasks.outcomes);
    tasks.arenas = arena_alloc(lake->arena, (lake->table_count + 1) * sizeof(struct arena *));
    for (size_t i = 0; i < lake->table_count; i++)
        if ((lake->tables[i].kind == LAKE_FACT) == facts && has_commit(&lake->tables[i]))
            tasks.list[tasks.count++] = &lake->tables[i];
    for (size_t i = 0; i < tasks.count; i++)
        tasks.arenas[i] = arena_new(0);
    enum err_code code = workers_run(PUBLISH_WORKERS, tasks.count, commit_one, &tasks, err);
    for (size_t i = 0; i < tasks.count && code == ERR_OK; i++) {
        struct lake_table *table = tasks.list[i];
        if (tasks.outcomes[i].adopted)
            code = adopt(lake, table, &tasks.outcomes[i], err);
        table->version = tasks.outcomes[i].version;
        if (code == ERR_OK)
            code = checkpoint(lake, table, err);
    }
    for (size_t i = 0; i < tasks.count; i++)
        arena_free(tasks.arenas[i]);
    return code;
}

enum err_code lake_publish(struct lake *lake, struct err *err)
{
    TRY(put_files(lake, err));
    TRY(commit_logs(lake, false, err));
    return commit_logs(lake, true, err);
}

void lake_settle(struct lake *lake)
{
    for (size_t i = 0; i < lake->table_count; i++) {
        struct lake_table *table = &lake->tables[i];
        size_t kept = 0;
        for (size_t k = 0; k < table->file_count; k++) {
            struct lake_file *file = table->files[k];
            if (!table->files_known || !file->in_table || file->is_removed)
                continue;
            file->is_new = file->for_load = false;
            table->files[kept++] = file;
        }
        table->file_count = kept;
    }
}

void lake_abandon(struct lake *lake)
{
    for (size_t i = 0; i < lake->table_count; i++)
        for (size_t k = 0; k < lake->tables[i].file_count; k++) {
            const struct lake_file *file = lake->tables[i].files[k];
            if (file->is_new && file->local && text_starts(file->local, lake->staging_dir))
                (void)unlink(file->local);
        }
}
