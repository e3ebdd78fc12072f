/* Events of AWS Lambda: whoever may send to a queue or call a function writes them. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "lambda/event.h"

static void check_message(const struct event *event, const struct event_message *message)
{
    FUZZ_CHECK(message->err.code == ERR_OK || message->err.message[0]);
    FUZZ_CHECK(message->err.code || (message->bucket[0] && message->batch));
    FUZZ_CHECK(event->kind != EVENT_QUEUE || (message->id && message->id[0]));
}

FUZZ(event)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct event event;
    struct err err = {0};

    enum err_code code = event_parse((struct span){data, size}, arena, &event, &err);
    if (code) {
        FUZZ_CHECK(err.code == code && err.message[0]);
        return;
    }
    FUZZ_CHECK(event_kind_name(event.kind)[0]);
    FUZZ_CHECK(event.kind != EVENT_OBJECT || event.message_count == 1);
    for (size_t i = 0; i < event.message_count; i++)
        check_message(&event, &event.messages[i]);
    event_check_store(&event, "s3://shop-ingestion/prod");
    for (size_t i = 0; i < event.message_count; i++) {
        check_message(&event, &event.messages[i]);
        FUZZ_CHECK(event.messages[i].err.code ||
                   strcmp(event.messages[i].bucket, "shop-ingestion") == 0);
    }
}
