/* What S3 does to its callers on a bad day: each fault is scripted in front of a real server, and
 * must be survived, or told of so that somebody can mend it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "lib/fault_script.h"
#include "lib/s3_bucket.h"
#include "lib/unit.h"
#include "net/aws.h"
#include "store/store.h"

static const char *upstream;

struct place {
    struct arena *arena;
    struct aws *aws;
    struct store *store; /* with a prefix, through the fault server */
    const char *bucket;
    struct err err;
};

static void open_store(struct place *place, const struct store_options *more)
{
    struct store_options options = more ? *more : (struct store_options){0};

    options.aws = place->aws;
    if (!options.endpoint)
        options.endpoint = fault_server_start();
    if (!options.retry_us)
        options.retry_us = INT64_C(20000000);
    store_close(place->store);
    place->store = NULL;
    if (store_open_with(arena_printf(place->arena, "s3://%s/p", place->bucket), &options,
                        &place->store, &place->err))
        fail_msg("%s", place->err.message);
}

static int set_up(void **state)
{
    const struct aws_options quick = {.retry = {.base_us = 1000, .cap_us = 20000}};
    struct place *place = mem_zalloc(1, sizeof *place);

    *state = place;
    place->arena = arena_new(0);
    place->aws = aws_new(&quick);
    place->bucket = s3_bucket_make(place->arena, false);
    fault_script(upstream, "");
    open_store(place, NULL);
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    store_close(place->store);
    aws_free(place->aws);
    arena_free(place->arena);
    free(place);
    return 0;
}

static enum err_code put(struct place *place, const char *key, const char *text)
{
    return store_put(place->store, key, (struct span){text, strlen(text)}, STORE_IF_ABSENT,
                     &place->err);
}

static const char *content(struct place *place, const char *key)
{
    CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};

    if (store_get(place->store, key, 1 << 20, &bytes, &place->err))
        return err_name(place->err.code);
    return arena_strdup(place->arena, buf_text(&bytes));
}

static bool count_one(void *arg, const char *key, const struct store_info *info)
{
    (void)key, (void)info;
    ++*(size_t *)arg;
    return true;
}

/* One of each operation; what it found must be right. */
static void do_everything(struct place *place)
{
    struct store_info info;
    size_t listed = 0;

    if (put(place, "a", "content"))
        fail_msg("%s", place->err.message);
    assert_string_equal(content(place, "a"), "content");
    if (store_head(place->store, "a", &info, &place->err))
        fail_msg("%s", place->err.message);
    assert_int_equal(info.size_bytes, 7);
    if (store_list(place->store, "", NULL, count_one, &listed, &place->err))
        fail_msg("%s", place->err.message);
    assert_int_equal(listed, 1);
    if (store_remove(place->store, "a", &place->err))
        fail_msg("%s", place->err.message);
    assert_string_equal(content(place, "a"), "NOT_FOUND");
    const char *const several[] = {"b", "c"};
    if (put(place, "b", "content") || store_remove_all(place->store, several, 2, &place->err))
        fail_msg("%s", place->err.message);
    assert_string_equal(content(place, "b"), "NOT_FOUND");
}

/* The status is 200, and the bad news stands among the good. */
static void what_could_not_be_removed_is_named(void **state)
{
    struct place *place = *state;
    const char *const keys[] = {"a", "b"};

    fault_script(
        upstream,
        "{\"match\": \"POST \", \"do\": \"answer\", \"status\": 200, \"body\": "
        "\"<DeleteResult><Deleted><Key>p/a</Key></Deleted><Error><Key>p/b</Key>"
        "<Code>AccessDenied</Code><Message>Access Denied</Message></Error></DeleteResult>\"}");
    assert_int_equal(store_remove_all(place->store, keys, 2, &place->err), ERR_DENIED);
    assert_non_null(strstr(place->err.message, "'p/b'"));
    assert_non_null(strstr(place->err.message, "s3:DeleteObject"));
    assert_non_null(strstr(place->err.hint, "s3:DeleteObject"));
    assert_int_equal(fault_count("POST "), 1);
    /* One that was throttled is asked for again, with the others. */
    fault_script(
        upstream,
        "{\"match\": \"POST \", \"times\": 1, \"do\": \"answer\", \"status\": 200, \"body\": "
        "\"<DeleteResult><Error><Key>p/b</Key><Code>SlowDown</Code></Error></DeleteResult>\"}");
    if (store_remove_all(place->store, keys, 2, &place->err))
        fail_msg("%s", place->err.message);
    assert_int_equal(fault_count("POST "), 2);
    fault_script(upstream, "{\"match\": \"POST \", \"times\": -1, \"do\": \"answer\", "
                           "\"status\": 200, \"body\": \"<Other/>\"}");
    open_store(place, &(struct store_options){.retry_us = 300000});
    assert_int_equal(store_remove_all(place->store, keys, 2, &place->err), ERR_UNAVAILABLE);
}

