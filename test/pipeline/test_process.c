/* The process step batch by batch: history, generations, batches done twice. */
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "lib/small_lake.h"
#include "lib/unit.h"
#include "pipeline/batch_log.h"

/* --- batches --- */

static const char item_1[] = "{\"item_id\":1,\"kind_id\":1,\"price\":\"1.00\"}\n";
static const char item_1_changed[] = "{\"item_id\":1,\"kind_id\":2,\"price\":\"2.00\"}\n";
static const char item_2[] = "{\"item_id\":2,\"kind_id\":1,\"price\":\"5.00\"}\n";

static void three_batches(struct small_lake *fixture)
{
    ingest(fixture, (struct change){.kinds = KINDS_1,
                                    .items = arena_printf(fixture->arena, "%s%s", item_1, item_2)});
    ingest(fixture,
           (struct change){
               .kinds = "{\"kind_id\":1,\"label\":\"uno\"}\n{\"kind_id\":3,\"label\":\"three\"}\n",
               .items = item_1_changed});
    ingest(fixture, (struct change){.deleted_items = "{\"item_id\":1}\n{\"item_id\":99}\n",
                                    .deleted_kinds = "{\"kind_id\":2}\n",
                                    .deleted_from = 2});
}

static void history_and_deletions(void **state)
{
    struct small_lake *fixture = *state;
    three_batches(fixture);
    must_run(fixture);
    /* the last content, and nothing for a key that nobody ever saw */
    expect(fixture, "fact", "fact_item", "item_id, kind_id, price, batch_id, deleted",
           "1|2|2.00|3|true\n");
    expect(fixture, "mirror", "item", "item_id, price, _deleted", "1|2.00|true\n");
    assert_int_equal(table_of(fixture, "dimension", "dim_kind")->object_count, 0);
    assert_int_equal(table_of(fixture, "fact", "fact_item")->delta_version, 2);
    const char *all = arena_printf(fixture->arena,
                                   "select item_id, price, batch_id, deleted from "
                                   "read_parquet('%s/star/fact_item/*/*.parquet') order by all",
                                   store_url(fixture->processed));
    expect_rows(fixture, all, "1|1.00|1|false\n1|2.00|2|false\n1|2.00|3|true\n2|5.00|1|false\n");
}

/* A dimension publishes what changed, be it its own table or the one it is joined with. */
static void dimensions_publish_differences(void **state)
{
    struct small_lake *fixture = *state;
    three_batches(fixture);
    fixture->batch = 2;
    must_run(fixture);
    fixture->batch = 2;
    expect(fixture, "dimension", "dim_kind", "kind_id, label", "1|uno\n3|three\n");
    expect(fixture, "dimension", "dim_pair", "item_id, label", "1|\n2|uno\n");
    assert_int_equal(table_of(fixture, "dimension", "dim_kind")->rows, 2);
}

static void a_second_run_does_nothing(void **state)
{
    struct small_lake *fixture = *state;
    three_batches(fixture);
    must_run(fixture);
    const char *attempt = head(fixture)->attempt;
    must_run(fixture);
    assert_string_equal(head(fixture)->attempt, attempt);
}

/* Killed between the tables' logs and the record: what the logs hold counts. */
static void a_killed_run_is_finished(void **state)
{
    struct small_lake *fixture = *state;
    struct err err;
    char key[64];
    three_batches(fixture);
    must_run(fixture);
    const struct processed_table *fact = table_of(fixture, "fact", "fact_item");
    const char *object = fact->objects[0].key;
    batch_log_key(3, key);
    assert_int_equal(store_remove(fixture->processed, key, &err), ERR_OK);
    must_run(fixture);
    fact = table_of(fixture, "fact", "fact_item");
    assert_int_equal(fact->delta_version, 2);
    assert_string_equal(fact->objects[0].key, object);
    assert_int_equal(fact->deleted, 1);
    ingest(fixture, (struct change){.items = item_1});
    must_run(fixture);
    expect(fixture, "mirror", "item", "item_id, price, _deleted", "1|1.00|false\n");
}

