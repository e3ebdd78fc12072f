#include "pipeline/process_make.h"

#include <string.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "base/workers.h"
#include "pipeline/clean.h"
#include "pipeline/process_plan.h"
#include "pipeline/star.h"
#include "pipeline/views.h"

enum {
    CREW_MAX = 4,
    /* DuckDB's limit is not all that the process uses: buffers of the Parquet writer and the JSON
     * reader are its own. */
    DUCK_MEMORY_PERCENT = 60,
    CALENDAR_ROWS = 40000,
};
static const uint64_t small_batch_bytes = UINT64_C(64) << 20;
static const uint64_t small_batch_rows = 200000;

struct maker {
    struct maker_options options;
    struct work_dir *work;
    unsigned crew; /* DuckDBs at work; 0: none is open */
    bool is_small; /* they have one thread each */
    struct duck *ducks[CREW_MAX];
    struct arena *arenas[CREW_MAX]; /* of the session */
};

struct maker *maker_new(const struct maker_options *options)
{
    struct maker *maker = mem_zalloc(1, sizeof *maker);
    maker->options = *options;
    return maker;
}

static void close_ducks(struct maker *maker)
{
    for (unsigned i = 0; i < CREW_MAX; i++) {
        duck_close(maker->ducks[i]);
        maker->ducks[i] = NULL;
    }
    maker->crew = 0;
}

void maker_end_session(struct maker *maker)
{
    for (unsigned i = 0; i < CREW_MAX; i++) {
        arena_free(maker->arenas[i]);
        maker->arenas[i] = NULL;
    }
}

void maker_free(struct maker *maker)
{
    if (!maker)
        return;
    close_ducks(maker);
    maker_end_session(maker);
    work_dir_close(maker->work);
    free(maker);
}

/* DuckDB takes 10 ms to open: each when it is first needed, in its own thread. */
static enum err_code open_duck(struct maker *maker, unsigned worker, struct err *err)
{
    const char *dirs[5] = {0};
    size_t count = 0;
    if (maker->ducks[worker])
        return ERR_OK;
    dirs[count++] = work_dir_path(maker->work);
    dirs[count++] = maker->options.models_dir;
    if (store_url(maker->options.ingestion)[0] == '/')
        dirs[count++] = store_url(maker->options.ingestion);
    if (store_url(maker->options.processed)[0] == '/')
        dirs[count++] = store_url(maker->options.processed);
    const struct duck_options options = {
        .memory_bytes = maker->options.memory_bytes / 100 * DUCK_MEMORY_PERCENT / maker->crew,
        .threads = maker->is_small ? 1 : maker->options.threads,
        .temp_dir = work_dir_path(maker->work),
        .allowed_dirs = dirs,
        .blame = ERR_TRANSFORM,
    };
    TRY(duck_open(&options, &maker->ducks[worker], err));
    return views_open(maker->ducks[worker], err);
}

/* --- what there is to do --- */

static bool has_work(const struct lake *lake)
{
    for (size_t i = 0; i < lake->table_count; i++)
        if (lake->tables[i].is_fresh || lake->tables[i].is_touched || lake->tables[i].is_replayed)
            return true;
    return false;
}

/* A table that is made anew or replayed reads of history, whatever the batch brings. */
static bool batch_is_small(const struct lake *lake, const struct record *record)
{
    uint64_t bytes = 0, rows = 0;
    for (size_t i = 0; i < lake->table_count; i++)
        if (lake->batch > 1 && (lake->tables[i].is_fresh || lake->tables[i].is_replayed))
            return false;
    for (size_t i = 0; i < record->table_count; i++)
        for (size_t k = 0; k < record->tables[i].object_count; k++) {
            bytes += record->tables[i].objects[k].bytes;
            rows += record->tables[i].objects[k].rows;
        }
    return bytes <= small_batch_bytes && rows <= small_batch_rows;
}

static enum err_code choose_crew(struct maker *maker, struct lake *lake,
                                 const struct record *record, struct err *err)
{
    bool is_small = batch_is_small(lake, record);
    if (maker->crew > 0 && maker->is_small != is_small)
        close_ducks(maker);
    maker->is_small = is_small;
    maker->crew = 1;
    if (is_small && maker->options.threads > 1)
        maker->crew = maker->options.threads < CREW_MAX ? maker->options.threads : CREW_MAX;
    if (!maker->work)
        TRY(work_dir_open(maker->options.work_dir, &maker->work, err));
    TRY(open_duck(maker, 0, err));
    const char *staging = store_staging_dir(lake->processed);
    lake->duck = maker->ducks[0];
    lake->work_dir = work_dir_path(maker->work);
    lake->staging_dir = staging ? staging : lake->work_dir;
    return ERR_OK;
}

