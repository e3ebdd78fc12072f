/* pipeline/held.h - which rows are held back in quarantine now: what the records of the processed
 * log say, from its head back to where each table was built anew or its rows had another try
 * (pipeline/replay.h).  Only reads records. */
#ifndef PIPELINE_HELD_H
#define PIPELINE_HELD_H

#include "pipeline/processed_record.h"
#include "store/store.h"

struct held_object {
    uint64_t batch; /* whose record names it; its rows may be of earlier ones */
    const struct record_object *object;
};

struct held_table {
    const struct processed_table *table; /* of the head */
    const char *name;                    /* the table's; "clean.<table>" for a clean one */
    bool is_clean;
    uint64_t rows;
    bool by_other_program;       /* some were put aside by another version of tote */
    struct held_object *objects; /* newest first */
    size_t object_count;
    size_t object_capacity;
    bool settled; /* older records say nothing of it */
};

struct held {
    struct held_table *tables; /* those of the head, whether they hold rows or not */
    size_t count;
    uint64_t rows;
};

/* Looks at `head`, a record of the log, and at most `limit` - 1 records before it (0: as many as
 * there are).  Everything lives in the arena, or with the head. */
CHECKED enum err_code held_read(struct store *processed, const struct processed_record *head,
                                uint64_t limit, struct arena *arena, struct held *ret_held,
                                struct err *err);
/* NULL: the head has no such table. */
struct held_table *held_find(const struct held *held, const char *name);

#endif
