/* Small values: durations, sizes, options, times, numbers, names.  One value on each line. */
#include <string.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "base/text.h"
#include "config/option.h"
#include "fuzz/fuzz.h"
#include "pipeline/record_json.h"
#include "pipeline/types.h"

static void check_number(const char *text)
{
    int64_t number = 0;
    uint64_t natural = 0;
    struct err err = {0};

    (void)text_to_i64(text, &number);
    (void)text_to_u64(text, &natural);
    if (duration_parse(text, &number, &err) == ERR_OK)
        FUZZ_CHECK(number >= 0);
    if (size_parse(text, &number, &err) == ERR_OK)
        FUZZ_CHECK(number >= 0);
    for (int i = 0; i < OPTION_COUNT; i++) {
        err = (struct err){0};
        enum err_code code = option_check((enum option)i, text, &number, &err);
        FUZZ_CHECK(code == ERR_OK || (code == ERR_CONFIG && err.message[0]));
    }
}

static void check_time(const char *text)
{
    int64_t at_us = 0, again_us = 0;
    char shown[CLOCK_TEXT_MAX];
    struct err err = {0};

    if (clock_parse(text, &at_us, &err) != ERR_OK)
        return;
    clock_format(at_us, shown);
    FUZZ_CHECK(clock_parse(shown, &again_us, &err) == ERR_OK && again_us == at_us);
    clock_format_compact(at_us, shown);
    clock_format_duration(at_us, shown);
}

static void check_name(const char *text, struct arena *arena)
{
    static const char *const candidates[] = {"source", "lake", "warehouse"};
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    size_t size = strlen(text);
    char *encoded = arena_alloc(arena, 3 * size + 1);

    text_percent_encode(text, encoded, 3 * size + 1);
    FUZZ_CHECK(text_is_utf8(encoded, strlen(encoded)));
    (void)text_closest(text, candidates, COUNT_OF(candidates));
    (void)record_key_is_valid(text);
    json_quote(&out, text, size);
    FUZZ_CHECK(text_is_utf8(out.data, out.size));
    (void)type_json_form(text);
    type_lake(text, (int)size - 1, &out);
    (void)type_warehouse(text);
}

FUZZ(value)
{
    while (size > 0) {
        CLEANUP(arena_free) struct arena *arena = arena_new((size_t)64 << 20);
        const char *text = fuzz_line(&data, &size, arena);
        check_number(text);
        check_time(text);
        check_name(text, arena);
    }
}
