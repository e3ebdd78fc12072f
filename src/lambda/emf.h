/* lambda/emf.h - metrics as CloudWatch takes them out of a log line: the embedded metric format.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 *
 * One line for each invocation, namespace `tote`, dimensions environment and step; also when
 * nothing changed, so that missing data means that nobody ran.  Names and units are those of
 * app/metrics.def. */
#ifndef LAMBDA_EMF_H
#define LAMBDA_EMF_H

#include "base/buf.h"
#include "pipeline/step.h"

/* What one invocation measured. */
struct emf {
    const char *environment;
    const char *step;
    const char *request_id; /* or NULL */
    bool is_step;           /* of the pipeline: `report` says what it did */
    struct step_report report;
    uint64_t errors;
    int64_t duration_us;
};

/* Appends the line with its newline. */
void emf_print(const struct emf *emf, struct arena *arena, int64_t now_us, struct buf *out);

#endif