static void heartbeats_are_cheap(void **state)
{
    struct small_lake *fixture = *state;
    ingest(fixture, (struct change){.kinds = KINDS_1});
    ingest(fixture, (struct change){.kinds = NULL});
    must_run(fixture);
    assert_int_equal(table_of(fixture, "dimension", "dim_kind")->object_count, 0);
    assert_int_equal(table_of(fixture, "dimension", "dim_kind")->delta_version, 0);
    assert_int_equal(table_of(fixture, "fact", "fact_item")->column_count, 9);
}

/* --- generations --- */

static void a_changed_model_is_built_from_history(void **state)
{
    struct small_lake *fixture = *state;
    three_batches(fixture);
    must_run(fixture);
    assert_false(head(fixture)->rebuilt);
    put_model(fixture, "fact_item.sql",
              "-- kind: fact\n-- key: item_id\n"
              "select item_id, price * 2 as twice from changes.item\n");
    must_run(fixture); /* with the next batch */
    ingest(fixture, (struct change){.kinds = NULL});
    must_run(fixture);
    assert_true(head(fixture)->rebuilt);
    expect(fixture, "fact", "fact_item",
           "item_id, twice, batch_id, deleted, epoch_us(captured_at) % 100000000",
           "1|2.00|1|false|1123456\n1|4.00|2|false|2123456\n1|4.00|3|true|3123456\n2|10.00|1|false|"
           "1123456\n");
    /* the whole star goes with it, as load takes all or nothing */
    expect(fixture, "dimension", "dim_kind", "kind_id, label", "1|uno\n2|\n3|three\n");
    expect(fixture, "mirror", "item", "item_id, price", "2|5.00\n");
}

static void a_changed_clean_model_reads_the_json_again(void **state)
{
    struct small_lake *fixture = *state;
    ingest(fixture, (struct change){.kinds = KINDS_1,
                                    .items = "{\"item_id\":1,\"kind_id\":1,\"day\":\"soon\"}\n"});
    must_run(fixture);
    assert_int_equal(table_of(fixture, "fact", "fact_item")->object_count, 0);
    put_model(fixture, "clean/item.sql", "-- kind: clean\n-- check: item_id <> 13\n");
    ingest(fixture, (struct change){.kinds = NULL});
    must_run(fixture);
    expect(fixture, "fact", "fact_item", "item_id, day, batch_id", "1|soon|1\n");
}

static void columns_come_and_change(void **state)
{
    struct small_lake *fixture = *state;
    ingest(fixture, (struct change){.kinds = KINDS_1});
    must_run(fixture);
    fixture->tables[KIND].column_count = 3; /* ADD COLUMN extra */
    ingest(fixture,
           (struct change){.kinds = "{\"kind_id\":2,\"label\":\"two\",\"extra\":\"new\"}\n"});
    must_run(fixture);
    expect(fixture, "clean", "kind", "kind_id, extra", "2|new\n");
    put_model(fixture, "dim_kind.sql",
              "-- kind: dimension\n-- key: kind_id\n-- row-of: kind\n"
              "select kind_id, label, extra from source.kind\n");
    ingest(fixture, (struct change){.kinds = NULL});
    must_run(fixture);
    expect(fixture, "dimension", "dim_kind", "*", "1|one|NULL|3\n2|two|new|3\n");

    struct record_column renamed[3];
    memcpy(renamed, fixture->tables[KIND].columns, sizeof renamed);
    renamed[1].name = renamed[1].lake_name = "title"; /* RENAME COLUMN label */
    renamed[0].type = "int8";                         /* ALTER TYPE */
    fixture->tables[KIND].columns = renamed;
    put_model(fixture, "dim_kind.sql",
              "-- kind: dimension\n-- key: kind_id\n-- row-of: kind\n"
              "select kind_id, title as label, extra from source.kind\n");
    put_model(fixture, "dim_pair.sql",
              "-- kind: dimension\n-- key: item_id\nselect item_id, day from source.item\n");
    ingest(fixture,
           (struct change){.kinds = "{\"kind_id\":5,\"title\":\"five\",\"extra\":null}\n"});
    must_run(fixture);
    expect(fixture, "dimension", "dim_kind", "kind_id, label, extra",
           "1|one|NULL\n2|two|new\n5|five|NULL\n");
    assert_string_equal(table_of(fixture, "clean", "kind")->columns[0].type, "BIGINT");
}

