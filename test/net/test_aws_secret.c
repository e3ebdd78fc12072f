/* A secret that is not found, or that is shown, is worse than a password in a file. */
#include <stdio.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "lib/fault_script.h"
#include "lib/unit.h"
#include "net/aws_request.h"
#include "net/aws_secret.h"

struct place {
    struct arena *arena;
    struct aws *aws;
    struct err err;
};

static int set_up(void **state)
{
    struct place *place = mem_zalloc(1, sizeof *place);
    const struct aws_options quick = {.region = "eu-west-2",
                                      .retry = {.base_us = 1000, .cap_us = 5000}};

    *state = place;
    place->arena = arena_new(0);
    place->aws = aws_new(&quick);
    (void)unsetenv("AWS_SESSION_TOKEN");
    (void)unsetenv("AWS_LAMBDA_RUNTIME_API");
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    aws_free(place->aws);
    arena_free(place->arena);
    free(place);
    return 0;
}

/* moto, with the user who may do everything. */
static void use_moto(void)
{
    const char *moto = getenv("TOTE_TEST_MOTO");

    if (!moto)
        skip();
    (void)setenv("AWS_ENDPOINT_URL", moto, 1);
    (void)setenv("AWS_ACCESS_KEY_ID", getenv("TOTE_TEST_MOTO_KEY"), 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", getenv("TOTE_TEST_MOTO_SECRET"), 1);
}

static void use_script(const char *rules)
{
    (void)setenv("AWS_ENDPOINT_URL", fault_server_start(), 1);
    (void)setenv("AWS_ACCESS_KEY_ID", "SCRIPT", 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", "secret-of-script", 1);
    fault_script(NULL, rules);
}

static void make(struct place *place, const char *service, const char *target, const char *body)
{
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    const struct aws_call call = {.service = service, .target = target, .doing = "making a secret"};

    if (aws_call_json(place->aws, &call, (struct span){body, strlen(body)}, &response, &place->err))
        fail_msg("%s", place->err.message);
}

static const char *resolved(struct place *place, const char *reference)
{
    const char *value = NULL;

    if (aws_secret_resolve(place->aws, reference, place->arena, &value, &place->err))
        return err_name(place->err.code);
    return value;
}

static void secrets_are_found_at_a_server_that_checks_signatures(void **state)
{
    struct place *place = *state;
    char id[RANDOM_ID_SIZE];

    use_moto();
    random_id(id);
    const char *plain = arena_printf(place->arena, "plain/%s", id);
    const char *json = arena_printf(place->arena, "json/%s", id);
    make(place, "secretsmanager", "secretsmanager.CreateSecret",
         arena_printf(place->arena,
                      "{\"Name\": \"%s\", \"ClientRequestToken\": \"%s\", \"SecretString\": "
                      "\"postgresql://u:pl41n-s3cret@h/d\"}",
                      plain, id));
    make(place, "secretsmanager", "secretsmanager.CreateSecret",
         arena_printf(place->arena,
                      "{\"Name\": \"%s\", \"ClientRequestToken\": \"%s\", \"SecretString\": "
                      "\"{\\\"username\\\": \\\"lo@der\\\", \\\"password\\\": \\\"p/w:d@1%%\\\", "
                      "\\\"host\\\": \\\"db.example\\\", \\\"port\\\": 6432, \\\"dbname\\\": "
                      "\\\"ware house\\\"}\"}",
                      json, id));
    const char *ref = arena_printf(place->arena, "secret:%s", plain);
    assert_string_equal(resolved(place, ref), "postgresql://u:pl41n-s3cret@h/d");
    ref = arena_printf(place->arena, "secret:%s", json);
    assert_string_equal(resolved(place, ref),
                        "postgresql://lo%40der:p%2Fw%3Ad%401%25@db.example:6432/ware%20house");
    assert_string_equal(resolved(place, arena_printf(place->arena, "%s#password", ref)),
                        "p/w:d@1%");
    assert_string_equal(resolved(place, arena_printf(place->arena, "%s#port", ref)), "6432");
    assert_string_equal(resolved(place, arena_printf(place->arena, "%s#nothing", ref)), "CONFIG");
    assert_non_null(strstr(place->err.message, "no member 'nothing'"));
    assert_string_equal(redact_copy(place->arena, "x p/w:d@1% p%2Fw%3Ad%401%25 y"), "x *** *** y");
    assert_string_equal(resolved(place, "secret:not/there"), "NOT_FOUND");
    assert_non_null(strstr(place->err.message, "secretsmanager:GetSecretValue on 'not/there'"));
    assert_non_null(strstr(place->err.hint, "region"));
}

static void parameters_are_found_and_decrypted(void **state)
{
    struct place *place = *state;
    char id[RANDOM_ID_SIZE];

    use_moto();
    random_id(id);
    make(place, "ssm", "AmazonSSM.PutParameter",
         arena_printf(place->arena,
                      "{\"Name\": \"/tote/%s\", \"Type\": \"SecureString\", \"Value\": "
                      "\"from-parameter-store\"}",
                      id));
    assert_string_equal(resolved(place, arena_printf(place->arena, "ssm:/tote/%s", id)),
                        "from-parameter-store");
    assert_string_equal(resolved(place, "ssm:/tote/none"), "NOT_FOUND");
    assert_non_null(strstr(place->err.message, "ssm:GetParameter on '/tote/none'"));
}

static void references_that_name_nothing_are_refused(void **state)
{
    struct place *place = *state;
    static const char *const bad[] = {"secret:", "ssm:#x", "secret:name#"};

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_string_equal(resolved(place, bad[i]), "CONFIG");
    assert_true(aws_is_reference("secret:x"));
    assert_false(aws_is_reference("postgresql://secret:x@h/d"));
}

static void bad_answers_tell_nothing(void **state)
{
    struct place *place = *state;
    static const struct {
        const char *rule;
        const char *code;
        const char *message;
    } bad[] = {
        {"\"body\": \"{\\\"SecretString\\\": \\\"leaky-value\"", "DATA", "not the answer"},
        {"\"body\": \"leaky-value\"", "DATA", "not the answer"},
        {"\"body\": \"{\\\"SecretBinary\\\": \\\"bGVha3k=\\\"}\"", "CONFIG", "binary"},
        {"\"body\": \"{\\\"SecretString\\\": \\\"\\\"}\"", "CONFIG", "empty"},
        {"\"body\": \"{\\\"SecretString\\\": \\\"{\\\\\\\"a\\\\\\\": "
         "\\\\\\\"leaky-value\\\\\\\"}\\\"}\"",
         "CONFIG", "no username"},
        {"\"status\": 400, \"body\": \"{\\\"__type\\\": \\\"AccessDeniedException\\\", "
         "\\\"Message\\\": "
         "\\\"not authorized\\\"}\"",
         "DENIED", "secretsmanager:GetSecretValue on 'x': 400 AccessDeniedException: not"},
        {"\"status\": 400, \"body\": \"{\\\"__type\\\": \\\"DecryptionFailure\\\"}\"", "DENIED",
         "DecryptionFailure"},
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        use_script(
            arena_printf(place->arena, "{\"times\": -1, \"do\": \"answer\", %s}", bad[i].rule));
        assert_string_equal(resolved(place, "secret:x"), bad[i].code);
        if (!strstr(place->err.message, bad[i].message) ||
            strstr(place->err.message, "leaky-value"))
            fail_msg("%s", place->err.message);
    }
    use_script("{\"times\": 2, \"do\": \"answer\", \"status\": 400, \"body\": \"{\\\"__type\\\": "
               "\\\"ThrottlingException\\\"}\"}, {\"do\": \"answer\", \"body\": "
               "\"{\\\"SecretString\\\": \\\"at last\\\"}\"}");
    assert_string_equal(resolved(place, "secret:x"), "at last");
}

/* An ARN says where the secret is; the signature must be of that region. */
static void an_arn_is_asked_for_in_its_region(void **state)
{
    struct place *place = *state;
    static const char arn[] = "secret:arn:aws:secretsmanager:ap-south-1:1:secret:a-b";

    use_script("{\"do\": \"answer\", \"body\": \"{\\\"SecretString\\\": \\\"far away\\\"}\"}");
    assert_string_equal(resolved(place, arn), "far away");
    (void)unsetenv("AWS_ENDPOINT_URL");
}

static void lambdas_extension_is_asked_first(void **state)
{
    struct place *place = *state;

    use_script(
        "{\"match\": \"GET /secretsmanager/get?secretId=a%2Fb\", \"headers_match\": "
        "{\"x-aws-parameters-secrets-token\": \"lambda-token\"}, \"do\": \"answer\", "
        "\"body\": \"{\\\"SecretString\\\": \\\"cached\\\"}\"}, {\"match\": "
        "\"GET /systemsmanager/parameters/get?name=p&withDecryption=true\", \"do\": "
        "\"answer\", \"body\": \"{\\\"Parameter\\\": {\\\"Value\\\": \\\"cached too\\\"}}\"}, "
        "{\"match\": \"GET \", \"times\": -1, \"do\": \"answer\", \"status\": 400, \"body\": "
        "\"not ready to serve traffic, please wait\"}, {\"match\": \"POST /\", \"times\": -1, "
        "\"do\": \"answer\", \"body\": \"{\\\"SecretString\\\": \\\"direct\\\"}\"}");
    (void)setenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", strrchr(fault_server_start(), ':') + 1,
                 1);
    assert_string_equal(resolved(place, "secret:a/b"), "direct");
    (void)setenv("AWS_SESSION_TOKEN", "lambda-token", 1);
    (void)setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001", 1);
    assert_string_equal(resolved(place, "secret:a/b"), "cached");
    assert_string_equal(resolved(place, "ssm:p"), "cached too");
    assert_string_equal(resolved(place, "secret:a/b"), "direct");
    (void)setenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "1", 1);
    assert_string_equal(resolved(place, "secret:a/b"), "direct");
    (void)unsetenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT");
}

