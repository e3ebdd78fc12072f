#include "pipeline/load_batch.h"

#include <inttypes.h>
#include <string.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/text.h"
#include "pipeline/delta.h"

struct table_files {
    const struct record_object *objects;
    size_t count;
};

/* Objects */

static enum err_code check_object(const struct load_job *job, const struct record_object *object,
                                  const char *path, struct err *err)
{
    char sha256[SHA256_HEX_SIZE];
    if (!object->sha256 || !*object->sha256)
        return ERR_OK; /* put there by another program, which keeps no hash */
    TRY(sha256_of_file(path, sha256, err));
    if (text_equal(sha256, object->sha256))
        return ERR_OK;
    (void)err_set(err, ERR_DATA,
                  "object '%s' is not what the record of batch %" PRIu64
                  " says: its SHA-256 is %.12s…, not %.12s…",
                  object->key, job->record->batch, sha256, object->sha256);
    return err_hint(
        err, "it was changed after it was written: bring back the original (an older version of "
             "the object, a backup)");
}

static enum err_code fetch(const struct load_job *job, const struct table_files *files,
                           const char *work_dir, struct arena *arena, const char ***ret_paths,
                           struct err *err)
{
    const char **paths = arena_alloc(arena, (files->count + 1) * sizeof *paths);
    for (size_t i = 0; i < files->count; i++) {
        const struct record_object *object = &files->objects[i];
        TRY(cancel_check(err));
        enum err_code code =
            store_local_copy(job->store, object->key, work_dir, arena, &paths[i], err);
        if (code == ERR_NOT_FOUND) {
            (void)err_set(err, ERR_DATA, "object '%s' of batch %" PRIu64 " is gone from '%s'",
                          object->key, job->record->batch, store_url(job->store));
            return err_hint(err, "objects of a committed batch must not be removed: bring it back");
        }
        TRY(code);
        TRY(check_object(job, object, paths[i], err));
    }
    *ret_paths = paths;
    return ERR_OK;
}

/* Whole tables */

/* The folder of a store that is a folder, which holds its staging folder. */
static const char *store_folder(struct store *store, struct arena *arena)
{
    const char *staging = store_staging_dir(store);
    const char *slash = staging ? strrchr(staging, '/') : NULL;
    return slash ? arena_strndup(arena, staging, (size_t)(slash - staging)) : NULL;
}

/* Only long logs have checkpoints, and only they need a DuckDB to be read. */
static enum err_code open_duck(const struct load_job *job, const char *work_dir,
                               struct arena *arena, struct duck **ret_duck, struct err *err)
{
    int64_t longest = -1;
    for (size_t i = 0; i < job->record->table_count; i++)
        if (job->record->tables[i].delta_version > longest)
            longest = job->record->tables[i].delta_version;
    if (longest < DELTA_CHECKPOINT_EVERY)
        return ERR_OK;
    const char *dirs[] = {work_dir, store_folder(job->store, arena), NULL};
    const struct duck_options options = {.allowed_dirs = dirs, .threads = 1};
    return duck_open(&options, ret_duck, err);
}

static enum err_code files_of_lake(const struct load_job *job, struct duck *duck,
                                   const char *work_dir, const struct processed_table *table,
                                   struct arena *arena, struct table_files *ret_files,
                                   struct err *err)
{
    struct delta_state state;
    TRY(delta_read(job->store, duck, work_dir, table->directory, table->delta_version, arena,
                   &state, err));
    struct record_object *objects = arena_alloc(arena, (state.file_count + 1) * sizeof *objects);
    for (size_t i = 0; i < state.file_count; i++)
        objects[i] = (struct record_object){
            .key = arena_printf(arena, "%s/%s", table->directory, state.files[i].path),
            .bytes = state.files[i].bytes,
            .rows = state.files[i].rows,
            .sha256 = state.files[i].sha256,
        };
    *ret_files = (struct table_files){.objects = objects, .count = state.file_count};
    return ERR_OK;
}

/* Loading */

