/* web/answers.h - how each question is answered: what runs on the workers of jobs.h. */
#ifndef WEB_ANSWERS_H
#define WEB_ANSWERS_H

#include "web/web_private.h"

/* A worker that reads the warehouse, or the lake; one a thread. */
struct reader;
struct reader *reader_new(struct web *web);
void reader_free(struct reader *reader);
/* Lets go of the warehouse. */
void reader_rest(void *reader);

/* Jobs, ready for jobs_add; `done` and `arg` are the caller's to set. */
struct job answer_report(const struct report *report, const struct report_filters *filters,
                         bool csv);
struct job answer_filters(void);
struct job answer_latest(void); /* looks at the warehouse first */
struct job answer_pipeline(void);
struct job answer_metrics(void);
/* Looks at the warehouse; when it has changed, prepares what a page asks for first and then tells
 * the listeners. */
struct job answer_look(void);

/* latest.json from what is known now. */
struct document *latest_document(struct web *web);

#endif
