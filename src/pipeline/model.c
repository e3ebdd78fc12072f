#include "pipeline/model.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"

enum {
    MODEL_LIMIT_BYTES = 1 << 20,
    SEED_LIMIT_BYTES = 64 << 20,
    FILES_MAX = 10000
};

struct folder {
    const char **names; /* without the ending, sorted */
    size_t count;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Files that end in `ending`; hidden ones are an editor's. */
static enum err_code read_folder(const char *path, const char *ending, struct arena *arena,
                                 struct folder *ret_folder, struct err *err)
{
    struct folder folder = {.names = arena_alloc(arena, FILES_MAX * sizeof *folder.names)};
    DIR *dir = opendir(path);
    if (!dir)
        return file_error(err, "reading", path);
    for (const struct dirent *entry; (entry = readdir(dir));) {
        size_t size = strlen(entry->d_name), cut = strlen(ending);
        if (entry->d_name[0] == '.' || size <= cut || !text_ends(entry->d_name, ending))
            continue;
        if (folder.count == FILES_MAX)
            break;
        folder.names[folder.count++] = arena_strndup(arena, entry->d_name, size - cut);
    }
    (void)closedir(dir);
    qsort(folder.names, folder.count, sizeof *folder.names, compare_names);
    *ret_folder = folder;
    return ERR_OK;
}

static enum err_code read_text(const char *path, const char *what, struct arena *arena,
                               const char **ret_text, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf content = {0};
    TRY(file_read(path, MODEL_LIMIT_BYTES, &content, err));
    if (memchr(buf_text(&content), '\0', content.size) ||
        !text_is_utf8(buf_text(&content), content.size))
        return err_set(err, ERR_CONFIG, "%s is not UTF-8 text", what);
    size_t mark = text_mark_size(buf_text(&content));
    *ret_text = arena_strndup(arena, buf_text(&content) + mark, content.size - mark);
    return ERR_OK;
}

static enum err_code read_models(struct model_set *set, struct arena *arena, struct err *err)
{
    struct folder folder;
    TRY(read_folder(set->dir, ".sql", arena, &folder, err));
    set->models = arena_alloc(arena, (folder.count + 1) * sizeof *set->models);
    for (size_t i = 0; i < folder.count; i++) {
        const char *text;
        const char *name = folder.names[i];
        const char *what = arena_printf(arena, "models/%s.sql", name);
        TRY(read_text(arena_printf(arena, "%s/%s.sql", set->dir, name), what, arena, &text, err));
        TRY(model_parse(name, what, text, arena, &set->models[set->model_count++], err));
    }
    return ERR_OK;
}

static enum err_code read_clean(struct model_set *set, struct arena *arena, struct err *err)
{
    struct folder folder;
    const char *path = arena_printf(arena, "%s/clean", set->dir);
    if (!file_is_dir(path))
        return ERR_OK;
    TRY(read_folder(path, ".sql", arena, &folder, err));
    set->clean = arena_alloc(arena, (folder.count + 1) * sizeof *set->clean);
    for (size_t i = 0; i < folder.count; i++) {
        const char *text;
        const char *name = folder.names[i];
        const char *what = arena_printf(arena, "models/clean/%s.sql", name);
        TRY(read_text(arena_printf(arena, "%s/%s.sql", path, name), what, arena, &text, err));
        TRY(model_parse_clean(name, what, text, arena, &set->clean[set->clean_count++], err));
    }
    return ERR_OK;
}

static enum err_code read_seeds(struct model_set *set, struct arena *arena, struct err *err)
{
    struct folder folder;
    const char *path = arena_printf(arena, "%s/seeds", set->dir);
    if (!file_is_dir(path))
        return ERR_OK;
    TRY(read_folder(path, ".csv", arena, &folder, err));
    set->seeds = arena_alloc(arena, (folder.count + 1) * sizeof *set->seeds);
    for (size_t i = 0; i < folder.count; i++) {
        char hex[SHA256_HEX_SIZE];
        struct seed *seed = &set->seeds[set->seed_count++];
        seed->name = folder.names[i];
        seed->path = arena_printf(arena, "%s/%s.csv", path, seed->name);
        TRY(sha256_of_file(seed->path, hex, err));
        seed->hash = arena_strndup(arena, hex, MODEL_HASH_DIGITS);
    }
    return ERR_OK;
}

/* A seed is part of what the model says. */
static enum err_code bind_seeds(const struct model_set *set, struct model *model,
                                struct arena *arena, struct err *err)
{
    char hex[SHA256_HEX_SIZE];
    for (size_t i = 0; i < model->input_count; i++) {
        const struct model_input *input = &model->inputs[i];
        if (!text_equal(input->schema, "seed"))
            continue;
        const struct seed *seed = model_find_seed(set, input->table);
        if (!seed) {
            (void)err_set(err, ERR_CONFIG, "%s:%d: there is no seed '%s'", model->what, input->line,
                          input->table);
            return err_hint(err, "seeds are files models/seeds/<name>.csv");
        }
        const char *both = arena_printf(arena, "%s %s", model->hash, seed->hash);
        sha256_of(both, strlen(both), hex);
        model->hash = arena_strndup(arena, hex, MODEL_HASH_DIGITS);
    }
    return ERR_OK;
}

static enum err_code bind_references(const struct model_set *set, struct model *model,
                                     struct err *err)
{
    for (size_t i = 0; i < model->reference_count; i++) {
        struct model_reference *reference = &model->references[i];
        const struct model *target = model_find(set, reference->table);
        if (!target)
            return err_set(err, ERR_CONFIG, "%s:%d: there is no model '%s'", model->what,
                           reference->line, reference->table);
        reference->table = target->name;
        if (target->kind == MODEL_FACT)
            return err_set(err, ERR_CONFIG, "%s:%d: '%s' is a fact, and nothing refers to facts",
                           model->what, reference->line, reference->table);
        if (!reference->target_columns) {
            if (target->key_count != reference->count)
                return err_set(err, ERR_CONFIG, "%s:%d: '%s' has a key of %zu columns", model->what,
                               reference->line, reference->table, target->key_count);
            reference->target_columns = target->key;
        }
    }
    return ERR_OK;
}

static int compare_models(const void *a, const void *b)
{
    const struct model *const *left = a, *const *right = b;
    return strcasecmp((*left)->name, (*right)->name);
}

/* What two models make must not be one table of the warehouse, or the view of a fact. */
static enum err_code check_names(const struct model_set *set, struct arena *arena, struct err *err)
{
    static const char *const views[] = {"current", "history"};
    size_t count = set->model_count;
    const struct model **sorted = arena_alloc(arena, (count + 1) * sizeof *sorted);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &set->models[i];
        if (strlen(sorted[i]->name) > MODEL_NAME_MAX_BYTES)
            return err_set(err, ERR_CONFIG, "%s: the name of a table has at most %d bytes",
                           sorted[i]->what, MODEL_NAME_MAX_BYTES);
    }
    qsort(sorted, count, sizeof *sorted, compare_models);
    for (size_t i = 1; i < count; i++)
        if (compare_models(&sorted[i - 1], &sorted[i]) == 0) {
            (void)err_set(err, ERR_CONFIG, "%s and %s differ only by the case of their names",
                          sorted[i - 1]->what, sorted[i]->what);
            return err_hint(err, "to a warehouse they are one table: rename one of them");
        }
    for (size_t i = 0; i < count * COUNT_OF(views); i++) {
        const struct model *fact = sorted[i / COUNT_OF(views)];
        if (fact->kind != MODEL_FACT)
            continue;
        const char *view = views[i % COUNT_OF(views)];
        const struct model named = {.name = arena_printf(arena, "%s_%s", fact->name, view)};
        const struct model *key = &named;
        const struct model *const *found =
            bsearch(&key, sorted, count, sizeof *sorted, compare_models);
        if (found) {
            (void)err_set(err, ERR_CONFIG, "%s has the name of a view that the fact '%s' gets",
                          (*found)->what, fact->name);
            return err_hint(err, "rename one of them");
        }
    }
    return ERR_OK;
}

