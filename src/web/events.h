/* web/events.h - those who listen at api/events (server-sent events), and what they are told. */
#ifndef WEB_EVENTS_H
#define WEB_EVENTS_H

#include "base/buf.h"

enum {
    EVENTS_LISTENERS_MAX = 32
};

struct MHD_Connection;
struct MHD_Response;

struct events;
struct events *events_new(void);
void events_free(struct events *events); /* after the daemon has ended */
/* A response that goes on until the reader leaves, beginning with `hello`; NULL: too many listen.
 */
struct MHD_Response *events_listen(struct events *events, struct MHD_Connection *connection,
                                   const char *hello);
/* `data` is one line of JSON. */
void events_tell(struct events *events, const char *name, const char *data);
/* Keeps the lines open, and finds out who has left. */
void events_beat(struct events *events);
size_t events_listeners(struct events *events);
/* Ends every line. */
void events_end(struct events *events);

#endif
