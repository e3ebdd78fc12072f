/* The message is all that an operator sees. */
#include <errno.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "lib/unit.h"

static void wrapping_puts_the_doing_in_front(void **state)
{
    struct err err = {0};
    (void)state;

    assert_int_equal(err_set(&err, ERR_WAREHOUSE, "connection %s", "refused"), ERR_WAREHOUSE);
    (void)err_hint(&err, "start it");
    assert_int_equal(err_wrap(&err, "loading '%s'", "fact"), ERR_WAREHOUSE);
    assert_string_equal(err.message, "loading 'fact': connection refused");
    assert_string_equal(err.hint, "start it");
    errno = ENOSPC;
    (void)err_sys(&err, ERR_IO, "writing");
    assert_string_equal(err.message, "writing: No space left on device");
    assert_string_equal(err.hint, "");
}

static void long_messages_are_cut_not_overrun(void **state)
{
    char word[2000];
    struct err err = {0};
    (void)state;

    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    (void)err_set(&err, ERR_IO, "%s", word);
    (void)err_wrap(&err, "%s", word);
    errno = EIO;
    (void)err_sys(&err, ERR_IO, "%s", word);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
}

static void every_code_has_its_own_exit_status(void **state)
{
    (void)state;
    for (enum err_code a = ERR_OK; a < ERR_CODE_COUNT; a++) {
        assert_non_null(err_name(a));
        assert_non_null(err_text(a));
        assert_true(err_http_status(a) >= 200);
        for (enum err_code b = a + 1; b < ERR_CODE_COUNT; b++)
            assert_int_not_equal(err_exit_status(a), err_exit_status(b));
    }
    struct err err = {0};
    (void)err_set(&err, ERR_TIMEOUT, "x");
    assert_true(err_retryable(&err));
}

static void buffers_grow_and_stay_terminated(void **state)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    (void)state;

    assert_string_equal(buf_text(&text), "");
    for (int i = 0; i < 10000; i++)
        buf_addf(&text, "%d,", i % 10);
    assert_int_equal(text.size, 20000);
    assert_int_equal(strlen(text.data), 20000);
    buf_clear(&text);
    assert_string_equal(buf_text(&text), "");
}

static void arenas_give_zeroed_aligned_memory(void **state)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    (void)state;

    for (size_t size = 1; size < 300000; size += size / 2 + 1) {
        char *memory = arena_alloc(arena, size);
        assert_int_equal((uintptr_t)memory % 16, 0);
        assert_int_equal(memory[0] | memory[size - 1], 0);
        memset(memory, 'x', size);
    }
    assert_string_equal(arena_printf(arena, "%s-%d", "a", 1), "a-1");
    assert_string_equal(arena_strndup(arena, "abc", 2), "ab");
    arena_reset(arena);
    assert_string_equal(arena_strdup(arena, "again"), "again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrapping_puts_the_doing_in_front),
        cmocka_unit_test(long_messages_are_cut_not_overrun),
        cmocka_unit_test(every_code_has_its_own_exit_status),
        cmocka_unit_test(buffers_grow_and_stay_terminated),
        cmocka_unit_test(arenas_give_zeroed_aligned_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
