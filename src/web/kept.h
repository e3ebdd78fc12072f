/* web/kept.h - the answers that one server leaves to the next.
 *
 * When the answers of a batch are made they are written to a file (serve.answers), readable by its
 * owner alone; a server that starts reads it and can answer at once.  Whether the warehouse still
 * holds that batch is looked at afterwards, as for any batch.  A hint: what cannot be written, is
 * damaged, or was made of another lake, by other reports or another tote is left out. */
#ifndef WEB_KEPT_H
#define WEB_KEPT_H

#include "web/web_private.h"

/* Before anybody asks. */
void kept_read(struct web *web);
void kept_write(struct web *web);
/* Takes what load left in the warehouse (app/answers_left.h), which holds `version`: the first time
 * that a server sees it. */
void kept_find(struct web *web, struct warehouse *warehouse, uint64_t version);

#endif