static void passing_faults_are_survived_by_every_operation(void **state)
{
    struct place *place = *state;
    static const char *const methods[] = {"PUT ", "GET ", "HEAD ", "DELETE ", "POST "};
    static const char *const faults[] = {
        "'do': 'answer', 'status': 503, 'body': '<Error><Code>SlowDown</Code></Error>'",
        "'do': 'answer', 'status': 500, 'body': '<Error><Code>InternalError</Code></Error>'",
        "'do': 'answer', 'status': 502, 'body': '<html>bad gateway</html>'",
        "'do': 'answer', 'status': 503, 'headers': {'Retry-After': '0'}",
        "'do': 'reset'",
        "'do': 'swallow'",
        "'do': 'cut'",
        "'do': 'lost'",
    };

    for (size_t i = 0; i < COUNT_OF(faults); i++)
        for (size_t j = 0; j < COUNT_OF(methods); j++) {
            char *rule = arena_printf(place->arena, "{'match': '%s', 'times': 2, %s}", methods[j],
                                      faults[i]);
            for (char *c = rule; *c; c++)
                if (*c == '\'')
                    *c = '"';
            fault_script(upstream, rule);
            do_everything(place);
        }
}

static void a_request_that_timed_out_in_s3_is_sent_again(void **state)
{
    struct place *place = *state;

    fault_script(upstream, "{\"match\": \"PUT \", \"do\": \"answer\", \"status\": 400, \"body\": "
                           "\"<Error><Code>RequestTimeout</Code></Error>\"}");
    do_everything(place);
    assert_int_equal(fault_count("PUT "), 3); /* two objects */
}

/* --- conditional puts --- */

static void our_own_object_is_no_conflict(void **state)
{
    struct place *place = *state;

    fault_script(upstream, "{\"match\": \"PUT \", \"do\": \"lost\"}");
    assert_int_equal(put(place, "record", "ours"), ERR_OK);
    assert_int_equal(fault_count("PUT "), 2);
    assert_int_equal(fault_count(" 412"), 1);
    assert_int_equal(fault_count("HEAD "), 1);
    assert_string_equal(content(place, "record"), "ours");
}

static void anothers_object_is_a_conflict_even_when_answers_were_lost(void **state)
{
    struct place *place = *state;

    assert_int_equal(put(place, "record", "same"), ERR_OK);
    fault_script(upstream, "{\"match\": \"PUT \", \"do\": \"reset\"}");
    assert_int_equal(put(place, "record", "same"), ERR_CONFLICT);
    assert_non_null(strstr(place->err.message, "exists already"));
}

static void a_put_that_races_is_tried_again(void **state)
{
    struct place *place = *state;

    fault_script(upstream,
                 "{\"match\": \"PUT \", \"do\": \"answer\", \"status\": 409, \"body\": "
                 "\"<Error><Code>ConditionalRequestConflict</Code></Error>\", \"times\": 2}");
    assert_int_equal(put(place, "record", "x"), ERR_OK);
    fault_script(upstream,
                 "{\"match\": \"PUT \", \"do\": \"answer\", \"status\": 409, \"body\": "
                 "\"<Error><Code>ConditionalRequestConflict</Code></Error>\", \"times\": -1}");
    assert_int_equal(put(place, "other", "x"), ERR_CONFLICT);
}

/* --- multipart --- */

static enum err_code put_large(struct place *place, const char *key)
{
    enum {
        PIECES = 17
    };
    CLEANUP(store_writer_close) struct store_writer *writer = NULL;
    CLEANUP(free) char *piece = mem_zalloc(1, 1 << 20);

    TRY(store_writer_open(place->store, key, STORE_IF_ABSENT, &writer, &place->err));
    for (int i = 0; i < PIECES; i++) {
        memset(piece, 'a' + i, 1 << 20);
        TRY(store_writer_add(writer, piece, 1 << 20, &place->err));
    }
    return store_writer_commit(writer, &place->err);
}

