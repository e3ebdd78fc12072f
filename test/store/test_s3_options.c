/* An option that is accepted and not sent is a promise broken in silence: unencrypted objects, the
 * wrong bucket. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "lib/fault_script.h"
#include "lib/s3_bucket.h"
#include "lib/unit.h"
#include "net/aws.h"
#include "store/store.h"

struct place {
    struct arena *arena;
    struct aws *aws;
    struct store *store;
    struct err err;
};

static int set_up(void **state)
{
    const struct aws_options once = {.region = "eu-west-2", .retry = {.attempts_max = 1}};
    struct place *place = mem_zalloc(1, sizeof *place);

    *state = place;
    place->arena = arena_new(0);
    place->aws = aws_new(&once);
    (void)setenv("AWS_ACCESS_KEY_ID", "tote-test-key", 0);
    (void)setenv("AWS_SECRET_ACCESS_KEY", "tote-test-secret-of-no-worth", 0);
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

static enum err_code open_store(struct place *place, const char *url, struct store_options options)
{
    store_close(place->store);
    place->store = NULL;
    options.aws = place->aws;
    return store_open_with(url, &options, &place->store, &place->err);
}

static enum err_code put(struct place *place)
{
    return store_put(place->store, "a.json", (struct span){"{}", 2}, STORE_IF_ABSENT, &place->err);
}

/* A request with all these headers is answered as S3 would, any other is not. */
static void must_send(struct place *place, const char *headers, struct store_options options)
{
    options.endpoint = fault_server_start();
    fault_script(NULL, arena_printf(place->arena,
                                    "{\"headers_match\": {%s}, \"do\": \"answer\", \"headers\": "
                                    "{\"ETag\": \"\\\"e-tag\\\"\"}}",
                                    headers));
    assert_int_equal(open_store(place, "s3://bucket", options), ERR_OK);
    if (put(place))
        fail_msg("%s: %s", headers, place->err.message);
}

static void each_option_is_sent(void **state)
{
    struct place *place = *state;

    must_send(place,
              "\"x-amz-server-side-encryption\": null, \"x-amz-storage-class\": null, "
              "\"x-amz-object-lock-mode\": null, \"x-amz-expected-bucket-owner\": null, "
              "\"if-none-match\": \"*\", \"content-type\": \"application/json\", "
              "\"x-amz-checksum-sha256\": \"RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=\"",
              (struct store_options){0});
    must_send(place, "\"x-amz-server-side-encryption\": \"AES256\"",
              (struct store_options){.encryption = STORE_ENCRYPTION_S3});
    must_send(place, "\"x-amz-server-side-encryption\": \"aws:kms\"",
              (struct store_options){.encryption = STORE_ENCRYPTION_KMS});
    must_send(place,
              "\"x-amz-server-side-encryption\": \"aws:kms\", "
              "\"x-amz-server-side-encryption-aws-kms-key-id\": \"arn:of:key\"",
              (struct store_options){.kms_key = "arn:of:key"});
    must_send(place, "\"x-amz-storage-class\": \"STANDARD_IA\"",
              (struct store_options){.storage_class = "STANDARD_IA"});
    must_send(place, "\"x-amz-expected-bucket-owner\": \"123456789012\"",
              (struct store_options){.bucket_owner = "123456789012"});
    must_send(place, "\"x-amz-object-lock-mode\": \"COMPLIANCE\"",
              (struct store_options){.lock = STORE_LOCK_COMPLIANCE, .lock_us = 1000000});
}

/* Nothing listens where the proxy is said to be, so the message tells whom we wanted. */
static const char *host_of(struct place *place, const char *url, struct store_options options)
{
    if (open_store(place, url, options))
        return place->err.message;
    assert_int_equal(put(place), ERR_UNAVAILABLE);
    const char *begin = strstr(place->err.message, "https://");
    return begin ? arena_strndup(place->arena, begin, strcspn(begin + 8, ":") + 8)
                 : place->err.message;
}

