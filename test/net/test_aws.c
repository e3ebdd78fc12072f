/* Who cannot find credentials as AWS's own tools do is of no use in the place where it runs. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/workers.h"
#include "lib/fault_script.h"
#include "lib/unit.h"
#include "net/aws.h"

struct place {
    struct arena *arena;
    struct work_dir *home;
    struct aws *aws;
    struct aws_key key;
    struct err err;
};

/* As on a machine where nothing is set. */
static int set_up(void **state)
{
    static const char *const variables[] = {"AWS_ACCESS_KEY_ID",
                                            "AWS_SECRET_ACCESS_KEY",
                                            "AWS_SESSION_TOKEN",
                                            "AWS_PROFILE",
                                            "AWS_REGION",
                                            "AWS_DEFAULT_REGION",
                                            "AWS_ENDPOINT_URL",
                                            "AWS_ENDPOINT_URL_STS",
                                            "AWS_ENDPOINT_URL_SSO",
                                            "AWS_CONFIG_FILE",
                                            "AWS_SHARED_CREDENTIALS_FILE",
                                            "AWS_WEB_IDENTITY_TOKEN_FILE",
                                            "AWS_ROLE_ARN",
                                            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                            "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                                            "AWS_EC2_METADATA_SERVICE_ENDPOINT"};
    struct place *place = mem_zalloc(1, sizeof *place);

    *state = place;
    place->arena = arena_new(0);
    for (size_t i = 0; i < COUNT_OF(variables); i++)
        (void)unsetenv(variables[i]);
    (void)setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    if (work_dir_open(NULL, &place->home, &place->err))
        fail_msg("%s", place->err.message);
    (void)setenv("HOME", work_dir_path(place->home), 1);
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    aws_free(place->aws);
    work_dir_close(place->home);
    arena_free(place->arena);
    free(place);
    return 0;
}

static const char *write_file(struct place *place, const char *name, const char *text)
{
    const char *path = arena_printf(place->arena, "%s/%s", work_dir_path(place->home), name);
    const char *folder = arena_strndup(place->arena, path, (size_t)(strrchr(path, '/') - path));

    if (file_make_dirs(folder, &place->err) ||
        file_write_atomic(path, text, strlen(text), 0600, &place->err))
        fail_msg("%s", place->err.message);
    return path;
}

static void set_url(struct place *place, const char *variable, const char *path)
{
    (void)setenv(variable, arena_printf(place->arena, "%s%s", fault_server_start(), path), 1);
}

/* A new search, as the given profile. */
static enum err_code look(struct place *place, const char *profile)
{
    const struct aws_options options = {.profile = profile,
                                        .retry = {.base_us = 1000, .cap_us = 5000}};

    aws_free(place->aws);
    place->aws = aws_new(&options);
    place->key = (struct aws_key){0};
    return aws_key(place->aws, place->arena, &place->key, &place->err);
}

static void must_find(struct place *place, const char *profile, const char *id, const char *token)
{
    if (look(place, profile))
        fail_msg("%s", place->err.message);
    assert_string_equal(place->key.access_key_id, id);
    assert_string_equal(place->key.session_token ? place->key.session_token : "-", token);
}

static void must_fail(struct place *place, const char *profile, enum err_code code,
                      const char *message, const char *hint)
{
    if (look(place, profile) != code || !strstr(place->err.message, message) ||
        !strstr(place->err.hint, hint))
        fail_msg("%s: %s; %s", err_name(place->err.code), place->err.message, place->err.hint);
}

static void the_environment_comes_first(void **state)
{
    struct place *place = *state;

    (void)write_file(
        place, ".aws/credentials",
        "[default]\naws_access_key_id = FILE\naws_secret_access_key = secret-of-file\n");
    (void)setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
    must_fail(place, NULL, ERR_CONFIG, "only one is set", "");
    (void)setenv("AWS_SECRET_ACCESS_KEY", "secret-of-environment", 1);
    must_find(place, NULL, "ENV", "-");
    (void)setenv("AWS_SESSION_TOKEN", "token-of-environment", 1);
    must_find(place, NULL, "ENV", "token-of-environment");
    must_find(place, "default", "FILE", "-");
    (void)unsetenv("AWS_ACCESS_KEY_ID");
    (void)unsetenv("AWS_SECRET_ACCESS_KEY");
    must_find(place, NULL, "FILE", "-");
}

static void what_is_found_is_never_shown(void **state)
{
    struct place *place = *state;

    (void)setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", "very-secret-key", 1);
    (void)setenv("AWS_SESSION_TOKEN", "very-secret-token", 1);
    must_find(place, NULL, "ENV", "very-secret-token");
    assert_string_equal(redact_copy(place->arena, "x very-secret-key very-secret-token y"),
                        "x *** *** y");
    (void)setenv("AWS_SECRET_ACCESS_KEY", "broken\nX-Evil: header", 1);
    must_fail(place, NULL, ERR_CONFIG, "hold a blank", "");
}

static void nothing_found_says_what_to_do(void **state)
{
    struct place *place = *state;

    must_fail(place, NULL, ERR_CONFIG, "no credentials for AWS", "AWS_ACCESS_KEY_ID");
    must_fail(place, "nowhere", ERR_CONFIG, "no profile 'nowhere'", "list-profiles");
    (void)setenv("AWS_PROFILE", "lost", 1);
    must_fail(place, NULL, ERR_CONFIG, "no profile 'lost'", "");
}

static void profiles_are_read_as_the_command_line_reads_them(void **state)
{
    struct place *place = *state;
    const char *region = NULL, *endpoint = NULL;

    (void)write_file(
        place, ".aws/credentials",
        "# comment\n[both]\naws_access_key_id=FROM_CREDENTIALS\n"
        "aws_secret_access_key = secret/with+signs=\n\n[half]\naws_access_key_id = x\n");
    (void)write_file(
        place, ".aws/config",
        "[profile both]\naws_access_key_id = FROM_CONFIG\naws_secret_access_key=other\n"
        "region = eu-north-1 ; comment\nendpoint_url = http://localhost:9/\n"
        "s3 =\n  max_concurrent_requests = 20\n  region = nested\n"
        "[profile tool]\ncredential_process = /bin/true\n"
        "[both-not-a-profile]\nregion = wrong\n");
    must_find(place, "both", "FROM_CREDENTIALS", "-");
    assert_string_equal(place->key.secret_access_key, "secret/with+signs=");
    assert_int_equal(aws_region(place->aws, &region, &place->err), ERR_OK);
    assert_string_equal(region, "eu-north-1");
    assert_int_equal(aws_endpoint_override(place->aws, "s3", place->arena, &endpoint, &place->err),
                     ERR_OK);
    assert_string_equal(endpoint, "http://localhost:9");
    must_fail(place, "half", ERR_CONFIG, "only one is set", "");
    must_fail(place, "tool", ERR_CONFIG, "credential_process is not supported",
              "export-credentials --profile tool");
}

static void endpoints_are_those_of_the_region_or_as_told(void **state)
{
    struct place *place = *state;
    const char *url;
    struct arena *arena = place->arena;
    CLEANUP(aws_free) struct aws *china = aws_new(&(struct aws_options){.region = "cn-north-1"});
    CLEANUP(aws_free) struct aws *nowhere = aws_new(NULL);
    CLEANUP(aws_free) struct aws *forged = aws_new(&(struct aws_options){.region = "x.evil.com/"});

    assert_int_equal(aws_endpoint(china, "sts", NULL, arena, &url, &place->err), ERR_OK);
    assert_string_equal(url, "https://sts.cn-north-1.amazonaws.com.cn");
    assert_int_equal(aws_endpoint(nowhere, "sts", NULL, arena, &url, &place->err), ERR_CONFIG);
    assert_non_null(strstr(place->err.hint, "aws.region"));
    assert_int_equal(aws_endpoint(nowhere, "sts", "us-east-2", arena, &url, &place->err), ERR_OK);
    assert_string_equal(url, "https://sts.us-east-2.amazonaws.com");
    assert_int_equal(aws_endpoint(forged, "sts", NULL, arena, &url, &place->err), ERR_CONFIG);
    (void)setenv("AWS_ENDPOINT_URL", "http://all/", 1);
    (void)setenv("AWS_ENDPOINT_URL_STS", "http://one", 1);
    assert_int_equal(aws_endpoint(china, "sts", NULL, arena, &url, &place->err), ERR_OK);
    assert_string_equal(url, "http://one");
    assert_int_equal(aws_endpoint(china, "s3", NULL, arena, &url, &place->err), ERR_OK);
    assert_string_equal(url, "http://all");
}

/* --- STS --- */

#define STS_ANSWER                                                                              \
    "<AssumeRoleResponse xmlns=\\\"https://sts.amazonaws.com/doc/2011-06-15/\\\"><Result>"      \
    "<Credentials><AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>role-secret"                  \
    "</SecretAccessKey><SessionToken>role-token</SessionToken><Expiration>2099-01-01T00:00:00Z" \
    "</Expiration></Credentials></Result></AssumeRoleResponse>"

static void a_role_is_assumed_with_its_source(void **state)
{
    struct place *place = *state;

    (void)write_file(
        place, ".aws/config",
        "[profile base]\naws_access_key_id = BASE\naws_secret_access_key = base-secret\n"
        "region = eu-west-2\n"
        "[profile middle]\nrole_arn = arn:aws:iam::1:role/middle\n"
        "source_profile = base\nregion = eu-west-2\n"
        "[profile top]\nrole_arn = arn:aws:iam::1:role/top\nsource_profile = middle\n"
        "external_id = e\nregion = eu-west-2\n"
        "[profile loop]\nrole_arn = r\nsource_profile = loop2\n"
        "[profile loop2]\nrole_arn = r\nsource_profile = loop\n"
        "[profile mfa]\nrole_arn = r\nsource_profile = base\nmfa_serial = m\n"
        "[profile none]\nrole_arn = r\n"
        "[profile lost]\nrole_arn = r\nsource_profile = gone\n");
    set_url(place, "AWS_ENDPOINT_URL_STS", "");
    fault_script(NULL, "{\"match\": \"POST /\", \"times\": -1, \"do\": \"answer\", \"body\": "
                       "\"" STS_ANSWER "\"}");
    must_find(place, "top", "ROLE", "role-token");
    assert_int_equal(fault_count("POST /"), 2);
    assert_true(place->key.expires_us > clock_now_us());
    must_fail(place, "loop", ERR_CONFIG, "leads through more", "");
    must_fail(place, "mfa", ERR_CONFIG, "second factor", "");
    must_fail(place, "none", ERR_CONFIG, "nothing says", "source_profile");
    must_fail(place, "lost", ERR_CONFIG, "no source_profile 'gone'", "");
    fault_script(NULL,
                 "{\"match\": \"POST /\", \"times\": -1, \"do\": \"answer\", \"status\": 403, "
                 "\"body\": \"<ErrorResponse><Error><Code>AccessDenied</Code></Error>"
                 "</ErrorResponse>\"}");
    must_fail(place, "top", ERR_DENIED, "sts:AssumeRole on arn:aws:iam::1:role/middle",
              "trust policy");
    fault_script(NULL, "{\"match\": \"POST /\", \"times\": -1, \"do\": \"answer\", \"body\": "
                       "\"<AssumeRoleResponse/>\"}");
    must_fail(place, "top", ERR_DATA, "no credentials in the answer", "");
}

static void write_role(struct place *place, const char *secret)
{
    (void)write_file(place, ".aws/config",
                     arena_printf(place->arena,
                                  "[profile base]\naws_access_key_id = %s\n"
                                  "aws_secret_access_key = %s\n[profile role]\n"
                                  "region = eu-west-2\nsource_profile = base\n"
                                  "role_arn = arn:aws:iam::123456789012:role/reader\n",
                                  getenv("TOTE_TEST_MOTO_KEY"), secret));
}

/* moto checks the signature, as STS does. */
static void a_role_is_assumed_at_a_server_that_checks_signatures(void **state)
{
    struct place *place = *state;
    const char *moto = getenv("TOTE_TEST_MOTO");

    if (!moto)
        skip();
    (void)setenv("AWS_ENDPOINT_URL", moto, 1);
    write_role(place, getenv("TOTE_TEST_MOTO_SECRET"));
    if (look(place, "role"))
        fail_msg("%s", place->err.message);
    assert_non_null(place->key.session_token);
    assert_true(place->key.expires_us > clock_now_us() + INT64_C(600000000));
    write_role(place, "wrong-one");
    must_fail(place, "role", ERR_DENIED, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY");
}

static void a_web_identity_is_exchanged_without_any_key(void **state)
{
    struct place *place = *state;

    (void)setenv("AWS_WEB_IDENTITY_TOKEN_FILE", write_file(place, "jwt", " a.b.c\n"), 1);
    (void)setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/github", 1);
    (void)setenv("AWS_REGION", "eu-west-2", 1);
    set_url(place, "AWS_ENDPOINT_URL_STS", "");
    fault_script(NULL, "{\"match\": \"POST /\", \"headers_match\": {\"authorization\": null}, "
                       "\"do\": \"answer\", \"body\": \"" STS_ANSWER "\"}");
    must_find(place, NULL, "ROLE", "role-token");
    (void)write_file(place, "jwt", "");
    must_fail(place, NULL, ERR_CONFIG, "is empty", "");
}

/* --- containers and instances --- */

static const char *machine_answer(struct place *place, const char *id, int64_t seconds)
{
    char at[CLOCK_TEXT_MAX];

    clock_format(clock_now_us() + seconds * 1000000, at);
    at[10] = 'T';
    return arena_printf(place->arena,
                        "{\\\"Code\\\": \\\"Success\\\", \\\"AccessKeyId\\\": \\\"%s\\\", "
                        "\\\"SecretAccessKey\\\": \\\"machine-secret\\\", \\\"Token\\\": "
                        "\\\"machine-token\\\", \\\"Expiration\\\": \\\"%.19sZ\\\"}",
                        id, at);
}

static void a_container_gives_keys_and_new_ones_before_they_expire(void **state)
{
    struct place *place = *state;

    set_url(place, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "/keys");
    (void)setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", write_file(place, "token", "pod"), 1);
    fault_script(NULL,
                 arena_printf(place->arena,
                              "{\"match\": \"GET /keys\", \"do\": \"answer\", \"status\": 500}, "
                              "{\"match\": \"GET /keys\", \"headers_match\": {\"authorization\": "
                              "\"pod\"}, \"do\": \"answer\", \"body\": \"%s\"}, {\"match\": "
                              "\"GET /keys\", \"times\": -1, \"do\": \"answer\", \"body\": \"%s\"}",
                              machine_answer(place, "FIRST", 3),
                              machine_answer(place, "SECOND", 9000)));
    must_find(place, NULL, "FIRST", "machine-token");
    assert_int_equal(aws_key(place->aws, place->arena, &place->key, &place->err), ERR_OK);
    assert_string_equal(place->key.access_key_id, "FIRST");
    clock_sleep_us(1600000);
    assert_int_equal(aws_key(place->aws, place->arena, &place->key, &place->err), ERR_OK);
    assert_string_equal(place->key.access_key_id, "SECOND");
    aws_key_expired(place->aws, "FIRST");
    assert_int_equal(aws_key(place->aws, place->arena, &place->key, &place->err), ERR_OK);
    assert_int_equal(fault_count("GET /keys"), 3);
    aws_key_expired(place->aws, "SECOND");
    assert_int_equal(aws_key(place->aws, place->arena, &place->key, &place->err), ERR_OK);
    assert_int_equal(fault_count("GET /keys"), 4);
}

static void bad_answers_of_a_container_are_refused(void **state)
{
    struct place *place = *state;
    static const struct {
        const char *rule;
        enum err_code code;
        const char *message;
    } bad[] = {
        {"\"status\": 403", ERR_DENIED, "status 403"},
        {"\"body\": \"not json with my-secret\"", ERR_DATA, "not the JSON"},
        {"\"body\": \"{\\\"AccessKeyId\\\": \\\"x\\\"}\"", ERR_DATA, "SecretAccessKey"},
        {"\"body\": \"[]\"", ERR_DATA, "AccessKeyId"},
    };

    set_url(place, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "/keys");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        fault_script(NULL, arena_printf(place->arena,
                                        "{\"match\": \"GET /keys\", \"times\": -1, \"do\": "
                                        "\"answer\", %s}",
                                        bad[i].rule));
        must_fail(place, NULL, bad[i].code, bad[i].message, "");
        assert_null(strstr(place->err.message, "my-secret"));
    }
    char *huge = mem_zalloc(1, 200001);
    memset(huge, 'x', 200000);
    fault_script(NULL, arena_printf(place->arena, "{\"do\": \"answer\", \"body\": \"%s\"}", huge));
    free(huge);
    must_fail(place, NULL, ERR_DATA, "more than 65536 bytes", "");
    (void)setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/keys", 1);
    must_fail(place, NULL, ERR_CONFIG, "must be https", "");
    (void)setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1.example.com/keys", 1);
    must_fail(place, NULL, ERR_CONFIG, "must be https", "");
    (void)setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "no-slash", 1);
    must_fail(place, NULL, ERR_CONFIG, "begin with '/'", "");
}