/* A session that ends while the program runs: the next credentials are taken, once. */
static void an_expired_session_is_renewed(void **state)
{
    struct place *place = *state;
    const char *home = getenv("HOME");

    use_script(
        "{\"match\": \"POST \", \"do\": \"answer\", \"status\": 400, \"body\": "
        "\"{\\\"__type\\\": \\\"ExpiredTokenException\\\"}\"}, {\"match\": \"POST \", \"do\": "
        "\"answer\", \"body\": \"{\\\"SecretString\\\": \\\"after renewal\\\"}\"}, "
        "{\"match\": \"GET /keys\", \"times\": -1, \"do\": \"answer\", \"body\": "
        "\"{\\\"AccessKeyId\\\": \\\"K\\\", \\\"SecretAccessKey\\\": \\\"S\\\", \\\"Token\\\": "
        "\\\"T\\\", \\\"Expiration\\\": \\\"2099-01-01T00:00:00Z\\\"}\"}");
    (void)unsetenv("AWS_ACCESS_KEY_ID");
    (void)unsetenv("AWS_SECRET_ACCESS_KEY");
    (void)setenv("HOME", "/nonexistent", 1);
    (void)setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI",
                 arena_printf(place->arena, "%s/keys", fault_server_start()), 1);
    assert_string_equal(resolved(place, "secret:x"), "after renewal");
    assert_int_equal(fault_count("GET /keys"), 2);
    fault_script(NULL, "{\"match\": \"POST \", \"times\": -1, \"do\": \"answer\", \"status\": 400, "
                       "\"body\": \"{\\\"__type\\\": \\\"ExpiredTokenException\\\"}\"}, "
                       "{\"match\": \"GET /keys\", \"times\": -1, \"do\": \"answer\", \"body\": "
                       "\"{\\\"AccessKeyId\\\": \\\"K\\\", \\\"SecretAccessKey\\\": \\\"S\\\"}\"}");
    assert_string_equal(resolved(place, "secret:x"), "DENIED");
    assert_int_equal(fault_count("POST "), 2);
    assert_non_null(strstr(place->err.hint, "the session has ended"));
    (void)unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    (void)setenv("HOME", home ? home : "/", 1);
}

