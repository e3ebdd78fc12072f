/* Events come from outside: one that is misread loses a message, or wakes the wrong function. */
#include <stdio.h>

#include "base/buf.h"
#include "base/json_write.h"
#include "base/text.h"
#include "lambda/event.h"
#include "lib/unit.h"

static struct arena *arena;

static enum err_code parse_n(const char *text, size_t size, struct event *event, struct err *err)
{
    return event_parse((struct span){text, size}, arena, event, err);
}

static enum err_code parse(const char *text, struct event *event, struct err *err)
{
    return parse_n(text, strlen(text), event, err);
}

static int begin(void **state)
{
    (void)state;
    arena = arena_new(0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* As S3 tells EventBridge. */
static const char *object_event(const char *bucket, const char *key)
{
    return arena_printf(
        arena,
        "{\"version\":\"0\",\"id\":\"17793124\",\"detail-type\":\"Object Created\",\"source\":"
        "\"aws.s3\",\"account\":\"111122223333\",\"time\":\"2024-11-15T14:40:00Z\",\"region\":"
        "\"eu-west-2\",\"resources\":[\"arn:aws:s3:::%s\"],\"detail\":{\"version\":\"0\","
        "\"bucket\":{\"name\":\"%s\"},\"object\":{\"key\":\"%s\",\"size\":5,\"etag\":\"b1946ac9\","
        "\"sequencer\":\"617f08299329d189\"},\"request-id\":\"N4N7GDK58NMKJ12R\",\"requester\":"
        "\"123456789012\",\"source-ip-address\":\"1.2.3.4\",\"reason\":\"PutObject\"}}",
        bucket, bucket, key);
}

struct message {
    const char *id;
    const char *body;
};

/* As SQS hands messages to a function. */
static const char *queue_event(const struct message *messages, size_t count)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};

    buf_add_text(&text, "{\"Records\":[");
    for (size_t i = 0; i < count; i++) {
        buf_addf(&text,
                 "%s{\"messageId\":\"%s\",\"receiptHandle\":\"AQEB\",\"body\":", i ? "," : "",
                 messages[i].id);
        json_quote(&text, messages[i].body, strlen(messages[i].body));
        buf_add_text(&text, ",\"attributes\":{\"ApproximateReceiveCount\":\"1\"},"
                            "\"messageAttributes\":{},\"md5OfBody\":\"e4e68fb7\",\"eventSource\":"
                            "\"aws:sqs\",\"eventSourceARN\":\"arn:aws:sqs:eu-west-2:1:q\"}");
    }
    buf_add_text(&text, "]}");
    return arena_strdup(arena, buf_text(&text));
}

static const char record43[] = "_batches/9999999956.0000000043.json";

static void a_direct_call_says_what_it_wants(void **state)
{
    static const char *const nothing[] = {"", " \n", "null", " null ", "{}", "{ }"};
    struct event event;
    struct err err;
    (void)state;

    for (size_t i = 0; i < COUNT_OF(nothing); i++) {
        assert_int_equal(parse(nothing[i], &event, &err), ERR_OK);
        assert_int_equal(event.kind, EVENT_DIRECT);
        assert_false(event.full || event.accept_new_source);
    }
    assert_int_equal(parse("{\"full\": true, \"accept_new_source\": false}", &event, &err), ERR_OK);
    assert_true(event.full);
    assert_false(event.accept_new_source);
}

static void what_nobody_understands_is_refused_by_name(void **state)
{
    static const struct {
        const char *event;
        enum err_code code;
        const char *says;
    } cases[] = {
        {"{\"ful\": true}", ERR_USAGE, "'ful'"},
        {"{\"full\": \"yes\"}", ERR_USAGE, "'full' is a string"},
        {"[]", ERR_OK, NULL},
        {"[1]", ERR_USAGE, "array"},
        {"\"full\"", ERR_DATA, "line 1"},
        {"{\"full\": true", ERR_DATA, "line 1"},
        {"{\"full\": true, \"full\": true}", ERR_DATA, "duplicate"},
        {"{\"source\": \"aws.ec2\", \"detail-type\": \"EC2 Instance\"}", ERR_USAGE, "'aws.ec2'"},
        {"{\"source\": \"aws.s3\", \"detail-type\": \"Object Deleted\"}", ERR_USAGE,
         "'Object Deleted'"},
        {"{\"source\": \"aws.s3\", \"detail-type\": \"Object Created\"}", ERR_DATA,
         "'detail' is missing"},
        {"{\"source\": 7, \"detail-type\": \"Scheduled Event\"}", ERR_USAGE, "'Scheduled Event'"},
        {"{\"source\": \"evil\", \"detail-type\": \"Scheduled Event\"}", ERR_USAGE, "'evil'"},
        {"{\"Records\": []}", ERR_DATA, "0 messages"},
        {"{\"Records\": {}}", ERR_DATA, "'Records' is an object"},
        {"{\"Records\": [7]}", ERR_USAGE, "'?'"},
        {"{\"Records\": [{\"eventSource\": \"aws:s3\"}]}", ERR_USAGE, "'aws:s3'"},
        {"{\"Records\": [{\"eventSource\": \"aws:sqs\", \"body\": \"{}\"}]}", ERR_DATA,
         "'Records[0].messageId' is missing"},
    };
    struct event event;
    struct err err;
    (void)state;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (!cases[i].says) { /* an empty array asks for nothing */
            assert_int_equal(parse(cases[i].event, &event, &err), ERR_OK);
            continue;
        }
        assert_int_equal(parse(cases[i].event, &event, &err), cases[i].code);
        if (!strstr(err.message, cases[i].says))
            fail_msg("%s: '%s' lacks '%s'", cases[i].event, err.message, cases[i].says);
    }
}

