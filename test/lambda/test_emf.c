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
    struct emf emf = {.environment = "prod", .step = "process", .request_id = "r-1"};
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
    emf_count(&emf, &report);
    emf.duration_us = 1500;
    emf_print(&emf, 1000500000, &line);
    assert_string_equal(
        buf_text(&line),
        "{\"_aws\":{\"Timestamp\":1000500,\"CloudWatchMetrics\":[{\"Namespace\":\"tote\","
        "\"Dimensions\":[[\"environment\",\"step\"]],\"Metrics\":["
        "{\"Name\":\"rows\",\"Unit\":\"Count\"},{\"Name\":\"deleted\",\"Unit\":\"Count\"},"
        "{\"Name\":\"quarantined\",\"Unit\":\"Count\"},{\"Name\":\"batches\",\"Unit\":\"Count\"},"
        "{\"Name\":\"errors\",\"Unit\":\"Count\"},{\"Name\":\"duration_ms\",\"Unit\":"
        "\"Milliseconds\"},{\"Name\":\"freshness_seconds\",\"Unit\":\"Seconds\"}]}]},"
        "\"environment\":\"prod\",\"step\":\"process\",\"request_id\":\"r-1\",\"rows\":40,"
        "\"deleted\":8,\"quarantined\":4,\"batches\":2,\"errors\":0,\"duration_ms\":1.5,"
        "\"freshness_seconds\":10.5}\n");
}

/* No batch at all: saying "0 seconds old" would silence the alarm. */
static void unknown_freshness_is_not_said(void **state)
{
    CLEANUP_IN_PLACE(buf_release) struct buf line = {0};
    struct step_report report = {0};
    struct emf emf = {.environment = "dev", .step = "ingest", .errors = 1};
    (void)state;

    emf_count(&emf, &report);
    emf_print(&emf, 1000500000, &line);
    assert_null(strstr(buf_text(&line), "freshness"));
    assert_non_null(strstr(buf_text(&line), "\"rows\":0"));
    assert_non_null(strstr(buf_text(&line), "\"errors\":1"));
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
        cmocka_unit_test(errors_are_lambdas_json_with_our_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
