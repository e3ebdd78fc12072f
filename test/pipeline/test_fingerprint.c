/* A fingerprint that is not the server's makes every batch a full compare; one that misses a
 * difference loses a change for good. */
#include <stdio.h>
#include <string.h>

#include "lib/unit.h"
#include "pipeline/fingerprint.h"
#include "pipeline/pg_hash.h"

/* As PostgreSQL 15 gives them: select hashint8extended(value, seed). */
static const struct {
    int64_t value;
    uint64_t seed;
    uint64_t hash;
} number_hashes[] = {
    {INT64_C(0), UINT64_C(0), UINT64_C(0x39a825beefbec0af)},
    {INT64_C(1), UINT64_C(0), UINT64_C(0xcd0f69c48e731746)},
    {INT64_C(-1), UINT64_C(0), UINT64_C(0xe5cb8f9016fe094a)},
    {INT64_C(42), UINT64_C(777), UINT64_C(0xa0f9ef8c5ab292ce)},
    {INT64_C(2147483648), UINT64_C(3), UINT64_C(0xfe43f233d4364c35)},
    {INT64_C(4294967295), UINT64_C(2147483648), UINT64_C(0xd556ff3015ef09f1)},
    {INT64_C(-4294967296), UINT64_C(4294967295), UINT64_C(0xdf4a702f53557dc4)},
    {INT64_C(9223372036854775807), UINT64_C(1), UINT64_C(0x2a3e76f3158e4913)},
    {INT64_C(-9223372036854775807), UINT64_C(1), UINT64_C(0xcb038d379db85d2a)},
    {INT64_C(20241115), UINT64_C(18446744073709551615), UINT64_C(0x96dec0b8b7168b9)},
};

/* select hashtextextended(text collate "C", seed); '|' stands for chr(31). */
static const struct {
    const char *text;
    uint64_t seed;
    uint64_t hash;
} text_hashes[] = {
    {"", UINT64_C(0), UINT64_C(0x9fb1b765a7ea466d)},
    {"a", UINT64_C(0), UINT64_C(0x31d94c66401370b1)},
    {"abcd", UINT64_C(5), UINT64_C(0x98e4d1c8b7f06bb5)},
    {"abcdefgh", UINT64_C(2147483648), UINT64_C(0x262eb91b81a5c508)},
    {"abcdefghijk", UINT64_C(4294967295), UINT64_C(0x423a311b8bd6458b)},
    {"abcdefghijkl", UINT64_C(1), UINT64_C(0xa6c4ec1164a36857)},
    {"Zürich €", UINT64_C(9), UINT64_C(0xa5d524c6ec555e33)},
    {"a|b", UINT64_C(77), UINT64_C(0x31bd99e09611cf9d)},
    {"550e8400-e29b-41d4-a716-446655440000", UINT64_C(778), UINT64_C(0xf9f4866a0ca7f55)},
    {"550e8400-e29b-41d4-a716-446655440000", UINT64_C(0), UINT64_C(0xbd69ebe61986d0e9)},
};

static void hashes_are_the_servers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(number_hashes); i++) {
        struct key key = {.form = KEY_INT8, .number = number_hashes[i].value};
        assert_true(key_hash(&key, number_hashes[i].seed) == number_hashes[i].hash);
    }
    for (size_t i = 0; i < COUNT_OF(text_hashes); i++) {
        char text[64];
        size_t size = strlen(text_hashes[i].text);
        for (size_t at = 0; at < size; at++)
            text[at] = text_hashes[i].text[at] == '|' ? '\0' : text_hashes[i].text[at];
        struct key key = {.form = KEY_TEXT, .text = {text, size}};
        assert_true(key_hash(&key, text_hashes[i].seed) == text_hashes[i].hash);
    }
}

static struct key number_key(int64_t number)
{
    return (struct key){.form = KEY_INT8, .number = number};
}

static size_t differences(const struct fingerprint *a, const struct fingerprint *b)
{
    return fingerprint_compare(a, b, NULL, NULL);
}

/* Keys 0..count-1 in an order that `step`, prime to count, makes. */
static void fill(struct fingerprint *fingerprint, int64_t count, int64_t step)
{
    for (int64_t i = 0; i < count; i++) {
        struct key key = number_key(i * step % count - count / 2);
        fingerprint_add(fingerprint, &key, (uint32_t)(key.number & 7) + 700, 1);
    }
}