static void schedules_are_known(void **state)
{
    struct event event;
    struct err err;
    (void)state;

    assert_int_equal(parse("{\"version\":\"0\",\"id\":\"53dc4d37\",\"detail-type\":\"Scheduled "
                           "Event\",\"source\":\"aws.scheduler\",\"account\":\"1\",\"time\":\"2024-"
                           "11-15T14:40:00Z\",\"region\":\"eu-west-2\",\"resources\":[],"
                           "\"detail\":\"{}\"}",
                           &event, &err),
                     ERR_OK);
    assert_int_equal(event.kind, EVENT_SCHEDULE);
    assert_int_equal(parse("{\"source\":\"aws.events\",\"detail-type\":\"Scheduled Event\","
                           "\"detail\":{}}",
                           &event, &err),
                     ERR_OK);
    assert_int_equal(event.kind, EVENT_SCHEDULE);
}

static void an_object_event_names_bucket_and_batch(void **state)
{
    struct event event;
    struct err err;
    (void)state;

    assert_int_equal(parse(object_event("lake", record43), &event, &err), ERR_OK);
    assert_int_equal(event.kind, EVENT_OBJECT);
    assert_int_equal(event.message_count, 1);
    assert_null(event.messages[0].id);
    assert_int_equal(event.messages[0].batch, 43);
    event_check_store(&event, "s3://lake/prod");
    assert_int_equal(event.messages[0].err.code, ERR_OK);
    event_check_store(&event, "/var/lake/");
    assert_int_equal(event.messages[0].err.code, ERR_OK);
    event_check_store(&event, "s3://lake2/prod");
    assert_int_equal(event.messages[0].err.code, ERR_DATA);
    assert_non_null(strstr(event.messages[0].err.message, "bucket 'lake' is not ours"));
    assert_non_null(strstr(event.messages[0].err.message, "'lake2'"));
}

static void only_records_wake_a_step(void **state)
{
    static const char *const good[] = {"_batches/9999999956.0000000043.json",
                                       "prod/_batches/9999999956.0000000043.json",
                                       "a/_batches/b/_batches/9999999956.0000000043.json"};
    static const char *const bad[] = {
        "",
        "_batches/",
        "sales_order/2024/11/15/sales_order.0000000043-5f2c91.20241115T144000123456Z.json",
        "x_batches/9999999956.0000000043.json",
        "_batches/9999999956.0000000044.json", /* the two halves disagree */
        "_batches/9999999999.0000000000.json",
        "_batches/9999999956.0000000043.json.zst",
        "_batches/9999999956-0000000043.json",
        "_batches/99999999 6.0000000043.json",
        "_batches/99999999560000000000.0000000043.json",
        "_batches/9999999956.0000000043.jso",
    };
    struct event event;
    struct err err;
    (void)state;

    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(parse(object_event("lake", good[i]), &event, &err), ERR_OK);
        assert_int_equal(event.messages[0].batch, 43);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(parse(object_event("lake", bad[i]), &event, &err), ERR_DATA);
        assert_non_null(strstr(err.message, "is no record of a batch"));
    }
}

