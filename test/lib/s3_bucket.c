#include "lib/s3_bucket.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/digest.h"
#include "lib/unit.h"
#include "net/aws_request.h"

static const char *server;

const char *s3_server_use(bool moto)
{
    server = getenv(moto ? "TOTE_TEST_MOTO" : "TOTE_TEST_S3");
    if (!server)
        return NULL;
    (void)setenv("AWS_ENDPOINT_URL_S3", server, 1);
    if (moto) {
        (void)setenv("AWS_ACCESS_KEY_ID", getenv("TOTE_TEST_MOTO_KEY"), 1);
        (void)setenv("AWS_SECRET_ACCESS_KEY", getenv("TOTE_TEST_MOTO_SECRET"), 1);
    }
    return server;
}

const char *s3_bucket_make(struct arena *arena, bool locked)
{
    static const char where[] =
        "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        "<LocationConstraint>eu-west-2</LocationConstraint></CreateBucketConfiguration>";
    static const struct sigv4_pair headers[] = {{"x-amz-bucket-object-lock-enabled", "true"}};
    CLEANUP(aws_free) struct aws *aws = aws_new(NULL);
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    char id[RANDOM_ID_SIZE];
    struct err err;

    random_id(id);
    const char *name = arena_printf(arena, "test-%.16s", id);
    const struct aws_request request = {
        .doing = "making a bucket",
        .service = "s3",
        .base_url = server,
        .method = "PUT",
        .path = arena_printf(arena, "/%s", name),
        .headers = headers,
        .header_count = locked,
        .body = {where, sizeof where - 1},
    };
    if (aws_send(aws, &request, &response, NULL, &err))
        fail_msg("%s", err.message);
    return name;
}

/* Half of the stores lie under a prefix. */
static const char *make(struct arena *arena)
{
    static int made;
    const char *bucket = s3_bucket_make(arena, false);

    return arena_printf(arena, made++ % 2 ? "s3://%s/a prefix/x" : "s3://%s", bucket);
}

int s3_contract_run(bool moto)
{
    const struct store_contract contract = {.name = moto ? "S3: moto" : "S3: VersityGW",
                                            .make = make,
                                            .replaces_in_two_steps = true,
                                            .puts_in_two_steps = moto};

    if (s3_server_use(moto))
        return store_contract_run(&contract);
    (void)printf("1..0 # SKIP there is no server for %s, tools/setup.sh says why\n", contract.name);
    return 0;
}
