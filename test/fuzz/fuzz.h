/* test/fuzz/fuzz.h - a parser under fire: each fuzz_<noun>.c defines one target,
 *
 *     FUZZ(record) { … data, size … }
 *
 * which must survive any bytes: no crash, no leak, no hang, memory in proportion to the input, and
 * whatever else it asserts (what was read and written again is the same).  fuzz_main.c runs them:
 * under libFuzzer (`make fuzz`), and over the files of corpus/<noun>/ with every `make test`. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "base/buf.h"

typedef void fuzz_fn(const char *data, size_t size);

struct fuzz_target {
    const char *noun;
    fuzz_fn *run;
    struct fuzz_target *next;
};
void fuzz_register(struct fuzz_target *target);

#define FUZZ(noun)                                                             \
    static void fuzz_##noun(const char *data, size_t size);                    \
    static struct fuzz_target fuzz_target_##noun = {#noun, fuzz_##noun, NULL}; \
    __attribute__((constructor)) static void fuzz_register_##noun(void)        \
    {                                                                          \
        fuzz_register(&fuzz_target_##noun);                                    \
    }                                                                          \
    static void fuzz_##noun(const char *data, size_t size)

/* Ends the run with the place of what does not hold; stays when assert() would go. */
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))
_Noreturn void fuzz_fail(const char *condition, const char *file, int line);

/* For calls of which every outcome is fine. */
static inline void fuzz_any(enum err_code code)
{
    (void)code;
}

/* The bytes up to the next '\n' (or all), as text in the arena; moves *data and *size behind it. */
const char *fuzz_line(const char **data, size_t *size, struct arena *arena);
/* All of it as text: ends at the first zero byte, as a C string does. */
const char *fuzz_text(const char *data, size_t size, struct arena *arena);

#endif