static void check_large(struct place *place, const char *key)
{
    CLEANUP(work_dir_close) struct work_dir *work = NULL;
    CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};
    struct err *err = &place->err;
    const char *path;

    assert_int_equal(work_dir_open(NULL, &work, err), ERR_OK);
    if (store_local_copy(place->store, key, work_dir_path(work), place->arena, &path, err))
        fail_msg("%s", err->message);
    assert_int_equal(file_read(path, 32 << 20, &bytes, err), ERR_OK);
    assert_int_equal(bytes.size, 17 << 20);
    for (size_t i = 0; i < bytes.size; i += 4096)
        assert_int_equal(bytes.data[i], 'a' + (char)(i >> 20));
    assert_int_equal(bytes.data[bytes.size - 1], 'a' + 16);
}

#define INTERNAL_ERROR "\"status\": 200, \"body\": \"<Error><Code>InternalError</Code></Error>\"}"

static void uploads_survive_faults_in_each_of_their_requests(void **state)
{
    struct place *place = *state;
    static const char *const rules[] = {
        "{\"match\": \"?uploads\", \"do\": \"reset\"}",
        "{\"match\": \"?uploads\", \"do\": \"lost\"}",
        "{\"match\": \"partNumber=2\", \"do\": \"swallow\"}",
        "{\"match\": \"partNumber=2\", \"do\": \"lost\"}",
        "{\"match\": \"partNumber=3\", \"do\": \"edit\", \"headers\": {\"etag\": null}}",
        "{\"match\": \"partNumber=1\", \"do\": \"edit\", \"headers\": "
        "{\"x-amz-checksum-sha256\": \"AAAA\"}}",
        "{\"match\": \"POST \", \"skip\": 1, \"do\": \"answer\", " INTERNAL_ERROR,
        "{\"match\": \"POST \", \"skip\": 1, \"do\": \"instead\", " INTERNAL_ERROR,
        "{\"match\": \"POST \", \"skip\": 1, \"do\": \"lost\"}",
        "{\"match\": \"POST \", \"skip\": 1, \"do\": \"cut\"}",
    };

    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        const char *key = arena_printf(place->arena, "large-%zu", i);
        fault_script(upstream, rules[i]);
        if (put_large(place, key))
            fail_msg("%s: %s", rules[i], place->err.message);
        check_large(place, key);
    }
}

static void a_failed_upload_is_taken_back(void **state)
{
    struct place *place = *state;

    fault_script(upstream, "{\"match\": \"partNumber=2\", \"do\": \"answer\", \"status\": 403, "
                           "\"body\": \"<Error><Code>AccessDenied</Code></Error>\"}");
    assert_int_equal(put_large(place, "large"), ERR_DENIED);
    assert_int_equal(fault_count("DELETE "), 1);
    assert_int_equal(fault_count("204"), 1);
    assert_string_equal(content(place, "large"), "NOT_FOUND");
    assert_int_equal(put(place, "taken", "x"), ERR_OK);
    fault_script(upstream, "");
    assert_int_equal(put_large(place, "taken"), ERR_CONFLICT);
    assert_int_equal(fault_count("DELETE "), 1);
    assert_string_equal(content(place, "taken"), "x");
}

/* --- reading --- */

static void reading_survives_faults_in_the_middle(void **state)
{
    struct place *place = *state;
    static const char *const rules[] = {
        "{\"match\": \"GET \", \"times\": 3, \"do\": \"cut\"}",
        "{\"match\": \"GET \", \"skip\": 1, \"times\": 2, \"do\": \"reset\"}",
        ("{\"match\": \"GET \", \"skip\": 2, \"do\": \"edit\", \"headers\": "
         "{\"content-length\": \"100\"}}"),
    };

    assert_int_equal(put_large(place, "large"), ERR_OK);
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        fault_script(upstream, rules[i]);
        check_large(place, "large");
    }
    assert_int_equal(put(place, "small", "content"), ERR_OK);
    fault_script(upstream, "{\"match\": \"GET \", \"do\": \"edit\", \"headers\": "
                           "{\"x-amz-checksum-sha256\": \"AAAA\"}}");
    assert_string_equal(content(place, "small"), "content");
    assert_int_equal(fault_count("GET "), 2);
}

static void an_object_that_changes_while_it_is_read_is_damage(void **state)
{
    struct place *place = *state;
    CLEANUP(work_dir_close) struct work_dir *work = NULL;
    const char *path;

    assert_int_equal(put_large(place, "large"), ERR_OK);
    assert_int_equal(work_dir_open(NULL, &work, &place->err), ERR_OK);
    fault_script(upstream, "{\"match\": \"GET \", \"do\": \"edit\", \"headers\": "
                           "{\"etag\": \"\\\"other\\\"\"}}");
    assert_int_equal(store_local_copy(place->store, "large", work_dir_path(work), place->arena,
                                      &path, &place->err),
                     ERR_DATA);
    assert_non_null(strstr(place->err.message, "replaced"));
}

