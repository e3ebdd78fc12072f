#include <inttypes.h>
#include <stdio.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/json_write.h"
#include "base/log.h"
#include "lambda/handlers.h"

enum {
    CONFLICT_TRIES = 3,
    SHOWN_BATCHES = 1000 /* an answer may have 6 MB */
};

/* What is to be told about one invocation. */
struct outcome {
    const struct step_kind *kind;
    struct event *event;
    struct step_report report;
    bool more; /* out of time with some batches done */
    size_t failed_messages;
};

static void json_batch(struct json_writer *json, const struct step_batch *batch)
{
    uint64_t rows = 0, deleted = 0, quarantined = 0;

    for (size_t i = 0; i < batch->table_count; i++) {
        rows += batch->tables[i].rows;
        deleted += batch->tables[i].deleted;
        quarantined += batch->tables[i].quarantined;
    }
    json_object_begin(json, NULL);
    json_uint(json, "batch", batch->batch);
    json_time(json, "captured_at", batch->captured_us);
    json_uint(json, "rows", rows);
    json_uint(json, "deleted", deleted);
    json_uint(json, "quarantined", quarantined);
    json_object_end(json);
}

static void write_answer(const struct outcome *outcome, struct buf *answer)
{
    const struct step_report *report = &outcome->report;
    const struct event *event = outcome->event;
    size_t first = report->batch_count > SHOWN_BATCHES ? report->batch_count - SHOWN_BATCHES : 0;
    struct json_writer json;

    json_begin(&json, answer, false);
    json_object_begin(&json, NULL);
    json_text(&json, "step", outcome->kind->name);
    json_array_begin(&json, "batches");
    for (size_t i = first; i < report->batch_count; i++)
        json_batch(&json, &report->batches[i]);
    json_array_end(&json);
    json_uint(&json, "head", report->head);
    json_time(&json, "captured_at", report->head_captured_us);
    json_bool(&json, "more", outcome->more);
    if (report->models_changed)
        json_bool(&json, "models_changed", true);
    if (event->kind == EVENT_QUEUE) {
        json_array_begin(&json, "batchItemFailures");
        for (size_t i = 0; i < event->message_count; i++) {
            if (!event->messages[i].err.code)
                continue;
            json_object_begin(&json, NULL);
            json_text(&json, "itemIdentifier", event->messages[i].id);
            json_object_end(&json);
        }
        json_array_end(&json);
    }
    json_object_end(&json);
}

/* Somebody else was quicker: look again at what is missing, as long as the log grows by it. */
static enum err_code run(struct lambda_call *call, struct outcome *outcome, struct err *err)
{
    enum err_code code = ERR_CONFLICT;
    uint64_t head = 0;

    for (int tries = 0; tries < CONFLICT_TRIES && code == ERR_CONFLICT; tries++) {
        outcome->report = (struct step_report){.arena = call->arena};
        code = outcome->kind->run(call, &outcome->report, err);
        if (outcome->report.head > head) {
            head = outcome->report.head;
            tries = 0;
        }
    }
    if (!code || !cancel_deadline_passed())
        return code;
    outcome->more = outcome->report.batch_count > 0;
    if (outcome->more) {
        log_warn("out of time after batch %" PRIu64 ": the next invocation goes on",
                 outcome->report.head);
        return ERR_OK;
    }
    if (code == ERR_CANCELLED) {
        err->code = ERR_TIMEOUT;
        (void)err_wrap(err, "'%s' was not done within the function's time limit",
                       outcome->kind->name);
        (void)err_hint(err, "%s", outcome->kind->too_slow);
    }
    return err->code;
}

static bool has_good_message(const struct event *event)
{
    for (size_t i = 0; i < event->message_count; i++)
        if (!event->messages[i].err.code)
            return true;
    return false;
}

/* A message is done with when its batch is; `failure` is what the step ended with, or NULL. */
static void judge_messages(struct outcome *outcome, const struct err *failure,
                           struct lambda_call *call)
{
    for (size_t i = 0; i < outcome->event->message_count; i++) {
        struct event_message *message = &outcome->event->messages[i];
        if (message->err.code) {
            log_error(&message->err);
            call->metrics->errors++;
        } else if (message->batch > outcome->report.head && failure) {
            message->err = *failure;
        } else if (message->batch > outcome->report.head && outcome->more) {
            (void)err_set(&message->err, ERR_TIMEOUT,
                          "batch %" PRIu64 " was announced, but time was up at batch %" PRIu64,
                          message->batch, outcome->report.head);
        } else if (message->batch > outcome->report.head) {
            (void)err_set(&message->err, ERR_NOT_FOUND,
                          "batch %" PRIu64 " was announced, but bucket '%s' ends at %" PRIu64,
                          message->batch, message->bucket, outcome->report.head);
            log_error(&message->err);
            call->metrics->errors++;
        }
        outcome->failed_messages += message->err.code != ERR_OK;
    }
}

enum err_code handle_step(struct lambda_call *call, const struct step_kind *kind, struct err *err)
{
    struct event *event = call->event;
    struct outcome outcome = {.kind = kind, .event = event, .report = {.arena = call->arena}};
    struct err failure = {0};

    event_check_store(event, config_text(app_config(call->app), kind->announced));
    if (event->kind == EVENT_OBJECT && event->messages[0].err.code) {
        *err = event->messages[0].err;
        return err->code;
    }
    /* Nothing but poison: there is no reason to look. */
    if (event->kind != EVENT_QUEUE || has_good_message(event))
        failure.code = run(call, &outcome, &failure);
    call->metrics->is_step = true;
    call->metrics->report = outcome.report;
    judge_messages(&outcome, failure.code ? &failure : NULL, call);
    bool partly = event->kind == EVENT_QUEUE && outcome.failed_messages < event->message_count;
    if (failure.code && !partly) {
        *err = failure;
        return err->code;
    }
    if (failure.code) {
        log_error(&failure);
        call->metrics->errors++;
    }
    if (event->kind == EVENT_OBJECT && outcome.failed_messages) {
        *err = event->messages[0].err;
        return err->code;
    }
    if (outcome.report.models_changed)
        log_info("the models changed: they take effect with the next batch");
    write_answer(&outcome, call->answer);
    return ERR_OK;
}
