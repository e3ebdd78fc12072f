#include "pipeline/process_plan.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "pipeline/clean.h"
#include "pipeline/held.h"

static const struct processed_table *find_previous(const struct processed_record *previous,
                                                   const char *name, bool clean)
{
    for (size_t i = 0; previous && i < previous->table_count; i++)
        if (text_equal(previous->tables[i].name, name) &&
            text_equal(previous->tables[i].kind, "clean") == clean)
            return &previous->tables[i];
    return NULL;
}

static const char *short_hash(struct arena *arena, const struct buf *text)
{
    char hex[SHA256_HEX_SIZE];
    sha256_of(buf_text(text), text->size, hex);
    return arena_strndup(arena, hex, MODEL_HASH_DIGITS);
}

/* A generation is known by what it was made of; behind that stands the batch that began it, so that
 * one that comes back later does not meet what it left behind. */
static bool same_generation(const char *generation, const char *hash)
{
    return strncmp(generation, hash, MODEL_HASH_DIGITS) == 0;
}

static const char *clean_hash(const struct model_set *set, const char *table, struct arena *arena)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    const struct clean_model *model = model_find_clean(set, table);
    buf_addf(&text, "%s\n%s", table, model ? model->hash : "catalog");
    return short_hash(arena, &text);
}

/* `generation_of` gives the generation of a clean table that the model reads. */
static const char *model_hash(const struct model *model, struct lake *lake)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    buf_addf(&text, "%s\n", model->hash);
    for (size_t i = 0; i < model->input_count; i++) {
        const struct lake_table *clean = lake_find_clean(lake, model->inputs[i].table);
        if (clean && !text_equal(model->inputs[i].schema, "seed"))
            buf_addf(&text, "%s %s\n", clean->name, clean->generation);
    }
    return short_hash(lake->arena, &text);
}

/* A new generation: own folder, own name in the log, no file yet. */
static void begin_generation(struct lake *lake, struct lake_table *table, const char *hash)
{
    table->generation = arena_printf(lake->arena, "%s-%" PRIu64, hash, lake->batch);
    table->directory =
        arena_printf(lake->arena, "%s/%s/%s", table->kind == LAKE_CLEAN ? "clean" : "star",
                     table->name, table->generation);
    table->version = -1;
    table->is_fresh = true;
    table->files_known = true;
}

/* As the batch before left it; its files too when this session knows them. */
static void carry_on(struct lake *lake, struct lake_table *table, const struct lake_table *old,
                     size_t old_count)
{
    const struct processed_table *previous = table->previous;
    table->generation = previous->generation;
    table->directory = previous->directory;
    table->version = previous->delta_version;
    table->files_known = previous->delta_version < 0;
    for (size_t i = 0; i < old_count; i++) {
        if (!text_equal(old[i].directory, table->directory) || !old[i].files_known)
            continue;
        table->files = old[i].files;
        table->file_count = old[i].file_count;
        table->file_capacity = old[i].file_capacity;
        table->version = old[i].version;
        table->files_known = true;
    }
    (void)lake;
}

static void name_app(struct lake *lake, struct lake_table *table)
{
    table->app_id = arena_printf(lake->arena, "tote:%s:%s", table->name, table->generation);
}

static void name_key(struct lake_table *table)
{
    if (table->source || table->ahead) {
        const struct record_table *source = table->source ? table->source : table->ahead;
        table->key = source->key;
        table->key_count = source->key_count;
    } else {
        table->key = table->previous->key;
        table->key_count = table->previous->key_count;
    }
}

static bool same_key(const struct processed_table *a, const struct lake_table *b)
{
    if (a->key_count != b->key_count)
        return false;
    for (size_t i = 0; i < a->key_count; i++)
        if (!text_equal(a->key[i], b->key[i]))
            return false;
    return true;
}

/* Another key, or a table that the batch before did not have: all its rows are here, and nothing
 * tells which of those before are gone. */
static enum err_code find_replacement(struct lake *lake, struct lake_table *table, struct err *err)
{
    const struct record_table *source = table->source;
    const struct record *before;
    if (!table->previous || !source || source->changed != source->rows || source->deleted > 0 ||
        !text_equal(source->compare, "full"))
        return ERR_OK;
    table->is_replaced = !same_key(table->previous, table);
    if (table->is_replaced)
        return ERR_OK;
    TRY(clean_record_before(lake, &before, err));
    table->is_replaced = !record_find_table(before, table->name);
    return ERR_OK;
}