static void tokens_of_rds_are_addresses_signed_for_its_region(void **state)
{
    struct place *place = *state;
    const struct aws_rds_login login = {
        .host = "w.abc.eu-north-1.rds.amazonaws.com", .port = "5432", .user = "tote loader"};
    const char *token;

    use_script("");
    assert_int_equal(aws_rds_token(place->aws, &login, place->arena, &token, &place->err), ERR_OK);
    assert_true(text_starts(token, "w.abc.eu-north-1.rds.amazonaws.com:5432/?Action=connect&"
                                   "DBUser=tote%20loader&X-Amz-Algorithm=AWS4-HMAC-SHA256&"));
    assert_non_null(strstr(token, "%2Feu-north-1%2Frds-db%2Faws4_request&"));
    assert_non_null(strstr(token, "&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature="));
    assert_string_equal(redact_copy(place->arena, token), "***");
}

#define AT_AWS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_AWS(secrets_are_found_at_a_server_that_checks_signatures),
        AT_AWS(parameters_are_found_and_decrypted),
        AT_AWS(references_that_name_nothing_are_refused),
        AT_AWS(bad_answers_tell_nothing),
        AT_AWS(an_arn_is_asked_for_in_its_region),
        AT_AWS(lambdas_extension_is_asked_first),
        AT_AWS(an_expired_session_is_renewed),
        AT_AWS(tokens_of_rds_are_addresses_signed_for_its_region),
    };

    (void)fault_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
