/* The address of a database decides whose password goes where. */
#include <stdlib.h>

#include "app/database_url.h"
#include "base/text.h"
#include "lib/unit.h"

static void most_addresses_are_used_as_they_stand(void **state)
{
    static const char *const plain[] = {"postgresql://u:p@h/d",
                                        "host=h dbname=d",
                                        "duckdb:./x",
                                        "postgresql://u@h/iam=yes",
                                        "postgresql://u@h/d?iam=yesno",
                                        "postgresql://u@h/d?xiam=yes"};
    (void)state;

    for (size_t i = 0; i < COUNT_OF(plain); i++)
        assert_true(database_url_is_plain(plain[i]));
    assert_false(database_url_is_plain("secret:x"));
    assert_false(database_url_is_plain("ssm:/x"));
    assert_false(database_url_is_plain("postgresql://u@h/d?iam=yes"));
    assert_false(database_url_is_plain("postgres://u@h/d?a=b&iam=yes&c=d"));
}

static void a_token_becomes_the_password(void **state)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    CLEANUP(aws_free) struct aws *aws = aws_new(&(struct aws_options){.region = "eu-west-2"});
    const char *url;
    struct err err;
    (void)state;

    (void)setenv("AWS_ACCESS_KEY_ID", "KEY", 1);
    (void)setenv("AWS_SECRET_ACCESS_KEY", "secret-of-test", 1);
    (void)unsetenv("AWS_SESSION_TOKEN");
    assert_int_equal(
        database_url_resolve(aws, "postgresql://lo%40der@db:6000/w?iam=yes", arena, &url, &err),
        ERR_OK);
    assert_true(text_starts(url, "postgresql://lo%40der:db%3A6000%2F%3FAction%3Dconnect%26DBUser%3D"
                                 "lo%2540der%26X-Amz-"));
    assert_true(text_ends(url, "@db:6000/w?sslmode=require"));
    assert_int_equal(database_url_resolve(aws, "postgres://u@db/w?a=b&iam=yes&sslmode=verify-full",
                                          arena, &url, &err),
                     ERR_OK);
    assert_true(text_ends(url, "@db/w?a=b&application_name=tote&sslmode=verify-full"));
    static const char *const bad[] = {"postgresql://db/w?iam=yes", "postgresql://u:p@db/w?iam=yes",
                                      "postgresql://u@a,b/w?iam=yes", "postgresql://u@/w?iam=yes"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(database_url_resolve(aws, bad[i], arena, &url, &err), ERR_CONFIG);
    assert_non_null(strstr(err.hint, "iam=yes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_addresses_are_used_as_they_stand),
        cmocka_unit_test(a_token_becomes_the_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