/* --- the crew --- */

typedef enum err_code make_fn(struct lake *lake, struct lake_table *table, struct err *err);

struct work {
    struct maker *maker;
    const struct lake *lake;
    struct lake lakes[CREW_MAX]; /* each worker's view of the lake: own DuckDB, own memory */
    struct lake_table **tables;
    make_fn *make;
};

static enum err_code make_one(void *arg, unsigned worker, size_t task, struct err *err)
{
    struct work *work = arg;
    struct lake_table *table = work->tables[task];
    int64_t started_us = clock_monotonic_us();
    if (!table->started_us)
        table->started_us = clock_now_us();
    TRY(open_duck(work->maker, worker, err));
    work->lakes[worker].duck = work->maker->ducks[worker];
    enum err_code code = work->make(&work->lakes[worker], table, err);
    table->duration_us += clock_monotonic_us() - started_us;
    return code;
}

/* Makes tables side by side.  A task touches its own table; of others it reads what was there
 * before. */
static enum err_code make_all(struct maker *maker, struct lake *lake, struct lake_table **tables,
                              size_t count, make_fn *make, struct err *err)
{
    struct work work = {.maker = maker, .lake = lake, .tables = tables, .make = make};
    for (unsigned i = 0; i < maker->crew; i++) {
        if (!maker->arenas[i])
            maker->arenas[i] = arena_new(0);
        work.lakes[i] = *lake;
        work.lakes[i].arena = maker->arenas[i];
        work.lakes[i].serial = lake->serial + i;
        work.lakes[i].serial_step = maker->crew;
    }
    enum err_code code = workers_run(maker->crew, count, make_one, &work, err);
    for (unsigned i = 0; i < maker->crew; i++)
        if (work.lakes[i].serial > lake->serial)
            lake->serial = work.lakes[i].serial;
    return code;
}

/* --- clean tables --- */

/* From the JSON objects of every batch so far. */
static enum err_code clean_anew(struct lake *lake, struct lake_table *table, struct err *err)
{
    const struct clean_model *model = model_find_clean(lake->models, table->name);
    const uint64_t batch = lake->row_batch;
    const int64_t captured_us = lake->row_captured_us;
    for (uint64_t past = 1; past < batch; past++) {
        struct record *record;
        TRY(cancel_check(err));
        TRY(record_read(lake->ingestion, past, lake->arena, &record, err));
        const struct record_table *then = record_find_table(record, table->name);
        lake->row_batch = past;
        lake->row_captured_us = record->captured_us;
        if (then && (then->object_count > 0 || then->deleted_object_count > 0))
            TRY(clean_batch(lake, table, model, then, err));
    }
    lake->row_batch = batch;
    lake->row_captured_us = captured_us;
    return ERR_OK;
}

static enum err_code make_clean(struct lake *lake, struct lake_table *table, struct err *err)
{
    if (table->is_fresh && table->previous)
        TRY(clean_anew(lake, table, err));
    if (table->is_touched)
        TRY(clean_batch(lake, table, model_find_clean(lake->models, table->name), table->source,
                        err));
    table->is_touched = table->rows + table->deleted > 0;
    return ERR_OK;
}

/* About how many rows there are to read. */
static uint64_t effort(struct lake *lake, const struct lake_table *table)
{
    uint64_t rows = 0;
    if (table->kind == LAKE_CALENDAR)
        return CALENDAR_ROWS;
    for (size_t i = 0; table->source && i < table->source->object_count; i++)
        rows += table->source->objects[i].rows;
    for (size_t i = 0; table->model && i < table->model->input_count; i++) {
        const struct lake_table *clean = lake_find_clean(lake, table->model->inputs[i].table);
        rows += clean ? clean->rows : 0;
    }
    return rows;
}

/* The largest first, so that it is not the last one at work. */
static void sort_by_effort(struct lake *lake, struct lake_table **tables, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0 && effort(lake, tables[k - 1]) < effort(lake, tables[k]); k--) {
            struct lake_table *larger = tables[k];
            tables[k] = tables[k - 1];
            tables[k - 1] = larger;
        }
}

static enum err_code make_all_clean(struct maker *maker, struct lake *lake, struct err *err)
{
    struct lake_table **tables =
        arena_alloc(lake->arena, (lake->clean_count + 1) * sizeof(struct lake_table *));
    size_t count = 0;
    for (size_t i = 0; i < lake->clean_count; i++)
        if (lake->tables[i].is_fresh || lake->tables[i].is_touched)
            tables[count++] = &lake->tables[i];
    sort_by_effort(lake, tables, count);
    return make_all(maker, lake, tables, count, make_clean, err);
}

