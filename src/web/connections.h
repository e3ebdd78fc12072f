/* web/connections.h - the open connections: who takes too long to send a request is cut off.
 *
 * libmicrohttpd's own limit is on silence; a reader who sends a byte now and then would stay for
 * ever. */
#ifndef WEB_CONNECTIONS_H
#define WEB_CONNECTIONS_H

#include <microhttpd.h>

/* MHD's callback; cls is the struct web. */
void connections_notify(void *cls, struct MHD_Connection *connection, void **socket_context,
                        enum MHD_ConnectionNotificationCode toe);
/* Its request's headers have come / it may ask again. */
void connections_asked(struct MHD_Connection *connection);
void connections_waits(struct MHD_Connection *connection);
struct web;
/* Cuts off those who have been asking for too long. */
void connections_sweep(struct web *web);

#endif
