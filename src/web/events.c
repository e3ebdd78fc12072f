#include "web/events.h"

#include <microhttpd.h>
#include <pthread.h>
#include <string.h>

enum {
    PENDING_MAX = 1 << 18, /* who does not read for so long is let go */
    BLOCK_BYTES = 4096,
};

struct listener {
    struct events *events;
    struct listener *next;
    struct MHD_Connection *connection;
    struct buf pending;
    bool asleep; /* the connection is suspended */
    bool over;
};

struct events {
    pthread_mutex_t lock;
    struct listener *listeners;
    size_t count;
    bool ended;
};

struct events *events_new(void)
{
    struct events *events = mem_zalloc(1, sizeof *events);

    pthread_mutex_init(&events->lock, NULL);
    return events;
}

void events_free(struct events *events)
{
    if (!events)
        return;
    pthread_mutex_destroy(&events->lock);
    free(events);
}

static void wake(struct listener *listener)
{
    if (!listener->asleep)
        return;
    listener->asleep = false;
    MHD_resume_connection(listener->connection);
}

/* What is told next; the connection sleeps when there is nothing. */
static ssize_t read_events(void *arg, uint64_t position, char *block, size_t most)
{
    struct listener *listener = arg;
    ssize_t size = 0;

    (void)position;
    pthread_mutex_lock(&listener->events->lock);
    if (listener->pending.size) {
        size_t taken = listener->pending.size < most ? listener->pending.size : most;
        memcpy(block, listener->pending.data, taken);
        memmove(listener->pending.data, listener->pending.data + taken,
                listener->pending.size - taken);
        listener->pending.size -= taken;
        size = (ssize_t)taken;
    } else if (listener->over || listener->events->ended) {
        size = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        listener->asleep = true;
        MHD_suspend_connection(listener->connection);
    }
    pthread_mutex_unlock(&listener->events->lock);
    return size;
}

static void leave(void *arg)
{
    struct listener *listener = arg;
    struct events *events = listener->events;

    pthread_mutex_lock(&events->lock);
    for (struct listener **at = &events->listeners; *at; at = &(*at)->next)
        if (*at == listener) {
            *at = listener->next;
            events->count--;
            break;
        }
    pthread_mutex_unlock(&events->lock);
    buf_release(&listener->pending);
    free(listener);
}

struct MHD_Response *events_listen(struct events *events, struct MHD_Connection *connection,
                                   const char *hello)
{
    struct listener *listener = mem_zalloc(1, sizeof *listener);

    listener->events = events;
    listener->connection = connection;
    buf_addf(&listener->pending, "retry: 3000\nevent: hello\ndata: %s\n\n", hello);
    pthread_mutex_lock(&events->lock);
    bool room = events->count < EVENTS_LISTENERS_MAX && !events->ended;
    if (room) {
        listener->next = events->listeners;
        events->listeners = listener;
        events->count++;
    }
    pthread_mutex_unlock(&events->lock);
    struct MHD_Response *response =
        room ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_events,
                                                 listener, leave)
             : NULL;
    if (!response)
        leave(listener);
    return response;
}

static void tell_all(struct events *events, const char *text)
{
    pthread_mutex_lock(&events->lock);
    for (struct listener *listener = events->listeners; listener; listener = listener->next) {
        if (listener->pending.size > PENDING_MAX)
            listener->over = true;
        else
            buf_add_text(&listener->pending, text);
        wake(listener);
    }
    pthread_mutex_unlock(&events->lock);
}

void events_tell(struct events *events, const char *name, const char *data)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};

    buf_addf(&text, "event: %s\ndata: %s\n\n", name, data);
    tell_all(events, buf_text(&text));
}

void events_beat(struct events *events)
{
    tell_all(events, ":\n\n");
}

size_t events_listeners(struct events *events)
{
    pthread_mutex_lock(&events->lock);
    size_t count = events->count;
    pthread_mutex_unlock(&events->lock);
    return count;
}

void events_end(struct events *events)
{
    pthread_mutex_lock(&events->lock);
    events->ended = true;
    for (struct listener *listener = events->listeners; listener; listener = listener->next)
        wake(listener);
    pthread_mutex_unlock(&events->lock);
}
