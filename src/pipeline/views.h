/* pipeline/views.h - what models see of the clean tables: the schemas changes, source, history and
 * seed.
 *
 * Timestamps appear as text of 26 characters, "2024-11-15 14:40:00.123000", in UTC, as engines
 * print typed ones differently; a column that the model does not use costs nothing.  After the
 * source's columns stand _batch_id, _captured_at and _deleted. */
#ifndef PIPELINE_VIEWS_H
#define PIPELINE_VIEWS_H

#include "pipeline/lake.h"

enum view_rows {
    VIEW_LIVE,       /* rows of one batch without deletions */
    VIEW_DELETED,    /* deletions of one batch */
    VIEW_LATEST,     /* the last version of each key, deleted keys left out */
    VIEW_LATEST_ANY, /* the last version of each key, deleted or not */
    VIEW_HISTORY,    /* all versions */
};

/* Makes the schemas; once a database. */
CHECKED enum err_code views_open(struct duck *duck, struct err *err);
/* Which rows, and whether timestamps keep their type: a mirror copies them. */
struct view_choice {
    enum view_rows rows;
    bool typed;
};
/* schema.table as a view of those rows of a clean table, up to row_batch. */
CHECKED enum err_code view_make(struct lake *lake, const char *schema, struct lake_table *table,
                                struct view_choice choice, struct err *err);
CHECKED enum err_code view_seed(struct lake *lake, const char *name, struct err *err);

#endif
