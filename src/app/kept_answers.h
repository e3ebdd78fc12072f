/* app/kept_answers.h - the answers that a page asks for first, as one text: what a server leaves to
 * its next start (web/kept.h), and what load leaves in a large warehouse (decision 23).
 *
 * A line of JSON that says what they are of, then for each answer a line with its name and size,
 * and its document; `{}` ends it, so that a text which is cut short is seen to be.  A hint: what
 * cannot be read, or was made of something else, is as if it were not there. */
#ifndef APP_KEPT_ANSWERS_H
#define APP_KEPT_ANSWERS_H

#include "app/app.h"
#include "base/digest.h"
#include "pipeline/report.h"

struct kept_head {
    uint64_t version; /* report_state_version() */
    uint64_t batch;
    int64_t captured_us;
    bool has_rates;
    const char *title; /* of the page, or "" */
};

/* What makes an answer what it is, besides the warehouse's content: reports, program, schema. */
void kept_answers_origin(const struct config *config, const struct report_set *reports,
                         const char *place, char ret_hex[static SHA256_HEX_SIZE]);

void kept_answers_begin(const char *origin, const struct kept_head *head, struct buf *ret_text);
void kept_answers_add(const char *key, const struct buf *document, struct buf *ret_text);
void kept_answers_end(struct buf *ret_text);

typedef void kept_answer_fn(void *arg, const struct kept_head *head, const char *key,
                            struct span document);
/* Gives every answer, once all of the text is known to be whole and of that origin; false: it is
 * not, and none was given.  The head's title lives in the arena. */
bool kept_answers_read(struct span text, const char *origin, struct arena *arena,
                       struct kept_head *ret_head, kept_answer_fn *each, void *arg);

#endif
