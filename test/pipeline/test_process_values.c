/* What the process step makes of values and mistakes: values that bend and rows that vanish without
 * a word in quarantine are what a user would lose here. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "lib/small_lake.h"
#include "lib/unit.h"
#include "pipeline/batch_log.h"

/* --- values --- */

static void values_arrive_as_they_were(void **state)
{
    struct small_lake *fixture = *state;
    ingest(fixture, (struct change){.kinds = KINDS_1, .items = ITEM_1 ITEM_2});
    must_run(fixture);
    expect(fixture, "clean", "item",
           "item_id, price, day, made, seen, hex(raw), born, ratio, _batch_id, "
           "_captured_at, _deleted",
           "1|99999999.99|2024-02-29|2024-11-15 14:40:00|0001-01-01 "
           "00:00:00.000001+00|00FF|9999-12-31|nan|1|"
           "2024-11-15 14:40:01.123456+00|false\n"
           "2|-0.50|NULL|NULL|NULL||NULL|0.1|1|2024-11-15 14:40:01.123456+00|false\n");
    expect(fixture, "clean", "kind", "kind_id, label = ''", "1|false\n2|true\n");
    /* the check of the fact takes the dear one out */
    expect(fixture, "fact", "fact_item", "*",
           "2|2|-0.50|NULL|NULL|NULL|NULL|NULL|0.1|1|"
           "2024-11-15 14:40:01.123456+00|false\n");
    expect_quarantine(fixture, "star|fact_item|{\"item_id\":1}|check: price < 1000|1\n");
    const struct processed_table *fact = table_of(fixture, "fact", "fact_item");
    assert_string_equal(fact->record_id, "item_record_id");
    assert_string_equal(fact->columns[2].type, "DECIMAL(10,2)");
    assert_string_equal(fact->columns[5].warehouse_type, "time");
    assert_int_equal(fact->rows, 1);
    assert_int_equal(fact->quarantined, 1);
}

static void timestamps_are_text_to_models(void **state)
{
    struct small_lake *fixture = *state;
    ingest(fixture, (struct change){
                        .kinds = KINDS_1,
                        .items = "{\"item_id\":1,\"kind_id\":1,\"made\":\"2024-11-15 "
                                 "14:40:00.120000\",\"seen\":\"2024-11-15 14:40:00.000000\"}\n"});
    must_run(fixture);
    expect(fixture, "fact", "fact_item", "made_date, made_time, seen_text",
           "2024-11-15|14:40:00.120000|2024-11-15 14:40:00.000000\n");
    /* but a copy is a copy */
    expect(fixture, "mirror", "item", "typeof(made), made, typeof(seen), seen",
           "TIMESTAMP|2024-11-15 14:40:00.12|TIMESTAMP WITH TIME ZONE|2024-11-15 14:40:00+00\n");
}

/* One for each way in which DuckDB would take what is not so. */
static void what_is_not_exact_is_quarantined(void **state)
{
    struct small_lake *fixture = *state;
    ingest(fixture,
           (struct change){.kinds = KINDS_1,
                           .items = "{\"item_id\":1,\"price\":\"1.239\"}\n"
                                    "{\"item_id\":2,\"price\":\"NaN\"}\n"
                                    "{\"item_id\":3,\"day\":\"2024-1-5\"}\n"
                                    "{\"item_id\":4,\"day\":\"2024/01/05\"}\n"
                                    "{\"item_id\":5,\"made\":\"infinity\"}\n"
                                    "{\"item_id\":6,\"seen\":\"2024-11-15 14:40:00.000000 BC\"}\n"
                                    "{\"item_id\":7,\"born\":\"10000-01-01\"}\n"
                                    "{\"item_id\":8,\"born\":\"0044-03-15 BC\",\"day\":\"today\"}\n"
                                    "{\"item_id\":9,\"born\":\"infinity\"}\n"
                                    "{\"item_id\":13,\"price\":\"1.00\"}\n"
                                    "{\"item_id\":14,\"price\":\"1.00\",\"kind_id\":7}\n"
                                    "{\"item_id\":15,\"price\":\"1.00\",\"kind_id\":2}\n"});
    must_run(fixture);
    expect(fixture, "clean", "item", "item_id", "14\n15\n");
    expect(fixture, "fact", "fact_item", "item_id", "15\n");
    expect_quarantine(
        fixture,
        "clean|item|{\"item_id\":13}|check: item_id <> 13|1\n"
        "clean|item|{\"item_id\":1}|column 'price' is not exactly a DECIMAL(10,2)|1\n"
        "clean|item|{\"item_id\":2}|column 'price' is not exactly a DECIMAL(10,2)|1\n"
        "clean|item|{\"item_id\":3}|column 'day' is not exactly a DATE|1\n"
        "clean|item|{\"item_id\":4}|column 'day' is not exactly a DATE|1\n"
        "clean|item|{\"item_id\":5}|column 'made' is not exactly a TIMESTAMP|1\n"
        "clean|item|{\"item_id\":6}|column 'seen' is not exactly a TIMESTAMP WITH TIME ZONE|1\n"
        "clean|item|{\"item_id\":7}|column 'born' is not exactly a DATE|1\n"
        "clean|item|{\"item_id\":8}|column 'day' is not exactly a DATE; column 'born' is not "
        "exactly a DATE|1\n"
        "clean|item|{\"item_id\":9}|column 'born' is not exactly a DATE|1\n"
        "star|fact_item|{\"item_id\":14}|reference: kind_id -> dim_kind|1\n");
}