/* --- the star --- */

static bool inputs_touched(struct lake *lake, const struct model *model)
{
    for (size_t i = 0; i < model->input_count; i++) {
        const struct lake_table *clean = lake_find_clean(lake, model->inputs[i].table);
        bool counts = model->kind != MODEL_FACT || text_equal(model->inputs[i].schema, "changes");
        if (clean && clean->is_touched && counts && !text_equal(model->inputs[i].schema, "seed"))
            return true;
    }
    return false;
}

/* One wave after those of all tables that it refers to; those in a ring with it aside. */
static unsigned wave_of(struct lake *lake, const struct lake_table *table, const unsigned *waves)
{
    const struct model *model = table->model;
    unsigned wave = 0;
    for (size_t i = 0; i < model->reference_count; i++) {
        const struct lake_table *target = lake_find_model(lake, model->references[i].table);
        if (target && target < table && waves[target - lake->tables] >= wave)
            wave = waves[target - lake->tables] + 1;
    }
    return wave;
}

static bool stop_at_first(void *arg, const char *key, const struct store_info *info)
{
    (void)key, (void)info;
    *(bool *)arg = true;
    return false;
}

/* A mirror's parents can only be missing when something was ever quarantined. */
static enum err_code look_for_quarantine(struct lake *lake, struct err *err)
{
    for (size_t i = 0; i < lake->table_count; i++)
        lake->has_quarantine |= lake->tables[i].quarantined > 0;
    if (lake->has_quarantine)
        return ERR_OK;
    return store_list(lake->processed, "quarantine/", NULL, stop_at_first, &lake->has_quarantine,
                      err);
}

/* Reads the logs of the tables that a model will look into, so that workers find them read. */
static enum err_code load_for(struct lake *lake, struct lake_table *table, struct err *err)
{
    const struct model *model = table->model;
    if (table->kind != LAKE_FACT)
        TRY(lake_load_files(lake, table, err));
    for (size_t i = 0; i < model->input_count; i++) {
        const struct model_input *input = &model->inputs[i];
        struct lake_table *clean = lake_find_clean(lake, input->table);
        bool only_batch = text_equal(input->schema, "changes") || model->row_of;
        if (clean && !text_equal(input->schema, "seed") && (lake_is_whole(table) || !only_batch))
            TRY(lake_load_files(lake, clean, err));
    }
    if (table->kind == LAKE_MIRROR && model->reference_count > 0)
        TRY(look_for_quarantine(lake, err));
    for (size_t i = 0; i < model->reference_count; i++) {
        struct lake_table *target = lake_find_model(lake, model->references[i].table);
        if (target && (table->kind != LAKE_MIRROR || lake->has_quarantine))
            TRY(lake_load_files(lake, target, err));
    }
    return ERR_OK;
}

static enum err_code make_star(struct maker *maker, struct lake *lake, struct err *err)
{
    unsigned *waves = arena_alloc(lake->arena, (lake->table_count + 1) * sizeof *waves);
    struct lake_table **tables =
        arena_alloc(lake->arena, (lake->table_count + 1) * sizeof(struct lake_table *));
    unsigned last = 0;
    for (size_t i = lake->clean_count; i < lake->table_count; i++) {
        waves[i] = wave_of(lake, &lake->tables[i], waves);
        last = waves[i] > last ? waves[i] : last;
        lake->tables[i].is_touched = inputs_touched(lake, lake->tables[i].model);
    }
    for (unsigned wave = 0; wave <= last; wave++) {
        size_t count = 0;
        for (size_t i = lake->clean_count; i < lake->table_count; i++) {
            struct lake_table *table = &lake->tables[i];
            if (waves[i] != wave || (!lake_is_whole(table) && !table->is_touched))
                continue;
            TRY(load_for(lake, table, err));
            tables[count++] = table;
        }
        sort_by_effort(lake, tables, count);
        TRY(make_all(maker, lake, tables, count, star_make, err));
    }
    return ERR_OK;
}

enum err_code maker_run(struct maker *maker, struct lake *lake, const struct record *record,
                        const struct processed_record *previous, struct err *err)
{
    lake->has_quarantine = false;
    if (!has_work(lake))
        return ERR_OK;
    TRY(choose_crew(maker, lake, record, err));
    TRY(process_plan_held(lake, record, previous, err));
    TRY(make_all_clean(maker, lake, err));
    return make_star(maker, lake, err);
}