static void an_instance_is_asked_in_its_second_version(void **state)
{
    struct place *place = *state;

    (void)unsetenv("AWS_EC2_METADATA_DISABLED");
    set_url(place, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "");
    fault_script(
        NULL,
        arena_printf(place->arena,
                     "{\"match\": \"PUT /latest/api/token\", \"headers_match\": "
                     "{\"x-aws-ec2-metadata-token-ttl-seconds\": \"21600\"}, \"do\": \"answer\", "
                     "\"body\": \"session\"}, {\"match\": \"security-credentials/my%%20role\", "
                     "\"headers_match\": {\"x-aws-ec2-metadata-token\": \"session\"}, \"do\": "
                     "\"answer\", \"body\": \"%s\"}, {\"match\": \"GET /latest/meta-data/iam/"
                     "security-credentials/\", \"headers_match\": {\"x-aws-ec2-metadata-token\": "
                     "\"session\"}, \"do\": \"answer\", \"body\": \"my role\"}",
                     machine_answer(place, "MACHINE", 9000)));
    must_find(place, NULL, "MACHINE", "machine-token");
    fault_script(NULL, "{\"match\": \"PUT \", \"do\": \"answer\", \"body\": \"session\"}");
    must_fail(place, NULL, ERR_CONFIG, "no credentials for AWS", "");
    (void)setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1", 1);
    must_fail(place, NULL, ERR_UNAVAILABLE, "the instance's metadata", "");
}

