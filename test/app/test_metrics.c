/* If these fail, a dashboard shows wrong numbers under right names, or Prometheus throws the whole
 * scrape away. */
#include "app/metrics.h"
#include "base/text.h"
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

static double value_of(const struct metric_set *set, enum metric metric)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->samples[i].metric == metric)
            return metric_emf_value(&set->samples[i]);
    fail_msg("no sample of metric %d", (int)metric);
    return 0;
}

static void a_run_is_summed_over_batches_and_tables(void **state)
{
    (void)state;
    struct step_report report = {.arena = arena};
    for (uint64_t number = 1; number <= 2; number++) {
        struct step_batch *batch = step_report_add(&report, number, 1000000);
        for (int i = 0; i < 2; i++)
            *step_batch_add(&report, batch, i ? "staff" : "design") = (struct step_table){
                .table = "t", .rows = 10 * number, .deleted = 1, .quarantined = number};
    }
    report.head = 2;
    report.head_captured_us = 1000000;
    report.duration_us = 1500000;
    struct metric_set set = {.arena = arena};

    metrics_of_run("ingest", &report, ERR_OK, 4000000, &set);
    assert_int_equal((int)value_of(&set, METRIC_ROWS), 60);
    assert_int_equal((int)value_of(&set, METRIC_DELETED), 4);
    assert_int_equal((int)value_of(&set, METRIC_QUARANTINED), 6);
    assert_int_equal((int)value_of(&set, METRIC_BATCHES), 2);
    assert_int_equal((int)value_of(&set, METRIC_FRESHNESS), 3);
    assert_int_equal((int)value_of(&set, METRIC_DURATION), 1500); /* milliseconds there */
    assert_int_equal((int)value_of(&set, METRIC_ERRORS), 0);
    for (size_t i = 0; i < set.count; i++)
        assert_non_null(metric_info(set.samples[i].metric)->emf);
}

static void a_run_that_failed_before_the_first_batch_has_no_freshness(void **state)
{
    (void)state;
    struct step_report report = {.arena = arena};
    struct metric_set set = {.arena = arena};

    metrics_of_run("load", &report, ERR_WAREHOUSE, 4000000, &set);
    assert_int_equal((int)value_of(&set, METRIC_ERRORS), 1);
    for (size_t i = 0; i < set.count; i++)
        assert_int_not_equal(set.samples[i].metric, METRIC_FRESHNESS);
}

static void the_text_format_groups_and_escapes(void **state)
{
    (void)state;
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    struct metric_set set = {.arena = arena};

    for (int i = 0; i < 100; i++) /* more than the set begins with */
        metric_add(&set, METRIC_SOURCE_ROWS, NULL, "a\\b\"c\nd", i);
    metric_add(&set, METRIC_FRESHNESS, "ingest", NULL, 0.25);
    metric_add(&set, METRIC_FRESHNESS, "process", NULL, 12e9);
    metric_add(&set, METRIC_WAREHOUSE_UP, NULL, NULL, 1);
    metric_add(&set, METRIC_ERRORS, "load", NULL, 1); /* not for Prometheus */
    metrics_print_prometheus(&set, &out);
    const char *text = buf_text(&out);
    assert_non_null(strstr(text, "# TYPE tote_freshness_seconds gauge\n"
                                 "tote_freshness_seconds{step=\"ingest\"} 0.250000\n"
                                 "tote_freshness_seconds{step=\"process\"} 12000000000\n"));
    assert_non_null(strstr(text, "tote_source_rows{table=\"a\\\\b\\\"c\\nd\"} 99\n"));
    assert_non_null(strstr(text, "\ntote_warehouse_up 1\n"));
    assert_null(strstr(text, "(null)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_is_summed_over_batches_and_tables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_that_failed_before_the_first_batch_has_no_freshness,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_text_format_groups_and_escapes, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
