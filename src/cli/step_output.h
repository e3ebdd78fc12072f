/* cli/step_output.h - what a round did, for people and for programs. */
#ifndef CLI_STEP_OUTPUT_H
#define CLI_STEP_OUTPUT_H

#include "app/round.h"
#include "base/json_write.h"

void step_output_text(const struct round *round, bool verbose, struct arena *arena,
                      struct buf *out);
/* The member "steps" of a document that has more to say. */
void step_output_members(const struct round *round, struct json_writer *json);
void step_output_json(const struct round *round, bool indent, struct buf *out);

#endif
