#include "pipeline/held.h"

#include <string.h>

#include "base/text.h"

static bool is_clean(const struct processed_table *table)
{
    return text_equal(table->kind, "clean");
}

static void list_tables(const struct processed_record *head, struct arena *arena, struct held *held)
{
    held->tables = arena_alloc(arena, (head->table_count + 1) * sizeof *held->tables);
    for (size_t i = 0; i < head->table_count; i++) {
        const struct processed_table *table = &head->tables[i];
        held->tables[held->count++] = (struct held_table){
            .table = table,
            .name = is_clean(table) ? arena_printf(arena, "clean.%s", table->name) : table->name,
            .is_clean = is_clean(table),
        };
    }
}

/* Where lake_publish() puts them: "quarantine/<kind>/<table>/". */
static bool is_of(const struct record_object *object, const char *prefix)
{
    return text_starts(object->key, prefix) && !strchr(object->key + strlen(prefix), '/');
}

static void add_object(struct held_table *held, uint64_t batch, const struct record_object *object,
                       struct arena *arena)
{
    if (held->object_count == held->object_capacity) {
        size_t capacity = held->object_capacity ? held->object_capacity * 2 : 8;
        struct held_object *larger = arena_alloc(arena, capacity * sizeof *larger);
        if (held->object_count)
            memcpy(larger, held->objects, held->object_count * sizeof *larger);
        held->objects = larger;
        held->object_capacity = capacity;
    }
    struct record_object *copy = arena_alloc(arena, sizeof *copy);
    *copy = (struct record_object){arena_strdup(arena, object->key), object->bytes, object->rows,
                                   arena_strdup(arena, object->sha256)};
    held->objects[held->object_count++] = (struct held_object){batch, copy};
}

static void add_table(struct held_table *held, const struct processed_record *record,
                      const char *program, struct arena *arena)
{
    const struct processed_table *then = NULL;
    for (size_t i = 0; i < record->table_count && !then; i++)
        if (text_equal(record->tables[i].name, held->table->name) &&
            is_clean(&record->tables[i]) == held->is_clean)
            then = &record->tables[i];
    held->settled = !then || !text_equal(then->generation, held->table->generation);
    if (held->settled)
        return;
    held->settled = then->replayed;
    if (then->quarantined == 0)
        return;
    const char *prefix = arena_printf(arena, "quarantine/%s/%s/", then->kind, then->name);
    held->rows += then->quarantined;
    held->by_other_program |= !text_equal(record->program, program);
    for (size_t i = 0; i < record->quarantine_count; i++)
        if (is_of(&record->quarantine[i], prefix))
            add_object(held, record->batch, &record->quarantine[i], arena);
}

static bool add_record(struct held *held, const struct processed_record *record,
                       const char *program, struct arena *arena)
{
    bool more = false;
    for (size_t i = 0; i < held->count; i++) {
        if (!held->tables[i].settled)
            add_table(&held->tables[i], record, program, arena);
        more |= !held->tables[i].settled;
    }
    return more;
}

enum err_code held_read(struct store *processed, const struct processed_record *head,
                        uint64_t limit, struct arena *arena, struct held *ret_held, struct err *err)
{
    static const char program[] = "tote " TOTE_VERSION;
    struct held held = {0};
    list_tables(head, arena, &held);
    bool more = add_record(&held, head, program, arena);
    uint64_t last = limit && limit < head->batch ? head->batch - limit + 1 : 1;
    for (uint64_t batch = head->batch - 1; batch >= last && more; batch--) {
        CLEANUP(arena_free) struct arena *scratch = arena_new(0);
        struct processed_record *record;
        TRY(processed_record_read(processed, batch, scratch, &record, err));
        more = add_record(&held, record, program, arena);
    }
    for (size_t i = 0; i < held.count; i++)
        held.rows += held.tables[i].rows;
    *ret_held = held;
    return ERR_OK;
}

struct held_table *held_find(const struct held *held, const char *name)
{
    for (size_t i = 0; i < held->count; i++)
        if (text_equal(held->tables[i].name, name))
            return &held->tables[i];
    return NULL;
}
