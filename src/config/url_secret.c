#include "config/url_secret.h"

#include <ctype.h>
#include <strings.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"

static bool register_part(const char *text, size_t size)
{
    CLEANUP_IN_PLACE(buf_release) struct buf secret = {0};

    buf_add(&secret, text, size);
    redact_register(buf_text(&secret));
    return size > 0;
}

static bool is_password(const char *name, size_t size)
{
    static const char *const names[] = {"password", "sslpassword"};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i]) == size && strncasecmp(names[i], name, size) == 0)
            return true;
    return false;
}

static bool register_query(const char *query)
{
    bool found = false;

    while (*query) {
        size_t size = strcspn(query, "&"), name = strcspn(query, "=&");
        if (name < size && is_password(query, name))
            found = register_part(query + name + 1, size - name - 1) || found;
        query += size + (query[size] == '&');
    }
    return found;
}

/* An unencoded '@' or '/' in a password makes it ambiguous where it ends: every reading counts. */
static bool register_uri(const char *rest)
{
    const char *colon = strchr(rest, ':');
    const char *query = strrchr(rest, '?');
    bool found = false;

    if (colon)
        for (const char *at = strchr(colon, '@'); at; at = strchr(at + 1, '@'))
            found = register_part(colon + 1, (size_t)(at - colon - 1)) || found;
    return (query && register_query(query + 1)) || found;
}

/* libpq, "Keyword/Value Connection Strings": values may be quoted, '\' takes the next byte as is.
 */
static bool register_conninfo(const char *at)
{
    bool found = false;

    while (*(at += strspn(at, " \t\r\n"))) {
        CLEANUP_IN_PLACE(buf_release) struct buf value = {0};
        const char *name = at;
        size_t size = strcspn(at, "= \t\r\n");
        at += size;
        at += strspn(at, " \t\r\n");
        if (*at != '=')
            return found;
        at++;
        at += strspn(at, " \t\r\n");
        bool quoted = *at == '\'';
        at += quoted;
        for (; *at && (quoted ? *at != '\'' : !isspace((unsigned char)*at)); at++) {
            if (*at == '\\' && at[1])
                at++;
            buf_add_char(&value, *at);
        }
        at += quoted && *at;
        if (is_password(name, size) && value.size)
            found = register_part(value.data, value.size) || found;
    }
    return found;
}

bool url_secret_register(const char *url)
{
    const char *scheme_end = strstr(url, "://");

    if (scheme_end && strcspn(url, "= '") > (size_t)(scheme_end - url))
        return register_uri(scheme_end + 3);
    /* A URI whose scheme is misspelt or missing is refused later, and must not be shown either. */
    if (!text_starts(url, "duckdb:") && url[strcspn(url, "=@")] == '@')
        return register_uri(url);
    return register_conninfo(url);
}

void url_secret_register_stray(const char *text)
{
    for (const char *at = strstr(text, "://"); at; at = strstr(at + 3, "://"))
        (void)register_uri(at + 3);
}
