/* Alarms stand on these lines: a metric that is missing or misnamed never fires. */
#include <string.h>

#include "lambda/emf.h"
#include "lambda/runtime.h"
#include "lib/unit.h"

static void the_line_says_what_the_metrics_are(void **state)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    CLEANUP_IN_PLACE(buf_release) struct buf line = {0};
    struct step_report report = {.arena = arena, .head = 8, .head_captured_us = 990000000};
    struct emf emf = {.environment = "prod",
                      .step = "process",
                      .request_id = "r-1",
                      .is_step = true,
                      .errors = 3,
                      .duration_us = 1500};
    (void)state;

    for (uint64_t batch = 7; batch <= 8; batch++) {
        struct step_batch *added = step_report_add(&report, batch, 990000000);
        for (int i = 0; i < 2; i++) {
            struct step_table *table = step_batch_add(&report, added, "fact");
            table->rows = 10;
            table->deleted = 2;
            table->quarantined = 1;
        }
    }
    emf.report = report;
    emf_print(&emf, arena, 1000500000, &line);
    assert_string_equal(
        buf_text(&line),
        "{\"_aws\":{\"Timestamp\":1000500,\"CloudWatchMetrics\":[{\"Namespace\":\"tote\","
        "\"Dimensions\":[[\"environment\",\"step\"]],\"Metrics\":["
        "{\"Name\":\"freshness_seconds\",\"Unit\":\"Seconds\"},"
        "{\"Name\":\"batches\",\"Unit\":\"Count\"},{\"Name\":\"rows\",\"Unit\":\"Count\"},"
        "{\"Name\":\"deleted\",\"Unit\":\"Count\"},{\"Name\":\"quarantined\",\"Unit\":\"Count\"},"
        "{\"Name\":\"duration_ms\",\"Unit\":\"Milliseconds\"},"
        "{\"Name\":\"errors\",\"Unit\":\"Count\"}]}]},"
        "\"environment\":\"prod\",\"step\":\"process\",\"request_id\":\"r-1\","
        "\"freshness_seconds\":10.5,\"batches\":2,\"rows\":40,\"deleted\":8,\"quarantined\":4,"
        "\"duration_ms\":1.5,\"errors\":3}\n");
}

/* No batch at all: saying "0 seconds old" would silence the alarm. */
static void unknown_freshness_is_not_said(void **state)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    CLEANUP_IN_PLACE(buf_release) struct buf line = {0};
    struct emf emf = {.environment = "dev", .step = "ingest", .is_step = true, .errors = 1};
    (void)state;

    emf_print(&emf, arena, 1000500000, &line);
    assert_null(strstr(buf_text(&line), "freshness"));
    assert_non_null(strstr(buf_text(&line), "\"rows\":0"));
    assert_non_null(strstr(buf_text(&line), "\"errors\":1"));
}

/* doctor and publish have no batches to speak of. */
static void what_is_no_step_says_errors_and_duration(void **state)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    CLEANUP_IN_PLACE(buf_release) struct buf line = {0};
    struct emf emf = {.environment = "dev", .step = "doctor", .duration_us = 2000000};
    (void)state;

    emf_print(&emf, arena, 1000500000, &line);
    assert_non_null(
        strstr(buf_text(&line), "\"step\":\"doctor\",\"errors\":0,\"duration_ms\":2000}\n"));
    assert_null(strstr(buf_text(&line), "rows"));
}

static void errors_are_lambdas_json_with_our_codes(void **state)
{
    CLEANUP_IN_PLACE(buf_release) struct buf json = {0};
    struct err err;
    (void)state;

    (void)err_set(&err, ERR_DENIED, "bucket \"x\": no");
    (void)err_hint(&err, "grant it");
    runtime_error_json(&err, &json);
    assert_string_equal(buf_text(&json),
                        "{\"errorType\":\"DENIED\",\"errorMessage\":\"bucket \\\"x\\\": no; hint: "
                        "grant it\",\"stackTrace\":[]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_says_what_the_metrics_are),
        cmocka_unit_test(unknown_freshness_is_not_said),
        cmocka_unit_test(what_is_no_step_says_errors_and_duration),
        cmocka_unit_test(errors_are_lambdas_json_with_our_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