static enum err_code plan_clean(struct lake *lake, struct lake_table *table,
                                const struct lake_table *old, size_t old_count, struct err *err)
{
    bool rewrite = false;
    const char *hash = clean_hash(lake->models, table->name, lake->arena);
    const struct clean_model *model = model_find_clean(lake->models, table->name);
    TRY(clean_columns(lake, table, model, &rewrite, err));
    name_key(table);
    TRY(find_replacement(lake, table, err));
    /* The verdict on a row of a clean table that is replayed changes with the program at most, and
     * then for any row: it is made anew, and by its generation what is made of it. */
    if (!table->previous || rewrite || table->is_replayed ||
        !same_generation(table->previous->generation, hash))
        begin_generation(lake, table, hash);
    else
        carry_on(lake, table, old, old_count);
    table->is_touched =
        table->is_replaced || (table->source && (table->source->object_count > 0 ||
                                                 table->source->deleted_object_count > 0));
    name_app(lake, table);
    return ERR_OK;
}

/* By a record of kind "replay". */
static bool is_named(const struct record *record, enum lake_kind kind, const char *name)
{
    const size_t prefix = sizeof "clean." - 1;
    for (size_t i = 0; i < record->replay_count; i++) {
        const char *named = record->replay[i];
        if (kind == LAKE_CLEAN ? text_starts(named, "clean.") && text_equal(named + prefix, name)
                               : text_equal(named, name))
            return true;
    }
    return false;
}

static enum err_code add_clean(struct lake *lake, const struct lake_table *wanted,
                               const struct lake_table *old, size_t old_count, struct err *err)
{
    struct lake_table *table = &lake->tables[lake->table_count++];
    *table = *wanted;
    table->kind = LAKE_CLEAN;
    return plan_clean(lake, table, old, old_count, err);
}

static enum err_code plan_all_clean(struct lake *lake, const struct record *record,
                                    const struct record *ahead,
                                    const struct processed_record *previous,
                                    const struct lake_table *old, size_t old_count, struct err *err)
{
    for (size_t i = 0; i < record->table_count; i++) {
        const struct record_table *source = &record->tables[i];
        const struct lake_table wanted = {.name = source->name,
                                          .source = source,
                                          .is_replayed = is_named(record, LAKE_CLEAN, source->name),
                                          .ahead =
                                              ahead ? record_find_table(ahead, source->name) : NULL,
                                          .previous = find_previous(previous, source->name, true)};
        TRY(add_clean(lake, &wanted, old, old_count, err));
    }
    for (size_t i = 0; previous && i < previous->table_count; i++) {
        const struct processed_table *known = &previous->tables[i];
        if (!text_equal(known->kind, "clean") || record_find_table(record, known->name))
            continue;
        const struct lake_table wanted = {.name = known->name,
                                          .is_replayed = is_named(record, LAKE_CLEAN, known->name),
                                          .ahead =
                                              ahead ? record_find_table(ahead, known->name) : NULL,
                                          .previous = known};
        TRY(add_clean(lake, &wanted, old, old_count, err));
    }
    for (size_t i = 0; ahead && i < ahead->table_count; i++) {
        const struct lake_table wanted = {.name = ahead->tables[i].name,
                                          .ahead = &ahead->tables[i]};
        if (!record_find_table(record, wanted.name) && !find_previous(previous, wanted.name, true))
            TRY(add_clean(lake, &wanted, old, old_count, err));
    }
    lake->clean_count = lake->table_count;
    return ERR_OK;
}

/* Every table that the model reads, or an error that names what there is. */
static enum err_code check_inputs(struct lake *lake, const struct model *model, struct err *err)
{
    for (size_t i = 0; i < model->input_count; i++) {
        const struct model_input *input = &model->inputs[i];
        if (text_equal(input->schema, "seed") || lake_find_clean(lake, input->table))
            continue;
        const char **names = arena_alloc(lake->arena, (lake->clean_count + 1) * sizeof *names);
        for (size_t k = 0; k < lake->clean_count; k++)
            names[k] = lake->tables[k].name;
        const char *closest = text_closest(input->table, names, lake->clean_count);
        (void)err_set(err, ERR_CONFIG, "%s:%d: the source has no table '%s'", model->what,
                      input->line, input->table);
        if (closest)
            return err_hint(err, "did you mean %s.%s?", input->schema, closest);
        return err_hint(err,
                        "the table is not captured: look at source.include and source.exclude, or "
                        "remove the model");
    }
    return ERR_OK;
}

static enum lake_kind kind_of(enum model_kind kind)
{
    switch (kind) {
    case MODEL_FACT:
        return LAKE_FACT;
    case MODEL_DIMENSION:
        return LAKE_DIMENSION;
    case MODEL_MIRROR:
        return LAKE_MIRROR;
    case MODEL_CALENDAR:
        break;
    }
    return LAKE_CALENDAR;
}

