/* app/openlineage.h - what a step reads and writes, as OpenLineage events (openlineage.io, spec
 * 2-0-2): START when it begins; COMPLETE, FAIL or ABORT when it ends.  One JSON document a line is
 * appended to telemetry.openlineage by one write, so that several processes may share a file and
 * whoever rotates it needs no signal.
 *
 * A run is one call of a step.  COMPLETE of a run that did a batch names its datasets with their
 * columns: tables of the source, of the lake, of the warehouse.  A run that found nothing names
 * none. */
#ifndef APP_OPENLINEAGE_H
#define APP_OPENLINEAGE_H

#include "app/telemetry.h"

CHECKED enum err_code openlineage_begin(const struct telemetry_run *run, struct err *err);
CHECKED enum err_code openlineage_end(const struct telemetry_run *run,
                                      const struct step_report *report, enum err_code code,
                                      const struct err *step_err, struct err *err);

#endif
