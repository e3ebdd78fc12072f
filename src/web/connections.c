#include "web/connections.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "web/web_private.h"

static const int64_t ask_us = 20 * INT64_C(1000000);

struct connection {
    struct connection *next, *previous;
    int socket;
    int64_t waits_since_us; /* 0: its request is here */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct connection *connections;

static void link_in(struct connection *connection)
{
    pthread_mutex_lock(&lock);
    connection->next = connections;
    if (connections)
        connections->previous = connection;
    connections = connection;
    pthread_mutex_unlock(&lock);
}

/* Called before the socket is closed, so that none is shut down that has become another's. */
static void take_out(struct connection *connection)
{
    pthread_mutex_lock(&lock);
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    pthread_mutex_unlock(&lock);
    free(connection);
}

void connections_notify(void *cls, struct MHD_Connection *connection, void **socket_context,
                        enum MHD_ConnectionNotificationCode toe)
{
    struct web *web = cls;

    if (toe == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct connection *own = mem_zalloc(1, sizeof *own);
        own->socket = info ? info->connect_fd : -1;
        own->waits_since_us = clock_monotonic_us();
        link_in(own);
        *socket_context = own;
        atomic_fetch_add(&web->counters.connections, 1);
    } else if (*socket_context) {
        take_out(*socket_context);
        *socket_context = NULL;
        atomic_fetch_sub(&web->counters.connections, 1);
    }
}

static void set_waiting(struct MHD_Connection *connection, int64_t since_us)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct connection *own = info ? info->socket_context : NULL;

    if (!own)
        return;
    pthread_mutex_lock(&lock);
    own->waits_since_us = since_us;
    pthread_mutex_unlock(&lock);
}

void connections_asked(struct MHD_Connection *connection)
{
    set_waiting(connection, 0);
}

void connections_waits(struct MHD_Connection *connection)
{
    set_waiting(connection, clock_monotonic_us());
}

void connections_sweep(struct web *web)
{
    int64_t now_us = clock_monotonic_us();

    pthread_mutex_lock(&lock);
    for (struct connection *at = connections; at; at = at->next)
        if (at->waits_since_us && now_us - at->waits_since_us > ask_us && at->socket >= 0) {
            (void)shutdown(at->socket, SHUT_RDWR);
            at->waits_since_us = 0;
            atomic_fetch_add(&web->counters.cut_off, 1);
        }
    pthread_mutex_unlock(&lock);
}