/* Text columns that a clean model gives a type: people's texts, so each is held against what it
 * became. */
static void stated_types_are_held_against_the_text(void **state)
{
    struct small_lake *fixture = *state;
    static const char *const names[] = {"kind_id", "amount", "number", "made",
                                        "yes",     "size",   "label",  "plain"};
    struct record_column columns[COUNT_OF(names)];
    for (size_t i = 0; i < COUNT_OF(names); i++)
        columns[i] = (struct record_column){.name = names[i],
                                            .lake_name = names[i],
                                            .number = (int)i + 1,
                                            .type = i ? "text" : "int4",
                                            .typmod = -1};
    columns[7].type = "timestamp";
    fixture->tables[KIND].columns = columns;
    fixture->tables[KIND].column_count = COUNT_OF(columns);
    put_model(fixture, "clean/kind.sql",
              "-- kind: clean\n-- type: amount decimal(8, 2)\n-- type: number bigint\n-- type: "
              "made timestamp\n"
              "-- type: yes boolean\n-- type: size double\n-- type: plain text\n-- trim: label\n");
    ingest(
        fixture,
        (struct change){
            .kinds =
                "{\"kind_id\":1,\"amount\":\"1.5\",\"number\":\"-7\",\"made\":\"2024-11-15 "
                "14:40:00\",\"yes\":\"t\","
                "\"size\":\"0.1\",\"label\":\"  both \",\"plain\":\"infinity\"}\n"
                "{\"kind_id\":2}\n"
                "{\"kind_id\":3,\"amount\":\"1.999\"}\n{\"kind_id\":4,\"amount\":\"1e2\"}\n"
                "{\"kind_id\":5,\"number\":\"1.7\"}\n{\"kind_id\":6,\"number\":\" 1\"}\n"
                "{\"kind_id\":7,\"made\":\"2024-11-15\"}\n{\"kind_id\":8,\"yes\":\"maybe\"}\n"
                "{\"kind_id\":9,\"size\":\"big\"}\n{\"kind_id\":10,\"amount\":\"1234567.00\"}\n"});
    must_run(fixture);
    expect(fixture, "clean", "kind", "kind_id, amount, number, made, yes, size, label, plain",
           "1|1.50|-7|2024-11-15 "
           "14:40:00|true|0.1|both|infinity\n2|NULL|NULL|NULL|NULL|NULL|NULL|NULL\n");
    assert_int_equal(table_of(fixture, "clean", "kind")->quarantined, 8);
}

/* A line longer than DuckDB's buffers were made for. */
static void long_rows_are_read(void **state)
{
    struct small_lake *fixture = *state;
    enum {
        LENGTH = 20 << 20
    };
    CLEANUP(free) char *line = mem_alloc(LENGTH + 100);
    int size = snprintf(line, 100, "{\"kind_id\":1,\"label\":\"");
    memset(line + size, 'x', LENGTH);
    (void)snprintf(line + size + LENGTH, 10, "\"}\n");
    ingest(fixture, (struct change){.kinds = line});
    must_run(fixture);
    expect(fixture, "clean", "kind", "kind_id, length(label)", "1|20971520\n");
}

/* --- mistakes --- */

static void refuses(struct small_lake *fixture, const char *name, const char *text,
                    enum err_code code, const char *expected)
{
    struct err err = {0};
    put_model(fixture, name, text);
    enum err_code got = run(fixture, &err);
    if (got != code || !strstr(err.message, expected))
        fail_msg("%s: '%s' instead of '%s'", err_name(got), err.message, expected);
}

static bool count_one(void *arg, const char *key, const struct store_info *info)
{
    (void)key, (void)info;
    ++*(int *)arg;
    return true;
}

