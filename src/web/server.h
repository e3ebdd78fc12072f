/* web/server.h - `tote serve`: the dashboard's server.  docs/reference/http-api.md is what it
 * answers, docs/decisions/ says why so.
 *
 * One thread of libmicrohttpd talks to all readers and never waits: what needs the warehouse or the
 * lake is a job for a few worker threads (jobs.h), during which the reader's connection sleeps.
 * Answers are kept by batch and question (document.h).  A watcher notices new batches and runs of
 * other processes (watcher.h) and tells those who listen (events.h). */
#ifndef WEB_SERVER_H
#define WEB_SERVER_H

#include "config/config.h"

/* Serves until the program is cancelled; ERR_OK then.  ERR_CONFIG when it would not be safe.
 * `listen`: instead of serve.listen, or NULL. */
CHECKED enum err_code server_run(const struct config *config, const char *listen, struct err *err);

#endif
