#include "pipeline/step.h"

#include <string.h>

/* Room for one more in an array that has no capacity field: it doubles when the count is a power of
 * two.  What is left behind ends with the arena. */
static void *grow(struct arena *arena, void *array, size_t count, size_t element_size)
{
    if (count != 0 && (count & (count - 1)) != 0)
        return array;
    void *larger = arena_alloc(arena, (count == 0 ? 1 : 2 * count) * element_size);
    if (count > 0)
        memcpy(larger, array, count * element_size);
    return larger;
}

struct step_batch *step_report_add(struct step_report *report, uint64_t batch, int64_t captured_us)
{
    report->batches =
        grow(report->arena, report->batches, report->batch_count, sizeof *report->batches);
    struct step_batch *added = &report->batches[report->batch_count++];
    *added = (struct step_batch){.batch = batch, .captured_us = captured_us};
    return added;
}

struct step_table *step_batch_add(struct step_report *report, struct step_batch *batch,
                                  const char *table)
{
    batch->tables = grow(report->arena, batch->tables, batch->table_count, sizeof *batch->tables);
    struct step_table *added = &batch->tables[batch->table_count++];
    *added = (struct step_table){.table = arena_strdup(report->arena, table)};
    return added;
}
