#include "lambda/event.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/json_read.h"
#include "base/text.h"
#include "pipeline/batch_log.h"

enum {
    MESSAGES_MAX = 10000, /* SQS hands over no more at once */
    SHOWN = 120           /* characters of somebody else's text in a message */
};

static const char records[] = "_batches/";

const char *event_kind_name(enum event_kind kind)
{
    switch (kind) {
    case EVENT_DIRECT:
        return "direct call";
    case EVENT_SCHEDULE:
        return "event of a schedule";
    case EVENT_OBJECT:
        return "event of an object";
    case EVENT_QUEUE:
        return "event of a queue";
    }
    return "such event";
}

/* The store's own prefix stands before it: "prefix/_batches/9999999956.0000000043.json".  0: it is
 * no record's key. */
static uint64_t batch_of_key(const char *key)
{
    const char *at = strstr(key, records);

    for (const char *next; at && (next = strstr(at + 1, records));)
        at = next;
    return at && (at == key || at[-1] == '/') ? batch_log_batch(at) : 0;
}

/* An object's event: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
static enum err_code parse_object(const struct json_value *event, struct arena *arena,
                                  struct event_message *message, struct err *err)
{
    const struct json_value *detail, *bucket, *object;
    const char *name, *key;

    TRY(json_get_object(event, "detail", &detail, err));
    TRY(json_get_object(detail, "bucket", &bucket, err));
    TRY(json_get_object(detail, "object", &object, err));
    TRY(json_get_text(bucket, "name", &name, err));
    TRY(json_get_text(object, "key", &key, err));
    message->batch = batch_of_key(key);
    if (message->batch == 0) {
        (void)err_set(err, ERR_DATA, "object '%.*s' of bucket '%.*s' is no record of a batch",
                      SHOWN, key, SHOWN, name);
        return err_hint(err, "only objects below '%s' are to be announced: check the rule's prefix",
                        records);
    }
    message->bucket = arena_strdup(arena, name);
    return ERR_OK;
}

static bool is_object_event(const struct json_value *event)
{
    return text_equal(json_opt_text(event, "source", ""), "aws.s3") &&
           text_equal(json_opt_text(event, "detail-type", ""), "Object Created");
}

static enum err_code unknown_event(const struct json_value *event, struct err *err)
{
    (void)err_set(err, ERR_USAGE, "event '%.*s' of '%.*s' is none that this function knows", SHOWN,
                  json_opt_text(event, "detail-type", "?"), SHOWN,
                  json_opt_text(event, "source", "?"));
    return err_hint(err, "docs/reference/lambda.md lists the events of each function");
}

/* The text of one message of a queue. */
static enum err_code parse_body(const char *body, struct arena *arena,
                                struct event_message *message, struct err *err)
{
    CLEANUP(json_doc_free) struct json_doc *doc = NULL;
    size_t size = strlen(body);

    if (size > EVENT_MESSAGE_BYTES)
        return err_set(err, ERR_DATA, "body: %zu bytes are too many, at most %d", size,
                       EVENT_MESSAGE_BYTES);
    TRY(json_parse("body", body, size, &doc, err));
    if (!is_object_event(json_root(doc)))
        return unknown_event(json_root(doc), err);
    return parse_object(json_root(doc), arena, message, err);
}

