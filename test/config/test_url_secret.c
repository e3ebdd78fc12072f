#include "base/log.h"
#include "base/text.h"
#include "config/url_secret.h"
#include "lib/unit.h"

static bool hides(const char *url, const char *secret)
{
    char shown[256] = "<";

    bool found = url_secret_register(url);
    (void)strncat(shown, secret, 200);
    (void)strncat(shown, ">", 2);
    redact(shown);
    return found && text_equal(shown, "<***>");
}

/* Whatever form the password comes in, no message may show it. */
static void passwords_are_found(void **state)
{
    (void)state;
    assert_true(hides("postgresql://user:uri-secret@host/db", "uri-secret"));
    assert_true(hides("postgres://user:p%40ss-word@host:5432/db?sslmode=require", "p%40ss-word"));
    assert_true(hides("postgres://user:p%40ss-word@host:5432/db?sslmode=require", "p@ss-word"));
    assert_true(hides("postgres://user:un@encoded/one@host/db", "un@encoded/one"));
    assert_true(hides("postgresql://host/db?user=x&password=query-secret&a=b", "query-secret"));
    assert_true(hides("postgresql:///db?host=/tmp&sslpassword=ssl-secret", "ssl-secret"));
    assert_true(hides("host=h password=conninfo-secret dbname=d", "conninfo-secret"));
    assert_true(hides("host = h  password = 'it''s' user=x", "it''s") ||
                hides("host=h password='it\\'s here' user=x", "it's here"));
    assert_true(hides("password=last-one", "last-one"));
}

static void urls_without_password_hold_none(void **state)
{
    (void)state;
    assert_false(url_secret_register("postgresql://user@host:5432/db?sslmode=require"));
    assert_false(url_secret_register("postgresql://user:@host/db"));
    assert_false(url_secret_register("host=h user=u dbname=d"));
    assert_false(url_secret_register("duckdb:./warehouse.duckdb"));
    assert_false(url_secret_register(""));
    assert_false(url_secret_register("="));
    assert_false(url_secret_register("password"));
    assert_false(url_secret_register("password="));
    assert_false(url_secret_register("password='"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passwords_are_found),
        cmocka_unit_test(urls_without_password_hold_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