static void order_does_not_matter(void **state)
{
    (void)state;
    for (enum bucket_function function = BUCKET_RANGE; function <= BUCKET_HASH; function++) {
        CLEANUP_IN_PLACE(fingerprint_release)
        struct fingerprint ordered = {.function = function, .bits = 5};
        CLEANUP_IN_PLACE(fingerprint_release)
        struct fingerprint mixed = {.function = function, .bits = 5};
        fill(&ordered, 10000, 1);
        fill(&mixed, 10000, 7919);
        assert_true(fingerprint_settle(&ordered));
        assert_true(fingerprint_settle(&mixed));
        assert_int_equal(differences(&ordered, &mixed), 0);
        assert_true(ordered.count == mixed.count && ordered.count > 30);
        for (size_t i = 1; i < mixed.count; i++)
            assert_true(mixed.buckets[i - 1].number < mixed.buckets[i].number);
    }
}

static void what_is_taken_away_is_gone(void **state)
{
    (void)state;
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint kept = {.bits = 4};
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint changed = {.bits = 4};
    fill(&kept, 1000, 1);
    fill(&changed, 1000, 1);
    struct key key = number_key(5000);
    fingerprint_add(&changed, &key, 9, 1);
    assert_int_equal(differences(&kept, &changed), 1);
    fingerprint_add(&changed, &key, 9, -1);
    assert_int_equal(differences(&kept, &changed), 0);
    assert_true(fingerprint_settle(&changed));
    assert_true(changed.count == kept.count);

    /* a deletion of what was never there cannot be */
    fingerprint_add(&changed, &key, 9, -1);
    assert_false(fingerprint_settle(&changed));
}

static void a_silent_update_is_seen(void **state)
{
    (void)state;
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint before = {.bits = 8};
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint after = {.bits = 8};
    fill(&before, 5000, 1);
    fill(&after, 5000, 1);
    struct key key = number_key(17);
    fingerprint_add(&after, &key, 701, -1);
    fingerprint_add(&after, &key, 990, 1);
    assert_int_equal(differences(&before, &after), 1);
}

static void merging_is_adding(void **state)
{
    (void)state;
    for (enum bucket_function function = BUCKET_RANGE; function <= BUCKET_HASH; function++) {
        struct fingerprint parameters = {.function = function, .bits = 6};
        CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint whole = parameters;
        CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint sum = parameters;
        CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint part = parameters;
        for (int64_t i = -3000; i < 3000; i++) {
            struct key key = number_key(i * 37);
            fingerprint_add(&whole, &key, (uint32_t)(i & 3), 1);
            fingerprint_add(i % 3 == 0 ? &part : &sum, &key, (uint32_t)(i & 3), 1);
        }
        fingerprint_merge(&sum, &part);
        assert_int_equal(differences(&whole, &sum), 0);
    }
}

struct seen {
    size_t only_a, only_b, both;
};

static void count_difference(void *arg, const struct fingerprint_bucket *a,
                             const struct fingerprint_bucket *b)
{
    struct seen *seen = arg;
    seen->only_a += a && !b;
    seen->only_b += b && !a;
    seen->both += a && b && a->number == b->number;
}

static void every_difference_is_told(void **state)
{
    (void)state;
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint a = {.bits = 4};
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint b = {.bits = 4};
    for (int64_t i = 0; i < 10; i++) {
        struct key key = number_key(i * 16);
        if (i != 0 && i != 5)
            fingerprint_add(&a, &key, 1, 1);
        if (i != 7 && i != 9)
            fingerprint_add(&b, &key, i == 3 ? 2 : 1, 1);
    }
    struct seen seen = {0};
    assert_int_equal(fingerprint_compare(&a, &b, count_difference, &seen), 5);
    assert_int_equal(seen.only_a, 2);
    assert_int_equal(seen.only_b, 2);
    assert_int_equal(seen.both, 1);
}

