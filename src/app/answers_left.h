/* app/answers_left.h - the first answers of the dashboard in the warehouse itself, for a server
 * that sees it for the first time (decision 23).
 *
 * Left by load, when it has nothing to do, in a warehouse so large that a server would need longer
 * than a second; at most once an hour.  They say which batch they are of, so that a server knows
 * whether they are those of today or old. */
#ifndef APP_ANSWERS_LEFT_H
#define APP_ANSWERS_LEFT_H

#include "app/kept_answers.h"

/* Makes them, if it is time.  Everything is done that had to be: what goes wrong is a warning, and
 * out of time it is left to another hour. */
void answers_left_make(struct app *app);
/* Gives those that are there. */
void answers_left_find(const struct config *config, const struct report_set *reports,
                       struct warehouse *warehouse, kept_answer_fn *each, void *arg);

#endif