/* https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
static enum err_code parse_queue(const struct json_value *root, struct arena *arena,
                                 struct event *event, struct err *err)
{
    const struct json_value *list;

    TRY(json_get_array(root, "Records", &list, err));
    size_t count = json_array_count(list);
    if (count == 0 || count > MESSAGES_MAX)
        return err_set(err, ERR_DATA, "event: %zu messages, where 1 to %d are expected", count,
                       MESSAGES_MAX);
    event->kind = EVENT_QUEUE;
    event->messages = arena_alloc(arena, count * sizeof *event->messages);
    event->message_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct json_value *from = json_array_at(list, i);
        struct event_message *message = &event->messages[i];
        const char *source = json_opt_text(from, "eventSource", "?"), *id, *body;
        if (!text_equal(source, "aws:sqs")) {
            (void)err_set(err, ERR_USAGE, "records of '%.*s' are none that this function knows",
                          SHOWN, source);
            return err_hint(err, "buckets announce their objects by EventBridge and SQS");
        }
        TRY(json_get_text(from, "messageId", &id, err));
        message->id = arena_strdup(arena, id);
        message->bucket = "";
        if (json_get_text(from, "body", &body, &message->err) ||
            parse_body(body, arena, message, &message->err))
            (void)err_wrap(&message->err, "message '%.*s'", SHOWN, id);
    }
    return ERR_OK;
}

static enum err_code parse_choices(const struct json_value *root, struct event *event,
                                   struct err *err)
{
    static const char *const names[] = {"full", "accept_new_source"};
    bool *const targets[] = {&event->full, &event->accept_new_source};
    const struct json_value *value;
    const char *name;

    event->kind = EVENT_DIRECT;
    for (size_t i = 0; (name = json_member(root, i, &value)); i++) {
        size_t which = 0;
        while (which < COUNT_OF(names) && !text_equal(name, names[which]))
            which++;
        if (which == COUNT_OF(names)) {
            const char *close = text_closest(name, names, COUNT_OF(names));
            (void)err_set(err, ERR_USAGE, "event: '%.*s' is nothing that can be asked for", SHOWN,
                          name);
            return close ? err_hint(err, "did you mean '%s'?", close)
                         : err_hint(err, "docs/reference/lambda.md lists what can");
        }
        if (json_get_bool(root, name, targets[which], err))
            return err->code = ERR_USAGE;
    }
    return ERR_OK;
}

static enum err_code parse_bridge(const struct json_value *root, struct arena *arena,
                                  struct event *event, struct err *err)
{
    const char *source = json_opt_text(root, "source", "");

    if (is_object_event(root)) {
        event->kind = EVENT_OBJECT;
        event->messages = arena_alloc(arena, sizeof *event->messages);
        event->message_count = 1;
        return parse_object(root, arena, event->messages, err);
    }
    if (!text_equal(json_opt_text(root, "detail-type", ""), "Scheduled Event") ||
        !(text_equal(source, "aws.scheduler") || text_equal(source, "aws.events")))
        return unknown_event(root, err);
    event->kind = EVENT_SCHEDULE;
    return ERR_OK;
}

static bool is_blank(struct span body)
{
    static const char nothing[] = "null";
    size_t at = 0;

    while (at < body.size && memchr(" \t\r\n", body.data[at], 4))
        at++;
    size_t left = body.size - at;
    while (left > 0 && memchr(" \t\r\n", body.data[at + left - 1], 4))
        left--;
    return left == 0 || (left == strlen(nothing) && memcmp(body.data + at, nothing, left) == 0);
}

enum err_code event_parse(struct span body, struct arena *arena, struct event *ret_event,
                          struct err *err)
{
    CLEANUP(json_doc_free) struct json_doc *doc = NULL;
    struct event event = {.kind = EVENT_DIRECT};

    if (body.size > EVENT_LIMIT_BYTES)
        return err_set(err, ERR_DATA, "event: %zu bytes are too many", body.size);
    if (!is_blank(body)) {
        TRY(json_parse("event", body.data, body.size, &doc, err));
        const struct json_value *root = json_root(doc);
        if (json_opt(root, "Records"))
            TRY(parse_queue(root, arena, &event, err));
        else if (json_opt(root, "source") || json_opt(root, "detail-type"))
            TRY(parse_bridge(root, arena, &event, err));
        else if (json_array_count(root) > 0)
            return err_set(err, ERR_USAGE, "event: an array is nothing that can be asked for");
        else
            TRY(parse_choices(root, &event, err));
    }
    *ret_event = event;
    return ERR_OK;
}

/* Where the bucket's name begins in the store's URL, and how long it is. */
static struct span bucket_of_store(const char *url)
{
    if (text_starts(url, "s3://"))
        return (struct span){url + 5, strcspn(url + 5, "/")};
    size_t end = strlen(url);
    while (end > 0 && url[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && url[begin - 1] != '/')
        begin--;
    return (struct span){url + begin, end - begin};
}

void event_check_store(struct event *event, const char *store_url)
{
    struct span ours = bucket_of_store(store_url);

    for (size_t i = 0; i < event->message_count; i++) {
        struct event_message *message = &event->messages[i];
        if (message->err.code || (strlen(message->bucket) == ours.size &&
                                  memcmp(message->bucket, ours.data, ours.size) == 0))
            continue;
        (void)err_set(&message->err, ERR_DATA,
                      "batch %" PRIu64 " of bucket '%.*s' is not ours: this function reads '%.*s'",
                      message->batch, SHOWN, message->bucket, (int)ours.size, ours.data);
        (void)err_hint(&message->err, "check the rule, or lake.ingestion and lake.processed");
        if (message->id)
            (void)err_wrap(&message->err, "message '%.*s'", SHOWN, message->id);
    }
}