/* --- SSO --- */

static void a_person_who_logged_in_is_known(void **state)
{
    struct place *place = *state;
    char name[41];

    (void)write_file(place, ".aws/config",
                     "[profile me]\nsso_session = corp\nsso_account_id = 123456789012\n"
                     "sso_role_name = Reader\n[sso-session corp]\nsso_region = eu-west-1\n"
                     "sso_start_url = https://corp.example/start\n"
                     "[profile poor]\nsso_account_id = 1\n");
    must_fail(place, "me", ERR_DENIED, "nobody has logged in", "aws sso login --profile me");
    must_fail(place, "poor", ERR_CONFIG, "SSO needs", "");
    sha1_of("corp", 4, name);
    const char *cache = arena_printf(place->arena, ".aws/sso/cache/%s.json", name);
    (void)write_file(place, cache,
                     "{\"accessToken\": \"tok\", \"expiresAt\": "
                     "\"2001-01-01T00:00:00Z\"}");
    must_fail(place, "me", ERR_DENIED, "has expired", "aws sso login");
    (void)write_file(place, cache, "{");
    must_fail(place, "me", ERR_DENIED, "damaged", "aws sso login");
    (void)write_file(place, cache,
                     "{\"accessToken\": \"sso-token\", \"expiresAt\": "
                     "\"2099-01-01T00:00:00Z\"}");
    set_url(place, "AWS_ENDPOINT_URL_SSO", "");
    fault_script(NULL, "{\"match\": \"GET /federation/credentials?account_id=123456789012&"
                       "role_name=Reader\", \"headers_match\": {\"x-amz-sso_bearer_token\": "
                       "\"sso-token\"}, \"do\": \"answer\", \"body\": \"{\\\"roleCredentials\\\": "
                       "{\\\"accessKeyId\\\": \\\"SSO\\\", \\\"secretAccessKey\\\": \\\"s\\\", "
                       "\\\"sessionToken\\\": \\\"t\\\", \\\"expiration\\\": 4070908800000}}\"}");
    must_find(place, "me", "SSO", "t");
    assert_int_equal(place->key.expires_us, INT64_C(4070908800000000));
    fault_script(NULL, "{\"do\": \"answer\", \"status\": 401}");
    must_fail(place, "me", ERR_DENIED, "has expired", "aws sso login");
}