static void forged_listings_are_refused(void **state)
{
    struct place *place = *state;
    static const struct {
        const char *body;
        enum err_code code;
    } forged[] = {
        {"no xml at all", ERR_DATA},
        {"<!DOCTYPE x [<!ENTITY a 'b'>]><ListBucketResult>&a;</ListBucketResult>", ERR_DATA},
        {"<ListBucketResult><Contents></Contents></ListBucketResult>", ERR_DATA},
        {"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", ERR_DATA},
        {"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x"
         "</NextContinuationToken></ListBucketResult>",
         ERR_DATA},
        {"<html>a page of a proxy</html>", ERR_UNAVAILABLE},
        {"<Error><Code>InternalError</Code></Error>", ERR_UNAVAILABLE},
    };
    size_t listed = 0;

    for (size_t i = 0; i < COUNT_OF(forged); i++) {
        fault_script(upstream, arena_printf(place->arena,
                                            "{\"match\": \"GET \", \"times\": -1, \"do\": "
                                            "\"answer\", \"body\": \"%s\"}",
                                            forged[i].body));
        enum err_code code = store_list(place->store, "", NULL, count_one, &listed, &place->err);
        if (code != forged[i].code)
            fail_msg("%s: %s %s", forged[i].body, err_name(code), place->err.message);
    }
    assert_int_equal(listed, 0);
}

/* --- what is told --- */

static void the_message_tells_of_all_attempts(void **state)
{
    struct place *place = *state;
    const struct store_options short_lived = {.retry_us = 1500000};

    open_store(place, &short_lived);
    fault_script(upstream,
                 "{\"match\": \"PUT \", \"times\": 2, \"do\": \"answer\", \"status\": 503, "
                 "\"body\": \"<Error><Code>SlowDown</Code><Message>Please reduce your request "
                 "rate.</Message></Error>\"}, {\"match\": \"PUT \", \"times\": -1, \"do\": "
                 "\"reset\"}");
    assert_int_equal(put(place, "a", "x"), ERR_UNAVAILABLE);
    assert_non_null(strstr(place->err.message, "10 attempts"));
    assert_non_null(strstr(place->err.message, "503 SlowDown: Please reduce"));
    assert_non_null(strstr(place->err.message, "(2 times); then "));
    assert_non_null(strstr(place->err.message, "the connection failed"));
    fault_script(upstream,
                 "{\"match\": \"PUT \", \"times\": -1, \"do\": \"hang\", \"seconds\": 5}");
    int64_t begin_us = clock_monotonic_us();
    assert_int_equal(put(place, "a", "x"), ERR_TIMEOUT);
    assert_true(clock_monotonic_us() - begin_us < 4000000);
}

struct told {
    const char *method;
    int status;
    const char *headers;
    const char *body;
    enum err_code code;
    const char *message;
    const char *hint;
};

static void denials_name_the_action_and_the_resource(void **state)
{
    struct place *place = *state;
    static const struct told told[] = {
        {"PUT ", 403, "", "<Error><Code>AccessDenied</Code></Error>", ERR_DENIED,
         "s3:PutObject on arn:aws:s3:::test-", "grant s3:PutObject on arn:aws:s3:::test-"},
        {"PUT ", 403, "",
         "<Error><Code>AccessDenied</Code><Message>User: arn:aws:iam::1:user/x is not authorized "
         "to perform: kms:GenerateDataKey on resource: arn:aws:kms:eu-west-2:1:key/k</Message>"
         "</Error>",
         ERR_DENIED, "kms:GenerateDataKey on resource",
         "grant kms:GenerateDataKey and kms:Decrypt"},
        {"PUT ", 400, "", "<Error><Code>KMS.NotFoundException</Code></Error>", ERR_CONFIG,
         "KMS.NotFound", "lake.kms_key"},
        {"PUT ", 404, "", "<Error><Code>NoSuchBucket</Code></Error>", ERR_CONFIG, "NoSuchBucket",
         "make the bucket"},
        {"PUT ", 301, "\"x-amz-bucket-region\": \"eu-central-1\"",
         "<Error><Code>PermanentRedirect</Code></Error>", ERR_CONFIG, "PermanentRedirect",
         "set lake.region (or AWS_REGION) to eu-central-1"},
        {"PUT ", 400, "",
         "<Error><Code>AuthorizationHeaderMalformed</Code><Region>us-west-1</Region></Error>",
         ERR_CONFIG, "AuthorizationHeaderMalformed", "is in us-west-1, requests went to eu-west-2"},
        {"PUT ", 403, "", "<Error><Code>SignatureDoesNotMatch</Code></Error>", ERR_DENIED,
         "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"},
        {"PUT ", 403, "", "<Error><Code>InvalidAccessKeyId</Code></Error>", ERR_DENIED,
         "InvalidAccessKeyId", "not known to AWS"},
        {"PUT ", 418, "", "\\u001b[31mred", ERR_CONFIG, "418", ""},
    };

    for (size_t i = 0; i < COUNT_OF(told); i++) {
        const struct told *this = &told[i];
        fault_script(upstream, arena_printf(place->arena,
                                            "{\"match\": \"%s\", \"times\": -1, \"do\": "
                                            "\"answer\", \"status\": %d, \"headers\": {%s}, "
                                            "\"body\": \"%s\"}",
                                            this->method, this->status, this->headers, this->body));
        enum err_code code = put(place, "a", "x");
        if (code != this->code || !strstr(place->err.message, this->message) ||
            !strstr(place->err.hint, this->hint))
            fail_msg("%s: %s, %s, %s", this->body, err_name(code), place->err.message,
                     place->err.hint);
    }
}