/* A table that was dropped and made again, and one whose key is another column now: what is not
 * sent is gone. */
static void replaced_tables_leave_nothing_behind(void **state)
{
    struct small_lake *fixture = *state;
    three_batches(fixture);
    fixture->batch = 3;
    struct record_table item = fixture->tables[ITEM];
    const size_t both = fixture->table_count;
    fixture->table_count = 1; /* DROP TABLE item */
    ingest(fixture, (struct change){.kinds = NULL});
    fixture->table_count = both;
    fixture->tables[ITEM] = item;
    fixture->tables[ITEM].rows = 1;
    ingest(fixture, (struct change){.items = "{\"item_id\":5,\"kind_id\":1,\"price\":\"9.00\"}\n"});
    must_run(fixture);
    expect(fixture, "mirror", "item", "item_id, price, _deleted", "2|5.00|true\n5|9.00|false\n");
    expect(fixture, "fact", "fact_item", "item_id, deleted, batch_id", "2|true|5\n5|false|5\n");
}

/* Batches wait while the source and the models grow: each is made as it was, with nothing where it
 * knew nothing. */
static void models_may_be_ahead_of_their_batch(void **state)
{
    struct small_lake *fixture = *state;
    const size_t both = fixture->table_count;
    fixture->table_count = 1;
    ingest(fixture, (struct change){.kinds = KINDS_1});
    fixture->table_count = both;
    fixture->tables[KIND].column_count = 3;
    put_model(fixture, "dim_kind.sql",
              "-- kind: dimension\n-- key: kind_id\n-- row-of: kind\n"
              "select kind_id, label, extra from source.kind\n");
    ingest(fixture,
           (struct change){.kinds = "{\"kind_id\":2,\"label\":\"two\",\"extra\":\"new\"}\n",
                           .items = item_1});
    must_run(fixture);
    expect(fixture, "dimension", "dim_kind", "kind_id, label, extra", "2|two|new\n");
    expect(fixture, "mirror", "item", "item_id", "1\n");
    fixture->batch = 1;
    expect(fixture, "dimension", "dim_kind", "kind_id, label, extra", "1|one|NULL\n2||NULL\n");
}

/* Small files of a dimension become one; nothing is lost on the way. */
static void many_batches(void **state)
{
    struct small_lake *fixture = *state;
    for (int i = 1; i <= 120; i++)
        ingest(fixture,
               (struct change){
                   .kinds = arena_printf(
                       fixture->arena,
                       "{\"kind_id\":%d,\"label\":\"v%d\"}\n{\"kind_id\":1000,\"label\":\"v%d\"}\n",
                       i, i, i)});
    must_run(fixture);
    const struct processed_table *table = table_of(fixture, "dimension", "dim_kind");
    assert_int_equal(table->delta_version, 119);
    put_model(fixture, "dim_pair.sql",
              "-- kind: dimension\n-- key: kind_id\nselect kind_id, label from source.kind\n");
    ingest(fixture, (struct change){.kinds = "{\"kind_id\":1000,\"label\":\"last\"}\n"});
    must_run(fixture);
    expect(fixture, "dimension", "dim_kind",
           "count(*), count(distinct kind_id), max(label) filter (where kind_id = 1000), "
           "bool_and(label = 'v' || kind_id) filter (where kind_id < 1000)",
           "121|121|last|true\n");
    expect(fixture, "dimension", "dim_pair", "count(*), max(label) filter (where kind_id = 1000)",
           "121|last\n");
    assert_true(table_of(fixture, "dimension", "dim_kind")->object_count < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(history_and_deletions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dimensions_publish_differences, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_run_does_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_killed_run_is_finished, set_up, tear_down),
        cmocka_unit_test_setup_teardown(heartbeats_are_cheap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_model_is_built_from_history, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_clean_model_reads_the_json_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(columns_come_and_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(replaced_tables_leave_nothing_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(models_may_be_ahead_of_their_batch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_batches, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
