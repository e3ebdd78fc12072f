/* lambda/emf.h - metrics as CloudWatch takes them out of a log line: the embedded metric format.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 *
 * One line for each invocation, namespace `tote`, dimensions environment and step; also when
 * nothing changed, so that missing data means that nobody ran. */
#ifndef LAMBDA_EMF_H
#define LAMBDA_EMF_H

#include "base/buf.h"
#include "pipeline/step.h"

/* What one invocation measured. */
struct emf {
    const char *environment;
    const char *step;
    const char *request_id;
    bool has_counts; /* a step of the pipeline: rows, deleted, quarantined, batches */
    uint64_t rows;
    uint64_t deleted;
    uint64_t quarantined;
    uint64_t batches;
    uint64_t errors;
    int64_t duration_us;
    int64_t newest_us; /* captured_at of the newest batch done; 0: unknown, and not said */
};

/* Adds up what the report's batches hold. */
void emf_count(struct emf *emf, const struct step_report *report);
/* Appends the line with its newline. */
void emf_print(const struct emf *emf, int64_t now_us, struct buf *out);

#endif