static bool is_early(const struct model *model)
{
    return model->kind == MODEL_DIMENSION || model->kind == MODEL_CALENDAR;
}

/* May come next: all that it refers to, of its own group or the earlier one, is placed. */
static bool is_ready(const struct model *model, const struct model *placed, size_t count)
{
    for (size_t i = 0; i < model->reference_count; i++) {
        bool found = text_equal(model->references[i].table, model->name);
        for (size_t k = 0; k < count; k++)
            found |= text_equal(placed[k].name, model->references[i].table);
        if (!found)
            return false;
    }
    return true;
}

/* Parents first; where mirrors refer to one another in a ring, the first by name breaks it. */
static void order_group(struct model_set *set, bool early, bool *taken, struct model *ordered,
                        size_t *count)
{
    for (;;) {
        size_t ready = set->model_count, first = set->model_count;
        for (size_t i = set->model_count; i-- > 0;) {
            if (taken[i] || is_early(&set->models[i]) != early)
                continue;
            first = i;
            if (is_ready(&set->models[i], ordered, *count))
                ready = i;
        }
        if (first == set->model_count)
            return;
        size_t next = ready < set->model_count ? ready : first;
        taken[next] = true;
        ordered[(*count)++] = set->models[next];
    }
}

static void order_models(struct model_set *set, struct arena *arena)
{
    struct model *ordered = arena_alloc(arena, (set->model_count + 1) * sizeof *ordered);
    bool *taken = arena_alloc(arena, set->model_count + 1);
    size_t count = 0;
    order_group(set, true, taken, ordered, &count);
    order_group(set, false, taken, ordered, &count);
    set->models = ordered;
}