static enum err_code plan_model(struct lake *lake, const struct record *record,
                                const struct model *model, const struct processed_record *previous,
                                const struct lake_table *old, size_t old_count, struct err *err)
{
    TRY(check_inputs(lake, model, err));
    struct lake_table *table = &lake->tables[lake->table_count++];
    *table = (struct lake_table){.name = model->name,
                                 .kind = kind_of(model->kind),
                                 .model = model,
                                 .is_replayed = is_named(record, kind_of(model->kind), model->name),
                                 .key = model->key,
                                 .key_count = model->key_count};
    const char *hash = model_hash(model, lake);
    const struct processed_table *known = find_previous(previous, model->name, false);
    if (known && same_generation(known->generation, hash) &&
        text_equal(known->kind, model_kind_name(model->kind))) {
        table->previous = known;
        table->columns = known->columns;
        table->column_count = known->column_count;
        carry_on(lake, table, old, old_count);
    } else {
        begin_generation(lake, table, hash);
    }
    name_app(lake, table);
    return ERR_OK;
}

/* Most likely a typing error; but the table may be gone for a while, which must stop nothing. */
static void warn_of_idle_models(struct lake *lake)
{
    for (size_t i = 0; i < lake->models->clean_count; i++)
        if (!lake_find_clean(lake, lake->models->clean[i].table))
            log_warn("%s: the source has no table '%s'", lake->models->clean[i].what,
                     lake->models->clean[i].table);
}

enum err_code process_plan(struct lake *lake, const struct record *record,
                           const struct record *ahead, const struct processed_record *previous,
                           struct err *err)
{
    const struct lake_table *old = lake->tables;
    size_t old_count = lake->table_count;
    size_t limit =
        record->table_count + lake->models->model_count + (previous ? previous->table_count : 0);
    lake->tables = arena_alloc(lake->arena, (limit + 1) * sizeof *lake->tables);
    lake->table_count = lake->clean_count = 0;
    lake->before = NULL;
    TRY(plan_all_clean(lake, record, ahead, previous, old, old_count, err));
    warn_of_idle_models(lake);
    for (size_t i = 0; i < lake->models->model_count; i++)
        TRY(plan_model(lake, record, &lake->models->models[i], previous, old, old_count, err));
    return ERR_OK;
}

/* A table that is made anew, since its model changed as well, needs no list of what to try. */
enum err_code process_plan_held(struct lake *lake, const struct record *record,
                                const struct processed_record *previous, struct err *err)
{
    struct held held = {0};
    if (!record_is_replay(record) || !previous)
        return ERR_OK;
    TRY(held_read(lake->processed, previous, 0, lake->arena, &held, err));
    for (size_t i = lake->clean_count; i < lake->table_count; i++) {
        struct lake_table *table = &lake->tables[i];
        const struct held_table *from = held_find(&held, table->name);
        if (!table->is_replayed || table->is_fresh || !from)
            continue;
        table->held =
            arena_alloc(lake->arena, (from->object_count + 1) * sizeof(struct lake_file *));
        for (size_t k = 0; k < from->object_count; k++) {
            struct lake_file *file = arena_alloc(lake->arena, sizeof *file);
            const struct record_object *object = from->objects[k].object;
            file->key = object->key;
            file->is_quarantine = true;
            if (store_local_copy(lake->processed, object->key, lake->work_dir, lake->arena,
                                 &file->local, err) != ERR_OK)
                return err_wrap(err, "reading what table '%s' holds back", table->name);
            table->held[table->held_count++] = file;
        }
    }
    return ERR_OK;
}

/* --- the record --- */

const char *process_generation(const struct lake *lake)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    for (size_t i = lake->clean_count; i < lake->table_count; i++)
        buf_addf(&text, "%s %s\n", lake->tables[i].name, lake->tables[i].generation);
    return short_hash(lake->arena, &text);
}

/* Without the source's tables at hand: by what the head's generations were begun with. */
bool process_models_differ(const struct model_set *set, const struct processed_record *head,
                           struct arena *arena)
{
    struct lake lake = {.models = set, .arena = arena};
    size_t models = 0;
    lake.tables = arena_alloc(arena, (head->table_count + 1) * sizeof *lake.tables);
    for (size_t i = 0; i < head->table_count; i++) {
        const struct processed_table *table = &head->tables[i];
        if (!text_equal(table->kind, "clean")) {
            models++;
            continue;
        }
        if (!same_generation(table->generation, clean_hash(set, table->name, arena)))
            return true;
        lake.tables[lake.table_count++] =
            (struct lake_table){.name = table->name, .generation = table->generation};
    }
    lake.clean_count = lake.table_count;
    if (models != set->model_count)
        return true;
    for (size_t i = 0; i < set->model_count; i++) {
        const struct processed_table *known = find_previous(head, set->models[i].name, false);
        if (!known || !same_generation(known->generation, model_hash(&set->models[i], &lake)))
            return true;
    }
    return false;
}

