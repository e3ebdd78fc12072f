/* test/lib/unit.h - cmocka, with the headers that it wants to see before itself. Every unit test
 * includes this one instead of <cmocka.h>, which the formatter would sort to the front. */
#ifndef LIB_UNIT_H
#define LIB_UNIT_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#endif
