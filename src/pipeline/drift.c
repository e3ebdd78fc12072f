#include "pipeline/drift.h"

#include "base/text.h"

static void add(struct drift *drift, struct arena *arena, struct drift_change change)
{
    if (drift->count == DRIFT_CHANGES_MAX)
        return;
    change.table = arena_strdup(arena, change.table);
    change.column = change.column ? arena_strdup(arena, change.column) : NULL;
    change.detail = change.detail ? arena_strdup(arena, change.detail) : NULL;
    drift->changes[drift->count++] = change;
}

static const struct record_column *find_column(const struct record_table *table, const char *name)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (text_equal(table->columns[i].lake_name, name))
            return &table->columns[i];
    return NULL;
}

static void compare_columns(const struct record_table *before, const struct record_table *after,
                            uint64_t batch, struct arena *arena, struct drift *drift)
{
    for (size_t i = 0; i < after->column_count; i++) {
        const struct record_column *now = &after->columns[i];
        const struct record_column *then = find_column(before, now->lake_name);
        if (!then)
            add(drift, arena,
                (struct drift_change){batch, after->name, "column added", now->lake_name,
                                      now->type});
        else if (!text_equal(then->type, now->type) || then->typmod != now->typmod)
            add(drift, arena,
                (struct drift_change){batch, after->name, "type changed", now->lake_name,
                                      arena_printf(arena, "%s -> %s", then->type, now->type)});
    }
    for (size_t i = 0; i < before->column_count; i++)
        if (!find_column(after, before->columns[i].lake_name))
            add(drift, arena,
                (struct drift_change){batch, after->name, "column gone",
                                      before->columns[i].lake_name, before->columns[i].type});
}

void drift_compare(const struct record *before, const struct record *after, struct arena *arena,
                   struct drift *drift)
{
    for (size_t i = 0; i < after->table_count; i++) {
        const struct record_table *now = &after->tables[i];
        const struct record_table *then = record_find_table(before, now->name);
        bool was_there = then && !then->gone;
        if (now->gone && was_there)
            add(drift, arena, (struct drift_change){after->batch, now->name, "table gone"});
        else if (!now->gone && !was_there)
            add(drift, arena, (struct drift_change){after->batch, now->name, "table added"});
        else if (!now->gone)
            compare_columns(then, now, after->batch, arena, drift);
    }
}
