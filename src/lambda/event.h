/* lambda/event.h - what woke the function up: an event of AWS, as the runtime hands it over.
 *
 * Events are untrusted and say nothing that a step needs: it catches up with all batches whatever
 * the event says.  They are read for three things: that this function is meant at all, what a
 * direct call wants, and which messages of a queue are done with afterwards.
 *
 * A queue's messages are judged one by one: one that is not JSON, not about a record or about
 * another bucket carries its error, so that it alone goes back to the queue and in the end to the
 * dead letters. */
#ifndef LAMBDA_EVENT_H
#define LAMBDA_EVENT_H

#include <stdint.h>

#include "base/mem.h"

enum event_kind {
    EVENT_DIRECT = 1,   /* a call with an object of choices, {} for none */
    EVENT_SCHEDULE = 2, /* EventBridge Scheduler, or a rule with a schedule */
    EVENT_OBJECT = 4,   /* EventBridge: a record was put into a bucket */
    EVENT_QUEUE = 8,    /* SQS: messages that are EVENT_OBJECTs */
};

enum {
    EVENT_LIMIT_BYTES = 7 << 20,    /* Lambda's own limit is 6 MB */
    EVENT_MESSAGE_BYTES = 256 << 10 /* of a queue's message: larger ones are none of ours */
};

/* One record that was announced. */
struct event_message {
    const char *id;     /* of the queue; NULL: not from one */
    const char *bucket; /* "" when err is set */
    uint64_t batch;
    struct err err; /* code ERR_OK: well-formed */
};

struct event {
    enum event_kind kind;
    bool full;              /* direct call of ingest: compare every row by content */
    bool accept_new_source; /* likewise: another system identifier is fine */
    struct event_message *messages;
    size_t message_count; /* EVENT_OBJECT: 1 */
};

/* Everything lives in the arena.  An empty body and `null` are {}.  ERR_USAGE when it is an event
 * that nobody here understands, ERR_DATA when it is no JSON or a queue's event lacks its
 * messages' ids. */
CHECKED enum err_code event_parse(struct span body, struct arena *arena, struct event *ret_event,
                                  struct err *err);
/* Marks the messages that are not about the log of records in `store_url`: "s3://bucket/prefix", or
 * a folder, whose name then stands for the bucket. */
void event_check_store(struct event *event, const char *store_url);
const char *event_kind_name(enum event_kind kind); /* "event of a queue" */

#endif
