/* A digest that is wrong once makes `verify` cry wolf, or keep silent over a damaged object. */
#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"
#include "lib/unit.h"

static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char nothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void fips_180_examples(void **state)
{
    CLEANUP(sha256_free) struct sha256 *sha256 = sha256_new();
    char hex[SHA256_HEX_SIZE];
    (void)state;

    sha256_of("abc", 3, hex);
    assert_string_equal(hex, abc);
    sha256_of("", 0, hex);
    assert_string_equal(hex, nothing);
    sha256_add(sha256, "a", 1);
    sha256_add(sha256, "bc", 2);
    sha256_finish(sha256, hex);
    assert_string_equal(hex, abc);
    /* Ready again. */
    sha256_finish(sha256, hex);
    assert_string_equal(hex, nothing);
}

static void a_file_has_the_digest_of_its_bytes(void **state)
{
    CLEANUP(work_dir_close) struct work_dir *dir = NULL;
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    char hex[SHA256_HEX_SIZE] = "untouched";
    struct err err;
    (void)state;

    assert_int_equal(work_dir_open(NULL, &dir, &err), ERR_OK);
    const char *path = arena_printf(arena, "%s/x", work_dir_path(dir));
    assert_int_equal(sha256_of_file(path, hex, &err), ERR_NOT_FOUND);
    assert_string_equal(hex, "untouched");
    assert_int_equal(file_write_atomic(path, "abc", 3, 0600, &err), ERR_OK);
    assert_int_equal(sha256_of_file(path, hex, &err), ERR_OK);
    assert_string_equal(hex, abc);
}

/* RFC 4231, test cases 1 and 6; RFC 3174's "abc". */
static void hmac_and_sha1_examples(void **state)
{
    unsigned char key[131], mac[SHA256_BYTES];
    char hex[SHA256_HEX_SIZE], base64[SHA256_BASE64_SIZE], sha1[41];
    static const char longer[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    (void)state;

    memset(key, 0x0b, 20);
    hmac_sha256(key, 20, "Hi There", 8, mac);
    digest_to_hex(mac, hex);
    assert_string_equal(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    memset(key, 0xaa, sizeof key);
    hmac_sha256(key, sizeof key, longer, sizeof longer - 1, mac);
    digest_to_hex(mac, hex);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    digest_hex_to_base64(nothing, base64);
    assert_string_equal(base64, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    sha1_of("abc", 3, sha1);
    assert_string_equal(sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

static void ids_differ(void **state)
{
    char a[RANDOM_ID_SIZE], b[RANDOM_ID_SIZE];
    (void)state;

    random_id(a);
    random_id(b);
    assert_int_equal(strlen(a), 32);
    assert_string_not_equal(a, b);
    assert_true(random_u64() != random_u64());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fips_180_examples),
        cmocka_unit_test(a_file_has_the_digest_of_its_bytes),
        cmocka_unit_test(hmac_and_sha1_examples),
        cmocka_unit_test(ids_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
