/* app/publish_copy.h - a large warehouse is published from a copy.
 *
 * Publishing asks some two thousand questions.  Of five million facts PostgreSQL answers each in a
 * second, DuckDB in fifty milliseconds, and in ten where the rows of the sets are stored in a file
 * as they are asked for; and what was loaded lies in the lake.  So the star is loaded once more,
 * into a DuckDB file in the work folder: equal content gives equal answers (warehouse.h). */
#ifndef APP_PUBLISH_COPY_H
#define APP_PUBLISH_COPY_H

#include "app/app.h"
#include "pipeline/report.h"

/* Opens the copy and sets its state; NULL: ask the warehouse itself, since it is small, is no
 * longer or not yet what the lake's newest batch is, holds tables or rates that are not from the
 * lake, or since the copy could not be made.  Errors are cancellations. */
CHECKED enum err_code publish_copy_open(struct app *app, const struct report_set *reports,
                                        struct warehouse *warehouse, struct arena *arena,
                                        struct report_state *state, struct warehouse **ret_copy,
                                        struct err *err);

#endif