static void reading_what_may_not_be_read_says_so(void **state)
{
    struct place *place = *state;
    struct store_info info;

    fault_script(upstream, "{\"match\": \"\", \"times\": -1, \"do\": \"answer\", \"status\": 403}");
    assert_int_equal(store_head(place->store, "a", &info, &place->err), ERR_DENIED);
    assert_non_null(strstr(place->err.message, "s3:GetObject on arn:aws:s3:::"));
    assert_non_null(strstr(place->err.hint, "s3:ListBucket"));
    assert_string_equal(content(place, "a"), "DENIED");
}

/* --- clock and region, by the real server's own word --- */

static void a_wrong_clock_is_corrected_by_the_servers(void **state)
{
    struct place *place = *state;

    /* The first answer lies, so that requests are signed for another time from then on ... */
    fault_script(upstream,
                 "{\"match\": \"PUT \", \"do\": \"answer\", \"status\": 403, \"headers\": "
                 "{\"Date\": \"Fri, 01 Jan 2038 00:00:00 GMT\"}, \"body\": "
                 "\"<Error><Code>RequestTimeTooSkewed</Code></Error>\"}");
    assert_int_equal(put(place, "a", "x"), ERR_DENIED);
    assert_non_null(strstr(place->err.hint, "clock"));
    assert_int_equal(fault_count("PUT "), 2);
    /* ... and the real server puts that right, by a body or, for HEAD, without one. */
    assert_int_equal(put(place, "a", "x"), ERR_OK);
    assert_int_equal(fault_count(" 200"), 1);
}

static void the_real_server_refuses_another_region(void **state)
{
    struct place *place = *state;
    const struct store_options wrong = {.region = "us-west-2", .endpoint = upstream};

    open_store(place, &wrong);
    assert_int_not_equal(put(place, "a", "x"), ERR_OK);
    assert_non_null(strstr(place->err.hint, "set lake.region"));
    assert_non_null(strstr(place->err.hint, "eu-west-2"));
}

static void ctrl_c_ends_waiting(void **state)
{
    struct place *place = *state;

    fault_script(upstream, "");
    cancel_request();
    assert_int_equal(put(place, "a", "x"), ERR_CANCELLED);
    cancel_clear();
}

#define AT_S3(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_S3(passing_faults_are_survived_by_every_operation),
        AT_S3(what_could_not_be_removed_is_named),
        AT_S3(a_request_that_timed_out_in_s3_is_sent_again),
        AT_S3(our_own_object_is_no_conflict),
        AT_S3(anothers_object_is_a_conflict_even_when_answers_were_lost),
        AT_S3(a_put_that_races_is_tried_again),
        AT_S3(uploads_survive_faults_in_each_of_their_requests),
        AT_S3(a_failed_upload_is_taken_back),
        AT_S3(reading_survives_faults_in_the_middle),
        AT_S3(an_object_that_changes_while_it_is_read_is_damage),
        AT_S3(forged_listings_are_refused),
        AT_S3(the_message_tells_of_all_attempts),
        AT_S3(denials_name_the_action_and_the_resource),
        AT_S3(reading_what_may_not_be_read_says_so),
        AT_S3(a_wrong_clock_is_corrected_by_the_servers),
        AT_S3(the_real_server_refuses_another_region),
        AT_S3(ctrl_c_ends_waiting),
    };

    upstream = s3_server_use(false);
    if (!upstream) {
        (void)printf("1..0 # SKIP there is no S3 server, tools/setup.sh says why\n");
        return 0;
    }
    (void)fault_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