enum err_code model_set_read(const char *dir, struct arena *arena, struct model_set **ret_set,
                             struct err *err)
{
    struct model_set *set = arena_alloc(arena, sizeof *set);
    set->dir = file_resolve(arena, NULL, dir);
    if (!file_is_dir(set->dir)) {
        (void)err_set(err, ERR_NOT_FOUND, "there is no folder of models '%s'", dir);
        return err_hint(err, "`tote init` writes models for a source; the setting is 'models'");
    }
    TRY(read_models(set, arena, err));
    TRY(read_clean(set, arena, err));
    TRY(read_seeds(set, arena, err));
    TRY(check_names(set, arena, err));
    for (size_t i = 0; i < set->model_count; i++) {
        TRY(bind_seeds(set, &set->models[i], arena, err));
        TRY(bind_references(set, &set->models[i], err));
    }
    order_models(set, arena);
    *ret_set = set;
    return ERR_OK;
}

const char *model_kind_name(enum model_kind kind)
{
    static const char *const names[] = {
        [MODEL_FACT] = "fact",
        [MODEL_DIMENSION] = "dimension",
        [MODEL_MIRROR] = "mirror",
        [MODEL_CALENDAR] = "calendar",
    };
    return names[kind];
}

/* Names are found as DuckDB finds them: whatever their case. */
const struct model *model_find(const struct model_set *set, const char *name)
{
    for (size_t i = 0; i < set->model_count; i++)
        if (strcasecmp(set->models[i].name, name) == 0)
            return &set->models[i];
    return NULL;
}

const struct clean_model *model_find_clean(const struct model_set *set, const char *table)
{
    for (size_t i = 0; i < set->clean_count; i++)
        if (text_equal(set->clean[i].table, table))
            return &set->clean[i];
    return NULL;
}

const struct seed *model_find_seed(const struct model_set *set, const char *name)
{
    for (size_t i = 0; i < set->seed_count; i++)
        if (strcasecmp(set->seeds[i].name, name) == 0)
            return &set->seeds[i];
    return NULL;
}

bool model_reads(const struct model *model, const char *schema, const char *table)
{
    for (size_t i = 0; i < model->input_count; i++)
        if ((!schema || text_equal(model->inputs[i].schema, schema)) &&
            strcasecmp(model->inputs[i].table, table) == 0)
            return true;
    return false;
}

const struct model_column *model_column_find(const struct model_column *columns, size_t count,
                                             const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(columns[i].name, name) == 0)
            return &columns[i];
    return NULL;
}

const char *model_plain_column(const struct model *model, const char *output)
{
    for (size_t i = 0; model->is_plain && i < model->plain_count; i++)
        if (strcasecmp(model->plain[i].output, output) == 0)
            return model->plain[i].column;
    return NULL;
}
