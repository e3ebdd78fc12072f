/* Two tables whose objects share a name would overwrite each other's history; a name that a store
 * or a shell cannot hold would stop a batch. */
#include <string.h>

#include "base/text.h"
#include "lib/unit.h"
#include "pipeline/object_names.h"

static const struct object_names names = {.table = "sales_order",
                                          .batch = 43,
                                          .attempt = "5f2c91aabbccddeeff00112233445566",
                                          .captured_us = INT64_C(1731681600123456)};

static void check_table(const char *schema, const char *relation, const char *expected)
{
    char name[TABLE_NAME_MAX];
    object_table_name(schema, relation, name);
    assert_string_equal(name, expected);
}

static void test_tables(void **state)
{
    (void)state;
    check_table("public", "sales_order", "sales_order");
    check_table("shop", "Order", "shop.Order");
    check_table("public", "a.b", "a%2Eb");
    check_table("a", "b", "a.b");
    check_table("public", "odd name/é", "odd%20name%2F%C3%A9");
    /* folders of tote's own */
    check_table("public", "_index", "%5Findex");
    check_table("public", "_batches", "%5Fbatches");
    check_table("public", "_prisma_migrations", "_prisma_migrations");
}

/* 63 characters of four bytes each are 756 when encoded: more than a path's part holds. */
static void test_long_names(void **state)
{
    (void)state;
    char one[256] = "", other[256], name[TABLE_NAME_MAX], name_of_other[TABLE_NAME_MAX];
    for (size_t i = 0; i < 31; i++)
        memcpy(one + 2 * i, "é", 3);
    memcpy(other, one, sizeof other);
    other[61] = '\xa8'; /* è: differs in the last character only */
    object_table_name("public", one, name);
    object_table_name("public", other, name_of_other);
    assert_true(strlen(name) < TABLE_NAME_MAX);
    assert_string_not_equal(name, name_of_other);
    size_t kept = strcspn(name, "-");
    assert_true(kept % 3 == 0); /* no half of %C3 */

    CLEANUP_IN_PLACE(buf_release) struct buf key = {0};
    struct object_names long_names = names;
    long_names.table = name;
    object_data_key(&long_names, 12345, true, true, &key);
    assert_true(key.size <= 1024);
    assert_true(strlen(strrchr(key.data, '/') + 1) <= 255);
}

static void test_data_keys(void **state)
{
    (void)state;
    CLEANUP_IN_PLACE(buf_release) struct buf key = {0};
    object_data_key(&names, 0, false, false, &key);
    assert_string_equal(key.data, "sales_order/2024/11/15/"
                                  "sales_order.0000000043-5f2c91.20241115T144000123456Z.json");
    buf_clear(&key);
    object_data_key(&names, 7, true, true, &key);
    assert_string_equal(
        key.data, "sales_order/2024/11/15/"
                  "sales_order.0000000043-5f2c91-p0007.20241115T144000123456Z.deleted.json.zst");
}

/* What sweep may remove hangs on this: a key that another program chose must never be taken for
 * ours. */
static void test_batches_of_keys(void **state)
{
    (void)state;
    static const char *const ours[] = {
        "sales_order/2024/11/15/sales_order.0000000043-5f2c91.20241115T144000123456Z.json",
        "a.b/2024/11/15/a.b.0000000043-5f2c91-p0007.20241115T144000123456Z.deleted.json.zst",
        "_index/sales_order/0000000043-5f2c91-2.index",
        "_index/sales_order/0000000043-5f2c91.fingerprint",
        "_index/sales_order/0000000043-5f2c91-3-16-131072.part",
    };
    static const char *const foreign[] = {
        "",
        "/",
        "sales_order",
        "_index/",
        "_index/0000000043-5f2c91.csv",
        "_batches/9999999956.0000000043.json",
        "sales_order/2024/11/15/design.0000000043-5f2c91.20241115T144000123456Z.json",
        "sales_order/2024/11/15/more/sales_order.0000000043-5f2c91.json",
        "sales_order/2024/11/15/sales_order.0000000043-5F2C91.20241115T144000123456Z.json",
        "sales_order/2024/11/15/sales_order.43-5f2c91.20241115T144000123456Z.json",
        "sales_order/2024/11/15/sales_order.0000000043-5f2c91.20241115T144000123456Z.csv",
    };
    for (size_t i = 0; i < COUNT_OF(ours); i++)
        assert_int_equal(object_ingested_batch(ours[i]), 43);
    for (size_t i = 0; i < COUNT_OF(foreign); i++)
        assert_int_equal(object_ingested_batch(foreign[i]), 0);
    assert_int_equal(object_processed_batch("star/fact_x/g-1/0000000043-5f2c91-7.parquet"), 43);
    assert_int_equal(object_processed_batch("quarantine/clean/x/0000000043-5f2c91-7.parquet"), 43);
    assert_int_equal(
        object_processed_batch("star/fact_x/g-1/_delta_log/0000000043-5f2c91-7.parquet"), 0);
    assert_int_equal(object_processed_batch("star/fact_x/g-1/part-0001.snappy.parquet"), 0);
    assert_int_equal(object_processed_batch("mine/0000000043-5f2c91-7.parquet"), 0);
}

static void test_files(void **state)
{
    (void)state;
    CLEANUP_IN_PLACE(buf_release) struct buf name = {0};

    object_file_name(43, names.attempt, 7, &name);
    assert_string_equal(name.data, "0000000043-5f2c91-7.parquet");
    assert_int_equal(object_file_batch(name.data), 43);
}

static void test_index_keys(void **state)
{
    (void)state;
    CLEANUP_IN_PLACE(buf_release) struct buf key = {0};
    object_index_key(&names, 2, &key);
    assert_string_equal(key.data, "_index/sales_order/0000000043-5f2c91-2.index");
    buf_clear(&key);
    object_part_key(&names, 3, 16, 131072, &key);
    assert_string_equal(key.data, "_index/sales_order/0000000043-5f2c91-3-16-131072.part");
    buf_clear(&key);
    object_fingerprint_key(&names, &key);
    assert_string_equal(key.data, "_index/sales_order/0000000043-5f2c91.fingerprint");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),          cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_data_keys),       cmocka_unit_test(test_index_keys),
        cmocka_unit_test(test_batches_of_keys), cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests_name("object_names", tests, NULL, NULL);
}
