/* Connection strings: whatever they look like, a password that libpq would take from them is shown
 * nowhere.  The first line is a password, the rest a URL as it comes. */
#include <ctype.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "config/url_secret.h"
#include "fuzz/fuzz.h"

/* Shorter ones are not replaced in messages, and a mask or a word of the URL is no leak. */
static bool can_leak(const char *password)
{
    return strlen(password) >= 4 && !strstr("postgresql://reader:***@host/db", password) &&
           !strstr("host=h password=*** user=reader", password) && !strchr(password, '*');
}

static void check_hidden(const char *url, const char *password, struct arena *arena)
{
    FUZZ_CHECK(url_secret_register(url));
    FUZZ_CHECK(!strstr(redact_url(arena, url), password));
    const char *said = arena_printf(arena, "connection to \"%s\" failed: %s", url, password);
    FUZZ_CHECK(!strstr(redact_copy(arena, said), password));
    redact_clear();
    FUZZ_CHECK(!strstr(redact_url(arena, url), password));
}

static const char *conninfo_quoted(const char *text, struct arena *arena)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};

    buf_add_char(&out, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            buf_add_char(&out, '\\');
        buf_add_char(&out, *text);
    }
    buf_add_char(&out, '\'');
    return arena_strdup(arena, buf_text(&out));
}

FUZZ(url)
{
    CLEANUP(arena_free) struct arena *arena = arena_new((size_t)64 << 20);
    const char *password = fuzz_line(&data, &size, arena);
    const char *url = fuzz_text(data, size, arena);

    if (can_leak(password)) {
        char *encoded = arena_alloc(arena, 3 * strlen(password) + 1);
        text_percent_encode(password, encoded, 3 * strlen(password) + 1);
        check_hidden(arena_printf(arena, "postgresql://reader:%s@host/db", encoded), encoded,
                     arena);
        check_hidden(
            arena_printf(arena, "host=h password=%s user=reader", conninfo_quoted(password, arena)),
            password, arena);
        /* not encoded, as far as libpq takes it */
        if (!strpbrk(password, " '=@/"))
            check_hidden(arena_printf(arena, "postgresql://reader:%s@host/db", password), password,
                         arena);
    }
    (void)url_secret_register(url);
    url_secret_register_stray(url);
    (void)redact_url(arena, url);
    (void)redact_copy(arena, url);
}