static void addresses_are_those_of_aws(void **state)
{
    struct place *place = *state;
    const struct store_options plain = {0};

    (void)unsetenv("AWS_ENDPOINT_URL_S3");
    (void)unsetenv("AWS_ENDPOINT_URL");
    (void)setenv("https_proxy", "http://127.0.0.1:1", 1);
    (void)unsetenv("no_proxy");
    (void)unsetenv("NO_PROXY");
    assert_string_equal(host_of(place, "s3://some-bucket/x", plain),
                        "https://some-bucket.s3.eu-west-2.amazonaws.com");
    assert_string_equal(host_of(place, "s3://with.dots", plain),
                        "https://s3.eu-west-2.amazonaws.com");
    assert_string_equal(host_of(place, "s3://b-b", (struct store_options){.dual_stack = true}),
                        "https://b-b.s3.dualstack.eu-west-2.amazonaws.com");
    assert_string_equal(host_of(place, "s3://b-b", (struct store_options){.region = "cn-north-1"}),
                        "https://b-b.s3.cn-north-1.amazonaws.com.cn");
    assert_string_equal(
        host_of(place, "s3://b-b", (struct store_options){.path_style = STORE_PATH_STYLE_YES}),
        "https://s3.eu-west-2.amazonaws.com");
    (void)unsetenv("https_proxy");
}

static void addresses_that_name_no_bucket_are_refused(void **state)
{
    struct place *place = *state;
    static const char *const bad[] = {"s3://",         "s3://a",          "s3://Upper-Case",
                                      "s3://a..b",     "s3://-abc",       "s3://under_score",
                                      "s3://b-b/a//b", "s3://b-b/../up",  "s3://b-b/.staging",
                                      "s3://b-b/\xff", "s3://b@evil.com", "s3://b-b?x"};
    static const char *const bad_hosts[] = {"localhost:9000", "https://", "ftp://x",
                                            "http://host/path", "http://u:p@host"};

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (open_store(place, bad[i], (struct store_options){.endpoint = "http://localhost:1"}) !=
            ERR_CONFIG)
            fail_msg("%s was taken", bad[i]);
    for (size_t i = 0; i < COUNT_OF(bad_hosts); i++)
        if (open_store(place, "s3://b-b", (struct store_options){.endpoint = bad_hosts[i]}) !=
            ERR_CONFIG)
            fail_msg("%s was taken", bad_hosts[i]);
    assert_int_equal(open_store(place, "s3://b-b//x/y//",
                                (struct store_options){.endpoint = "http://localhost:1//"}),
                     ERR_OK);
    assert_string_equal(store_url(place->store), "s3://b-b/x/y");
    assert_int_equal(open_store(place, "s3://b-b", (struct store_options){.region = "a.evil/"}),
                     ERR_CONFIG);
}

/* "bucket.localhost" is this machine, for libcurl as for browsers. */
static void the_bucket_may_stand_in_the_host(void **state)
{
    struct place *place = *state;
    const char *port = strrchr(fault_server_start(), ':');
    const struct store_options options = {
        .endpoint = arena_printf(place->arena, "http://localhost%s", port),
        .path_style = STORE_PATH_STYLE_NO};

    fault_script(NULL,
                 arena_printf(place->arena,
                              "{\"headers_match\": {\"host\": \"my-bucket.localhost%s\"}, \"do\": "
                              "\"answer\", \"headers\": {\"ETag\": \"\\\"e-tag\\\"\"}}",
                              port));
    assert_int_equal(open_store(place, "s3://my-bucket/p", options), ERR_OK);
    if (put(place))
        fail_msg("%s", place->err.message);
    assert_int_equal(fault_count("PUT /p/a.json 200"), 1);
}

static void locked_objects_stay(void **state)
{
    struct place *place = *state;
    const char *server = s3_server_use(false);
    struct store_info info;

    if (!server)
        skip();
    const char *url = arena_printf(place->arena, "s3://%s", s3_bucket_make(place->arena, true));
    const struct store_options options = {
        .endpoint = server, .lock = STORE_LOCK_GOVERNANCE, .lock_us = INT64_C(3600000000)};
    assert_int_equal(open_store(place, url, options), ERR_OK);
    if (put(place))
        fail_msg("%s", place->err.message);
    assert_int_equal(put(place), ERR_CONFLICT);
    assert_int_equal(store_head(place->store, "a.json", &info, &place->err), ERR_OK);
    /* A bucket that knows no locks refuses. */
    url = arena_printf(place->arena, "s3://%s", s3_bucket_make(place->arena, false));
    assert_int_equal(open_store(place, url, options), ERR_OK);
    assert_int_not_equal(put(place), ERR_OK);
    assert_non_null(strstr(place->err.message, "Lock"));
}

#define WITH_OPTIONS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_OPTIONS(each_option_is_sent),
        WITH_OPTIONS(addresses_are_those_of_aws),
        WITH_OPTIONS(addresses_that_name_no_bucket_are_refused),
        WITH_OPTIONS(the_bucket_may_stand_in_the_host),
        WITH_OPTIONS(locked_objects_stay),
    };

    (void)fault_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