static void check_choice(int64_t lowest, int64_t highest, uint64_t rows)
{
    struct fingerprint chosen;
    fingerprint_choose(KEY_INT8, lowest, highest, rows, &chosen);
    struct key first = number_key(lowest);
    struct key last = number_key(highest);
    uint64_t buckets =
        (uint64_t)key_bucket(&chosen, &last) - (uint64_t)key_bucket(&chosen, &first) + 1;
    assert_true(chosen.function == BUCKET_RANGE && buckets >= 1);
    assert_true(buckets <= FINGERPRINT_BUCKETS_MAX);
    /* no finer than needed: else the query and its answer grow for nothing */
    assert_true(rows < 1000 || buckets <= rows / FINGERPRINT_BUCKET_ROWS * 2 + 2);
}

static void buckets_are_neither_too_many_nor_too_few(void **state)
{
    (void)state;
    check_choice(0, 0, 0);
    check_choice(1, 5000000, 5000000);
    check_choice(1, 5000000, 1000);
    check_choice(INT64_MIN, INT64_MAX, 1000000);
    check_choice(-5, INT64_MAX, 10);
    check_choice(INT64_MIN, INT64_MIN, 1);
    check_choice(1, 48066, 48066);

    struct fingerprint chosen;
    fingerprint_choose(KEY_TEXT, 0, 0, 0, &chosen);
    assert_true(chosen.function == BUCKET_HASH && chosen.bits == 0);
    fingerprint_choose(KEY_TEXT, 0, 0, 256 * 1000, &chosen);
    assert_int_equal(chosen.bits, 10);
    fingerprint_choose(KEY_TEXT, 0, 0, UINT64_C(1) << 40, &chosen);
    assert_int_equal(chosen.bits, 14);
}

static void clustered_keys_are_noticed(void **state)
{
    (void)state;
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint even = {.bits = 8};
    fill(&even, 100000, 1);
    assert_false(fingerprint_is_skewed(&even));
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint clustered = {.bits = 20};
    fill(&clustered, 100000, 1);
    for (int64_t i = 1; i < 100; i++) {
        struct key key = number_key(i << 40);
        fingerprint_add(&clustered, &key, 1, 1);
    }
    assert_true(fingerprint_is_skewed(&clustered));
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint empty = {.bits = 20};
    assert_false(fingerprint_is_skewed(&empty));
}

static void an_object_comes_back_as_it_was(void **state)
{
    struct err err;
    (void)state;
    for (int64_t count = 0; count <= 5000; count += 2500) {
        CLEANUP_IN_PLACE(fingerprint_release)
        struct fingerprint written = {.function = BUCKET_HASH, .bits = 12};
        fill(&written, count, 1);
        CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};
        fingerprint_encode(&written, &bytes);
        CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint read = {0};
        assert_int_equal(
            fingerprint_decode("fingerprint", buf_text(&bytes), bytes.size, &read, &err), ERR_OK);
        assert_int_equal(differences(&written, &read), 0);
        assert_true(read.function == BUCKET_HASH && read.bits == 12 && read.form == KEY_INT8);
    }
}

static void damage_is_noticed(void **state)
{
    struct err err;
    (void)state;
    CLEANUP_IN_PLACE(fingerprint_release) struct fingerprint written = {.bits = 6};
    fill(&written, 500, 1);
    CLEANUP_IN_PLACE(buf_release) struct buf bytes = {0};
    fingerprint_encode(&written, &bytes);
    struct fingerprint read = {0};
    for (size_t bit = 0; bit < bytes.size * 8; bit++) {
        bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ (1 << bit % 8));
        assert_int_equal(fingerprint_decode("'_index/t/f'", bytes.data, bytes.size, &read, &err),
                         ERR_DATA);
        bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ (1 << bit % 8));
    }
    for (size_t size = 0; size < bytes.size; size++)
        assert_int_equal(fingerprint_decode("'_index/t/f'", bytes.data, size, &read, &err),
                         ERR_DATA);
    assert_non_null(strstr(err.message, "_index/t/f"));
    assert_null(read.buckets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_the_servers),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(what_is_taken_away_is_gone),
        cmocka_unit_test(a_silent_update_is_seen),
        cmocka_unit_test(merging_is_adding),
        cmocka_unit_test(every_difference_is_told),
        cmocka_unit_test(buckets_are_neither_too_many_nor_too_few),
        cmocka_unit_test(clustered_keys_are_noticed),
        cmocka_unit_test(an_object_comes_back_as_it_was),
        cmocka_unit_test(damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
