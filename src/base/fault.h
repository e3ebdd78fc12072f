/* base/fault.h - faults on demand, for tests.
 *
 * TOTE_FAULT=<kind>:<action>:<n> in the environment makes the n-th operation of that kind (counted
 * over the whole process) fail or kill the process with SIGKILL before (kill) or after (kill-after)
 * it is carried out: TOTE_FAULT=store:fail:3, TOTE_FAULT=pg:kill:7.  TOTE_FAULT_COUNT=<path>
 * appends how many of each kind there were when the program ends.  Kinds: store, pg, duck, file.
 * Compiled to nothing without -DTOTE_FAULTS. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include "base/err.h"

#ifdef TOTE_FAULTS
CHECKED enum err_code fault_before(const char *kind, const char *what, struct err *err);
void fault_after(const char *kind);
#else
static inline enum err_code fault_before(const char *kind, const char *what, struct err *err)
{
    (void)kind, (void)what, (void)err;
    return ERR_OK;
}
static inline void fault_after(const char *kind)
{
    (void)kind;
}
#endif

#endif
