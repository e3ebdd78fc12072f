/* app/otlp.h - spans of a step, sent to an OpenTelemetry collector by OTLP/HTTP in JSON
 * (opentelemetry.io, "OTLP Specification", JSON Protobuf Encoding).
 *
 * A trace is a batch: its id is made from the lake's identity and the number of the batch, so that
 * ingest, process and load join one trace though they may run in different processes.  Spans are
 * the steps and, below them, their tables; the step's ids are made likewise: process and load hang
 * below ingest.  A run without a batch sends nothing, unless it failed. */
#ifndef APP_OTLP_H
#define APP_OTLP_H

#include "app/telemetry.h"

/* Ends within TELEMETRY_TIMEOUT_US. */
CHECKED enum err_code otlp_export(const struct telemetry_run *run, const struct step_report *report,
                                  enum err_code code, const struct err *step_err, struct err *err);

#endif
