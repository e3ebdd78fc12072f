/* test/lib/store_contract.h - what store/store.h promises, run against every driver.
 *
 * A driver's test fills in a maker and calls store_contract_run() from its main. */
#ifndef LIB_STORE_CONTRACT_H
#define LIB_STORE_CONTRACT_H

#include "base/mem.h"
#include "store/store.h"

struct store_contract {
    const char *name;
    /* A new, empty store each time; its address in the arena.  Fails the test when it cannot. */
    const char *(*make)(struct arena *arena);
    /* The server looks at If-Match and then puts, not at once as S3 does: two may replace one. */
    bool replaces_in_two_steps;
    /* Likewise with If-None-Match: on a busy machine two may put one key. */
    bool puts_in_two_steps;
};

/* The number of tests that failed, for main() to return. */
int store_contract_run(const struct store_contract *contract);

#endif
