#include "base/json_read.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/step_output.h"
#include "lib/unit.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct step_table tables[] = {
    {.table = "sales_order", .rows = 11187, .deleted = 2, .quarantined = 1, .bytes = 1200345},
    {.table = "staff", .rows = 20},
};
static struct step_batch batch = {.batch = 3,
                                  .captured_us = 1731681600123456,
                                  .duration_us = 140000,
                                  .tables = tables,
                                  .table_count = 2};

static struct round some_round(void)
{
    struct round round = {.steps = {
                              {.name = "ingest", .ran = true},
                              {.name = "process", .ran = true},
                              {.name = "load", .skipped = "'warehouse.url' is not set"},
                          }};

    round.steps[0].report = (struct step_report){.batches = &batch,
                                                 .batch_count = 1,
                                                 .head = 3,
                                                 .source_rows = 48066,
                                                 .table_count = 11,
                                                 .duration_us = 150000};
    round.steps[1].err =
        (struct err){.code = ERR_TRANSFORM, .message = "it broke", .hint = "mend it"};
    return round;
}

static const char *text_of(const struct round *round, bool verbose)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};

    step_output_text(round, verbose, arena, &out);
    return arena_strdup(arena, buf_text(&out));
}

static void a_round_is_a_line_a_step(void **state)
{
    struct round round = some_round();
    (void)state;

    assert_string_equal(
        text_of(&round, false),
        "ingest   batch 3   11,207 rows in 2 tables, 2 deleted, 1 quarantined   140 ms\n"
        "process  failed\n"
        "load     skipped: 'warehouse.url' is not set\n");
    const char *verbose = text_of(&round, true);
    assert_non_null(strstr(verbose, "sales_order  11,187        2            1  1.2 MB\n"));
    assert_non_null(strstr(verbose, "staff            20        0            0\n"));
}

static void nothing_to_do_is_said(void **state)
{
    struct round round = {.steps = {{.name = "ingest", .ran = true},
                                    {.name = "process", .ran = true},
                                    {.name = "load", .ran = true}}};
    (void)state;

    round.steps[0].report = (struct step_report){
        .head = 1, .source_rows = 48066, .table_count = 11, .duration_us = 30000};
    round.steps[1].report.head = 1;
    assert_string_equal(
        text_of(&round, false),
        "ingest   nothing changed since batch 1 (48,066 rows in 11 tables compared in 30 ms)\n"
        "process  up to date at batch 1\n"
        "load     nothing to do: there is no batch yet\n");
    round.steps[0].yielded = true;
    assert_true(text_starts(text_of(&round, false),
                            "ingest   batch 1 was committed by another runner meanwhile\n"));
}

static void programs_get_one_document(void **state)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    CLEANUP(json_doc_free) struct json_doc *doc = NULL;
    const struct json_value *steps, *batches, *error;
    const char *text;
    struct round round = some_round();
    struct err err;
    (void)state;

    step_output_json(&round, true, &out);
    assert_int_equal(json_parse("output", out.data, out.size, &doc, &err), ERR_OK);
    assert_int_equal(json_opt_int(json_root(doc), "schema", 0), 1);
    assert_int_equal(json_get_array(json_root(doc), "steps", &steps, &err), ERR_OK);
    assert_int_equal(json_array_count(steps), 3);
    assert_int_equal(json_get_array(json_array_at(steps, 0), "batches", &batches, &err), ERR_OK);
    assert_int_equal(json_get_text(json_array_at(batches, 0), "captured_at", &text, &err), ERR_OK);
    assert_string_equal(text, "2024-11-15T14:40:00.123456Z");
    assert_int_equal(json_opt_int(json_array_at(batches, 0), "rows", 0), 11207);
    error = json_opt(json_array_at(steps, 1), "error");
    assert_int_equal(json_get_text(error, "code", &text, &err), ERR_OK);
    assert_string_equal(text, "TRANSFORM");
    assert_non_null(json_opt_text(json_array_at(steps, 2), "skipped", NULL));
}

static void columns_are_as_wide_as_characters(void **state)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    CLEANUP(text_table_free) struct text_table *table = text_table_new(3);
    (void)state;

    text_table_right(table, 1);
    static const char *const cells[] = {"name", "n", "x", "Köln", "12", "", "☃", "3", "y"};
    for (size_t i = 0; i < COUNT_OF(cells); i++)
        text_table_cell(table, cells[i]);
    text_table_flush(table, &out);
    assert_string_equal(buf_text(&out), "name   n  x\n"
                                        "Köln  12\n"
                                        "☃      3  y\n");
    buf_clear(&out);
    text_table_cell(table, "a");
    text_table_cell(table, "1");
    text_table_cell(table, "b");
    text_table_flush(table, &out);
    assert_string_equal(buf_text(&out), "a      1  b\n");
}

static void counts_agree_with_their_nouns(void **state)
{
    (void)state;
    assert_string_equal(output_count(arena, 1, "row"), "1 row");
    assert_string_equal(output_count(arena, 0, "table"), "0 tables");
    assert_string_equal(output_count(arena, 2000, "batch"), "2,000 batches");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_is_a_line_a_step),
        cmocka_unit_test(nothing_to_do_is_said),
        cmocka_unit_test(programs_get_one_document),
        cmocka_unit_test(columns_are_as_wide_as_characters),
        cmocka_unit_test(counts_agree_with_their_nouns),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
