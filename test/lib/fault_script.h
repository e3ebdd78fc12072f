/* test/lib/fault_script.h - a fault_server.py of this test's own, told what to do. */
#ifndef LIB_FAULT_SCRIPT_H
#define LIB_FAULT_SCRIPT_H

#include "base/mem.h"

/* Starts the server; its address.  It ends with the test program. */
const char *fault_server_start(void);
/* A new script: `upstream` (or NULL) and rules as JSON without their brackets ("{\"match\": …},
 * {…}"). */
void fault_script(const char *upstream, const char *rules);
/* What the server has seen since, one request a line. */
const char *fault_log(struct arena *arena);
/* How many lines of that hold the text. */
unsigned fault_count(const char *text);

#endif