struct loading {
    const struct load_job *job;
    struct arena *arena;
    struct work_dir *dir;
    struct duck *duck; /* for reading Delta logs; NULL: not needed */
    struct step_report *report;
    struct step_batch *entry;
};

static enum err_code load_table(struct loading *loading, const struct warehouse_table *table,
                                const struct processed_table *source, struct err *err)
{
    const struct load_job *job = loading->job;
    const char *work_dir = work_dir_path(loading->dir);
    struct table_files files = {.objects = source->objects, .count = source->object_count};
    int64_t start_us = clock_monotonic_us(), started_us = clock_now_us();
    if (job->whole && source->delta_version >= 0)
        TRY(files_of_lake(job, loading->duck, work_dir, source, loading->arena, &files, err));
    if (files.count == 0)
        return ERR_OK;
    const char **paths = NULL;
    struct warehouse_load_result result;
    uint64_t rows = 0, bytes = 0;
    for (size_t i = 0; i < files.count; i++) {
        rows += files.objects[i].rows;
        bytes += files.objects[i].bytes;
    }
    TRY(fetch(job, &files, work_dir, loading->arena, &paths, err));
    TRY(warehouse_load(job->warehouse, table, paths, files.count, rows, &result, err));
    progress_add(rows, bytes);

    struct step_table *entry = step_batch_add(loading->report, loading->entry, table->name);
    entry->rows = job->whole ? rows : source->rows;
    entry->deleted = job->whole ? 0 : source->deleted;
    entry->quarantined = job->whole ? 0 : source->quarantined;
    entry->bytes = bytes;
    entry->duration_us = clock_monotonic_us() - start_us;
    entry->started_us = started_us;
    return ERR_OK;
}

static enum err_code load_all(struct loading *loading, struct err *err)
{
    const struct load_job *job = loading->job;
    const struct processed_record *record = job->record;
    struct warehouse_table *tables;
    const struct processed_table **sources;
    size_t count;
    TRY(load_tables(record, loading->arena, &tables, &sources, &count, err));
    /* the lake's own table of a mirror has no rows that tell of deletions, nor a column for them */
    for (size_t i = 0; job->whole && i < count; i++)
        if (tables[i].kind == WAREHOUSE_MIRROR)
            tables[i].kind = WAREHOUSE_DIMENSION;
    TRY(warehouse_define(job->warehouse, tables, count, err));
    if (job->whole)
        TRY(open_duck(job, work_dir_path(loading->dir), loading->arena, &loading->duck, err));
    for (size_t i = 0; i < count; i++)
        TRY(load_table(loading, &tables[i], sources[i], err));
    return warehouse_commit(job->warehouse, err);
}

enum err_code load_batch(const struct load_job *job, struct step_report *report, struct err *err)
{
    CLEANUP(arena_free) struct arena *batch_arena = arena_new(0);
    CLEANUP(work_dir_close) struct work_dir *dir = NULL;
    const struct processed_record *record = job->record;
    const struct warehouse_batch batch = {
        .lake = record->lake,
        .generation = record->generation,
        .batch = record->batch,
        .captured_us = record->captured_us,
        .rebuild = job->rebuild,
    };
    int64_t start_us = clock_monotonic_us(), started_us = clock_now_us();
    TRY(work_dir_open(job->work_parent, &dir, err));
    TRY(warehouse_begin(job->warehouse, &batch, err));
    /* entered in the caller's report only when it is done */
    struct step_report done = {.arena = report->arena};
    struct loading loading = {
        .job = job,
        .arena = batch_arena,
        .dir = dir,
        .report = &done,
        .entry = step_report_add(&done, record->batch, record->captured_us),
    };
    enum err_code code = load_all(&loading, err);
    duck_close(loading.duck);
    if (code != ERR_OK) {
        warehouse_rollback(job->warehouse);
        return err_wrap(err, "batch %" PRIu64, record->batch);
    }
    struct step_batch *entry = step_report_add(report, record->batch, record->captured_us);
    *entry = *loading.entry;
    entry->started_us = started_us;
    entry->duration_us = clock_monotonic_us() - start_us;
    return ERR_OK;
}