/* One poisoned message must not take the others with it. */
static void a_queue_is_judged_message_by_message(void **state)
{
    const char *good = object_event("lake", record43);
    const char *large = arena_alloc(arena, EVENT_MESSAGE_BYTES + 2);
    memset((char *)(uintptr_t)large, '[', EVENT_MESSAGE_BYTES + 1);
    const struct message messages[] = {
        {"m-0", good},
        {"m-1", "hello"},
        {"m-2", arena_strndup(arena, good, strlen(good) / 2)},
        {"m-3", object_event("other", record43)},
        {"m-4", object_event("lake", "sales_order/x.json")},
        {"m-5", "{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\"}"},
        {"m-6", large},
        {"m-7", ""},
        {"m-8", good},
    };
    static const char *const says[] = {
        NULL,       "line 1", "line 1", "'other' is not ours", "is no record", "is none",
        "too many", "line 1", NULL};
    struct event event;
    struct err err;
    (void)state;

    assert_int_equal(parse(queue_event(messages, COUNT_OF(messages)), &event, &err), ERR_OK);
    assert_int_equal(event.kind, EVENT_QUEUE);
    assert_int_equal(event.message_count, COUNT_OF(messages));
    event_check_store(&event, "s3://lake");
    for (size_t i = 0; i < COUNT_OF(messages); i++) {
        const struct event_message *message = &event.messages[i];
        assert_string_equal(message->id, messages[i].id);
        if (!says[i]) {
            assert_int_equal(message->err.code, ERR_OK);
            assert_int_equal(message->batch, 43);
            continue;
        }
        assert_int_not_equal(message->err.code, ERR_OK);
        if (!strstr(message->err.message, says[i]) || !strstr(message->err.message, messages[i].id))
            fail_msg("%s: '%s' lacks '%s'", messages[i].id, message->err.message, says[i]);
    }
}

static void a_hostile_event_is_an_error_and_no_more(void **state)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    struct event event;
    struct err err;
    (void)state;

    for (int i = 0; i < 200000; i++)
        buf_add_char(&text, '[');
    assert_int_equal(parse_n(text.data, text.size, &event, &err), ERR_DATA);
    buf_clear(&text);
    for (int i = 0; i < 50000; i++)
        buf_add_text(&text, "{\"a\":");
    assert_int_equal(parse_n(text.data, text.size, &event, &err), ERR_DATA);
    buf_clear(&text);
    buf_add_text(&text, "{\"full\":true,\"x\":\"");
    while (text.size < 256 << 10)
        buf_add_text(&text, "\xff\xfe\x80");
    assert_int_equal(parse_n(text.data, text.size, &event, &err), ERR_DATA);
    assert_int_equal(parse_n("{\"full\":true}\0", 14, &event, &err), ERR_DATA);
    char *huge = mem_zalloc(1, EVENT_LIMIT_BYTES + 1);
    assert_int_equal(parse_n(huge, EVENT_LIMIT_BYTES + 1, &event, &err), ERR_DATA);
    free(huge);
}

/* 256 kB is what AWS lets an event be. */
static void a_queue_of_the_largest_size_is_read(void **state)
{
    struct message messages[400];
    struct event event;
    struct err err;
    (void)state;

    for (size_t i = 0; i < COUNT_OF(messages); i++)
        messages[i] =
            (struct message){arena_printf(arena, "m-%zu", i), object_event("lake", record43)};
    const char *text = queue_event(messages, COUNT_OF(messages));
    assert_true(strlen(text) > 256 << 10);
    assert_int_equal(parse(text, &event, &err), ERR_OK);
    assert_int_equal(event.message_count, COUNT_OF(messages));
    assert_int_equal(event.messages[399].batch, 43);
}

/* Cut anywhere, or with any byte bent: read as an event or refused, with a reason. */
static void any_bytes_end_in_an_event_or_an_error(void **state)
{
    const struct message messages[] = {{"m-0", object_event("lake", record43)}, {"m-1", "{}"}};
    const char *const seeds[] = {
        queue_event(messages, COUNT_OF(messages)),
        object_event("lake", record43),
        "{\"full\": true, \"accept_new_source\": false}",
    };
    static const char bent[] = {'"', '{', '}', '\\', ',', '\0', '\x80'};
    (void)state;

    for (size_t s = 0; s < COUNT_OF(seeds); s++) {
        size_t size = strlen(seeds[s]);
        CLEANUP(free) char *copy = mem_strdup(seeds[s]);
        for (size_t at = 0; at < size; at++)
            for (size_t b = 0; b <= COUNT_OF(bent); b++) {
                CLEANUP(arena_free) struct arena *own = arena_new(0);
                struct event event = {0};
                struct err err = {0};
                size_t used = b == COUNT_OF(bent) ? at : size;
                if (b < COUNT_OF(bent))
                    copy[at] = bent[b];
                if (event_parse((struct span){copy, used}, own, &event, &err))
                    assert_true(err.code && *err.message);
                else
                    event_check_store(&event, "s3://lake");
                copy[at] = seeds[s][at];
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_direct_call_says_what_it_wants),
        cmocka_unit_test(what_nobody_understands_is_refused_by_name),
        cmocka_unit_test(schedules_are_known),
        cmocka_unit_test(an_object_event_names_bucket_and_batch),
        cmocka_unit_test(only_records_wake_a_step),
        cmocka_unit_test(a_queue_is_judged_message_by_message),
        cmocka_unit_test(a_hostile_event_is_an_error_and_no_more),
        cmocka_unit_test(a_queue_of_the_largest_size_is_read),
        cmocka_unit_test(any_bytes_end_in_an_event_or_an_error),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
