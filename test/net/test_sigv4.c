/* A signature that is wrong for one request in a thousand is an outage that nobody can reproduce.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json_read.h"
#include "base/text.h"
#include "lib/unit.h"
#include "net/sigv4.h"

static const char empty_sha256[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/* "Signature calculations: examples" of the Amazon S3 API Reference. */
static const struct sigv4_key example_key = {.access_key_id = "AKIAIOSFODNN7EXAMPLE",
                                             .secret_access_key =
                                                 "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                             .region = "us-east-1",
                                             .service = "s3"};
#define EXAMPLE_US INT64_C(1369353600000000) /* 20130524T000000Z */

static void aws_own_examples(void **state)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct sigv4_request request = {.method = "GET",
                                    .host = "examplebucket.s3.amazonaws.com",
                                    .path = "/test.txt",
                                    .payload_sha256 = empty_sha256};
    struct sigv4_signed made;
    (void)state;

    const struct sigv4_pair range[] = {{"Range", "bytes=0-9"}};
    request.headers = range;
    request.header_count = 1;
    sigv4_sign(&request, &example_key, EXAMPLE_US, arena, &made);
    assert_string_equal(made.amz_date, "20130524T000000Z");
    assert_string_equal(
        made.authorization,
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");

    const struct sigv4_pair put[] = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                                     {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
    request = (struct sigv4_request){
        .method = "PUT",
        .host = "examplebucket.s3.amazonaws.com",
        .path = "/test$file.text",
        .headers = put,
        .header_count = 2,
        .payload_sha256 = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"};
    sigv4_sign(&request, &example_key, EXAMPLE_US, arena, &made);
    assert_string_equal(made.target, "/test%24file.text");
    assert_non_null(strstr(made.authorization,
                           "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));

    const struct sigv4_pair list[] = {{"prefix", "J"}, {"max-keys", "2"}};
    request = (struct sigv4_request){.method = "GET",
                                     .host = "examplebucket.s3.amazonaws.com",
                                     .path = "/",
                                     .query = list,
                                     .query_count = 2,
                                     .payload_sha256 = empty_sha256};
    sigv4_sign(&request, &example_key, EXAMPLE_US, arena, &made);
    assert_string_equal(made.target, "/?max-keys=2&prefix=J");
    assert_non_null(strstr(made.authorization,
                           "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

static void aws_own_example_of_a_presigned_address(void **state)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    const struct sigv4_request request = {.method = "GET",
                                          .host = "examplebucket.s3.amazonaws.com",
                                          .path = "/test.txt",
                                          .payload_sha256 = "UNSIGNED-PAYLOAD"};
    (void)state;

    const char *made = sigv4_presign(&request, &example_key, EXAMPLE_US, 86400, arena);
    assert_non_null(strstr(made, "X-Amz-Expires=86400"));
    assert_true(text_ends(made,
                          "&X-Amz-Signature="
                          "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"));
}

static struct sigv4_pair *pairs(const struct json_value *root, const char *name,
                                struct arena *arena, size_t *ret_count)
{
    const struct json_value *array = json_opt(root, name);
    struct sigv4_pair *made = arena_alloc(arena, (json_array_count(array) + 1) * sizeof *made);

    *ret_count = json_array_count(array);
    for (size_t i = 0; i < *ret_count; i++) {
        const struct json_value *pair = json_array_at(array, i);
        made[i] = (struct sigv4_pair){json_as_text(json_array_at(pair, 0)),
                                      json_as_text(json_array_at(pair, 1))};
    }
    return made;
}

static const char *sign_line(const struct json_value *root, struct arena *arena)
{
    struct sigv4_request request = {.method = json_opt_text(root, "method", ""),
                                    .host = json_opt_text(root, "host", ""),
                                    .path = json_opt_text(root, "path", ""),
                                    .payload_sha256 = json_opt_text(root, "sha256", "")};
    const struct sigv4_key key = {.access_key_id = json_opt_text(root, "id", ""),
                                  .secret_access_key = json_opt_text(root, "secret", ""),
                                  .session_token = json_opt_text(root, "token", NULL),
                                  .region = json_opt_text(root, "region", ""),
                                  .service = json_opt_text(root, "service", "")};
    int64_t now_us = json_opt_int(root, "now_s", 0) * 1000000;
    int64_t expires = json_opt_int(root, "expires", 0);
    struct sigv4_signed made;

    request.query = pairs(root, "query", arena, &request.query_count);
    request.headers = pairs(root, "headers", arena, &request.header_count);
    if (expires)
        return strstr(sigv4_presign(&request, &key, now_us, (unsigned)expires, arena),
                      "X-Amz-Signature=") +
               strlen("X-Amz-Signature=");
    sigv4_sign(&request, &key, now_us, arena, &made);
    return made.authorization;
}

static void three_thousand_requests_are_signed_as_botocore_does(void **state)
{
    enum {
        COUNT = 3000
    };
    CLEANUP(free) char *line = NULL;
    size_t room = 0;
    int seen = 0;
    (void)state;

    FILE *lines = popen(".cache/venv/bin/python test/lib/botocore_signatures.py 3000 4711", "r");
    assert_non_null(lines);
    for (ssize_t size; (size = getline(&line, &room, lines)) > 0; seen++) {
        CLEANUP(arena_free) struct arena *arena = arena_new(0);
        CLEANUP(json_doc_free) struct json_doc *doc = NULL;
        struct err err;
        if (json_parse("request", line, (size_t)size, &doc, &err))
            fail_msg("%s: %s", err.message, line);
        const struct json_value *root = json_root(doc);
        const char *made = sign_line(root, arena);
        if (!text_equal(made, json_opt_text(root, "wanted", "")))
            fail_msg("%s, but for %s", made, line);
    }
    assert_int_equal(pclose(lines), 0);
    assert_int_equal(seen, COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aws_own_examples),
        cmocka_unit_test(aws_own_example_of_a_presigned_address),
        cmocka_unit_test(three_thousand_requests_are_signed_as_botocore_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