static enum err_code add_object(struct lake *lake, const struct lake_file *file,
                                struct record_object *object, struct err *err)
{
    char sha256[SHA256_HEX_SIZE];
    *object =
        (struct record_object){file->key, file->file.bytes, file->file.rows, file->file.sha256};
    if (*object->sha256)
        return ERR_OK;
    TRY(sha256_of_file(file->local, sha256, err)); /* another program wrote it */
    object->sha256 = arena_strdup(lake->arena, sha256);
    return ERR_OK;
}

/* The batch's rows; of a star that was built anew all there is. */
static enum err_code add_objects(struct lake *lake, struct lake_table *table, bool whole,
                                 struct processed_table *entry, struct err *err)
{
    if (whole)
        TRY(lake_load_files(lake, table, err));
    entry->objects = arena_alloc(lake->arena, (table->file_count + 1) * sizeof *entry->objects);
    for (size_t i = 0; i < table->file_count; i++) {
        const struct lake_file *file = table->files[i];
        bool named = whole ? file->in_table && !file->is_removed : file->is_new && file->for_load;
        if (named)
            TRY(add_object(lake, file, &entry->objects[entry->object_count++], err));
    }
    return ERR_OK;
}

static void add_references(struct lake *lake, const struct model *model,
                           struct processed_table *entry)
{
    entry->references =
        arena_alloc(lake->arena, (model->reference_count + 1) * sizeof *entry->references);
    for (size_t i = 0; i < model->reference_count; i++) {
        const struct model_reference *from = &model->references[i];
        entry->references[entry->reference_count++] = (struct processed_reference){
            from->columns, from->table, from->target_columns, from->count};
    }
}

static enum err_code add_table(struct lake *lake, struct lake_table *table, bool whole,
                               struct processed_table *entry, struct err *err)
{
    *entry = (struct processed_table){
        .name = table->name,
        .kind = lake_kind_name(table->kind),
        .generation = table->generation,
        .directory = table->directory,
        .delta_version = table->version,
        .comment = table->model      ? table->model->comment
                   : table->source   ? table->source->comment
                   : table->previous ? table->previous->comment
                                     : NULL,
        .record_id = table->model ? table->model->record_id : NULL,
        .columns = table->columns,
        .column_count = table->column_count,
        .key = table->key,
        .key_count = table->key_count,
        .rows = table->rows,
        .deleted = table->deleted,
        .quarantined = table->quarantined,
        .replayed = table->is_replayed,
    };
    if (table->model)
        add_references(lake, table->model, entry);
    return add_objects(lake, table, whole && table->kind != LAKE_CLEAN, entry, err);
}

/* What there was before and is built anew, or is gone. */
static bool is_rebuilt(const struct lake *lake, const struct processed_record *previous)
{
    size_t known = 0;
    for (size_t i = 0; previous && i < previous->table_count; i++)
        known += !text_equal(previous->tables[i].kind, "clean");
    if (!previous)
        return false;
    if (known != lake->table_count - lake->clean_count)
        return true;
    for (size_t i = lake->clean_count; i < lake->table_count; i++)
        if (lake->tables[i].is_fresh)
            return true;
    return false;
}

enum err_code process_record(struct lake *lake, const struct processed_record *previous,
                             const char *lake_id, struct processed_record *ret_record,
                             struct err *err)
{
    struct processed_record record = {
        .format = RECORD_FORMAT,
        .batch = lake->batch,
        .attempt = lake->attempt,
        .program = "tote " TOTE_VERSION,
        .lake = lake_id,
        .generation = process_generation(lake),
        .rebuilt = is_rebuilt(lake, previous),
        .captured_us = lake->captured_us,
    };
    size_t files = 0;
    for (size_t i = 0; i < lake->table_count; i++)
        files += lake->tables[i].file_count;
    record.quarantine = arena_alloc(lake->arena, (files + 1) * sizeof *record.quarantine);
    record.tables = arena_alloc(lake->arena, (lake->table_count + 1) * sizeof *record.tables);
    for (size_t i = 0; i < lake->table_count; i++) {
        struct lake_table *table = &lake->tables[i];
        for (size_t k = 0; k < table->file_count; k++)
            if (table->files[k]->is_quarantine && table->files[k]->is_new)
                TRY(add_object(lake, table->files[k], &record.quarantine[record.quarantine_count++],
                               err));
        TRY(add_table(lake, table, record.rebuilt, &record.tables[record.table_count++], err));
    }
    *ret_record = record;
    return ERR_OK;
}
