/* web/watcher.h - notices what other processes do: runs under way, new batches, a warehouse that
 * has moved.  Looks twice a second at what costs nothing, seldom at what costs a request. */
#ifndef WEB_WATCHER_H
#define WEB_WATCHER_H

#include "web/web_private.h"

struct watcher;
struct watcher *watcher_new(struct web *web);
void watcher_free(struct watcher *watcher);
DEFINE_CLEANUP(struct watcher *, watcher_free)
/* Looks, and tells the listeners; called every WATCHER_TICK_US. */
#define WATCHER_TICK_US INT64_C(500000)
void watcher_look(struct watcher *watcher);

#endif