/* And nothing of the batch stands anywhere. */
static void models_with_mistakes_leave_nothing(void **state)
{
    struct small_lake *fixture = *state;
    struct err err;
    int objects = 0;
    ingest(fixture, (struct change){.kinds = KINDS_1, .items = ITEM_1});
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: kind_id\nselect kind_id,\n       lable\n"
            "from source.kind\n",
            ERR_CONFIG, "models/dim_pair.sql:4");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: kind_id\nselect kind_id from from source.kind\n",
            ERR_CONFIG, "models/dim_pair.sql:3");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: kind_id\nselect kind_id from source.kinds\n", ERR_CONFIG,
            "the source has no table 'kinds'");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: nope\nselect kind_id from source.kind\n", ERR_CONFIG,
            "'key' names a column 'nope'");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: kind_id\nselect kind_id, 1 as deleted from source.kind\n",
            ERR_CONFIG, "column 'deleted' is tote's own");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: kind_id\nselect * from source.kind\n", ERR_CONFIG,
            "is tote's own");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: n\nselect count(*) * 0 as n from source.kind group by "
            "kind_id\n",
            ERR_TRANSFORM, "{\"n\":0}");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: n\nselect cast(label as integer) as n from source.kind\n",
            ERR_TRANSFORM, "models/dim_pair.sql");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: kind_id\n-- check: nope > 1\nselect kind_id from "
            "source.kind\n",
            ERR_CONFIG, "models/dim_pair.sql:3: check");
    refuses(fixture, "dim_pair.sql",
            "-- kind: dimension\n-- key: k\nselect sum(kind_id) as k from source.kind\n",
            ERR_CONFIG, "HUGEINT");
    put_model(fixture, "dim_pair.sql", DIM_PAIR);
    refuses(fixture, "clean/kind.sql", "-- kind: clean\n-- type: nope date\n", ERR_CONFIG,
            "models/clean/kind.sql:2");
    refuses(fixture, "clean/kind.sql", "-- kind: clean\n-- type: label datum\n", ERR_CONFIG,
            "unknown type 'datum'");
    refuses(fixture, "clean/kind.sql", "-- kind: clean\n-- check: nope > 1\n", ERR_CONFIG,
            "models/clean/kind.sql:2");
    assert_int_equal(store_list(fixture->processed, "", NULL, count_one, &objects, &err), ERR_OK);
    assert_int_equal(objects, 0);
}

static void damaged_objects_are_refused(void **state)
{
    struct small_lake *fixture = *state;
    struct err err = {0};
    ingest(fixture, (struct change){.kinds = KINDS_1, .items = ITEM_1});
    const char *key = fixture->tables[KIND].objects[0].key;
    static const char other[] =
        "{\"kind_id\":1,\"label\":\"eno\"}\n{\"kind_id\":2,\"label\":\"\"}\n";
    assert_int_equal(
        store_put(fixture->ingestion, key, (struct span){other, strlen(other)}, STORE_ALWAYS, &err),
        ERR_OK);
    assert_int_equal(run(fixture, &err), ERR_DATA);
    assert_non_null(strstr(err.message, key));
    assert_int_equal(store_remove(fixture->ingestion, key, &err), ERR_OK);
    assert_int_equal(run(fixture, &err), ERR_DATA);
    assert_non_null(strstr(err.message, "is gone"));
}

static void another_lake_is_refused(void **state)
{
    struct small_lake *fixture = *state;
    struct err err = {0};
    ingest(fixture, (struct change){.kinds = KINDS_1});
    must_run(fixture);
    store_close(fixture->ingestion);
    fixture->batch = 0;
    assert_int_equal(store_open(arena_printf(fixture->arena, "%s/other", fixture->dir),
                                &fixture->ingestion, &err),
                     ERR_OK);
    assert_int_equal(run(fixture, &err), ERR_CONFIG);
    ingest(fixture, (struct change){.kinds = KINDS_1});
    ingest(fixture, (struct change){.kinds = NULL});
    assert_int_equal(run(fixture, &err), ERR_CONFIG);
    assert_non_null(strstr(err.message, "another lake"));
}

/* Mirrors follow a parent that is in quarantine, so that foreign keys hold in the warehouse. */
static void children_follow_a_quarantined_parent(void **state)
{
    struct small_lake *fixture = *state;
    put_model(fixture, "kind.sql",
              "-- kind: mirror\n-- key: kind_id\n-- row-of: kind\n-- check: label <> 'bad'\n"
              "select kind_id, label from source.kind\n");
    put_model(fixture, "item.sql",
              "-- kind: mirror\n-- key: item_id\n-- row-of: item\n-- references: kind_id -> kind\n"
              "select item_id, kind_id from source.item\n");
    ingest(fixture,
           (struct change){
               .kinds = "{\"kind_id\":1,\"label\":\"bad\"}\n{\"kind_id\":2,\"label\":\"good\"}\n"});
    must_run(fixture);
    ingest(fixture, (struct change){.items = "{\"item_id\":1,\"kind_id\":1}\n{\"item_id\":2,\"kind_"
                                             "id\":2}\n{\"item_id\":3,\"kind_id\":null}\n"});
    must_run(fixture);
    expect(fixture, "mirror", "item", "item_id", "2\n3\n");
    expect_quarantine(fixture, "star|item|{\"item_id\":1}|reference: kind_id -> kind|2\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_arrive_as_they_were, set_up, tear_down),
        cmocka_unit_test_setup_teardown(timestamps_are_text_to_models, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_exact_is_quarantined, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stated_types_are_held_against_the_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_rows_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(models_with_mistakes_leave_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_objects_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_lake_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(children_follow_a_quarantined_parent, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
