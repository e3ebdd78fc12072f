/* app/publish.h - the dashboard as files: the page and its documents in a folder or a bucket, which
 * shows them without a server.  docs/reference/http-api.md says what is where.
 *
 * Every document and every part of the page has its content's hash in its name and is put if
 * absent. The last thing written is the pointer, latest.json: until then readers see the old page,
 * whole. It replaces only the one that was there before the warehouse was read: of two publishers
 * the one with the newer batch is seen. Documents that neither the pointer nor its predecessor
 * names are removed when they are old. Publishing the same batch again writes nothing. */
#ifndef APP_PUBLISH_H
#define APP_PUBLISH_H

#include "app/app.h"

struct publish_report {
    uint64_t batch;
    bool up_to_date;  /* nothing was to be done */
    size_t written;   /* objects */
    size_t unchanged; /* that were there already */
    size_t removed;
    uint64_t bytes; /* written */
    size_t bundles;
    int64_t duration_us;
};

/* `to` NULL: publish.to.  ERR_UNAVAILABLE while nothing is loaded. */
CHECKED enum err_code app_publish(struct app *app, const char *to,
                                  struct publish_report *ret_report, struct err *err);

#endif