static enum err_code take_key(void *arg, unsigned worker, size_t task, struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    struct aws_key key;

    (void)worker, (void)task;
    return aws_key(arg, arena, &key, err);
}

static void many_threads_cost_one_question(void **state)
{
    struct place *place = *state;

    set_url(place, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "/keys");
    fault_script(NULL,
                 arena_printf(place->arena, "{\"times\": -1, \"do\": \"answer\", \"body\": \"%s\"}",
                              machine_answer(place, "ONE", 9000)));
    place->aws = aws_new(NULL);
    assert_int_equal(workers_run(8, 200, take_key, place->aws, &place->err), ERR_OK);
    assert_int_equal(fault_count("GET /keys"), 1);
}

#define ON_A_MACHINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_MACHINE(the_environment_comes_first),
        ON_A_MACHINE(what_is_found_is_never_shown),
        ON_A_MACHINE(nothing_found_says_what_to_do),
        ON_A_MACHINE(profiles_are_read_as_the_command_line_reads_them),
        ON_A_MACHINE(endpoints_are_those_of_the_region_or_as_told),
        ON_A_MACHINE(a_role_is_assumed_with_its_source),
        ON_A_MACHINE(a_role_is_assumed_at_a_server_that_checks_signatures),
        ON_A_MACHINE(a_web_identity_is_exchanged_without_any_key),
        ON_A_MACHINE(a_container_gives_keys_and_new_ones_before_they_expire),
        ON_A_MACHINE(bad_answers_of_a_container_are_refused),
        ON_A_MACHINE(an_instance_is_asked_in_its_second_version),
        ON_A_MACHINE(a_person_who_logged_in_is_known),
        ON_A_MACHINE(many_threads_cost_one_question),
    };

    (void)fault_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
