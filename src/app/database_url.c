#include "app/database_url.h"

#include "base/log.h"
#include "base/text.h"
#include "config/url_secret.h"

static const char marker[] = "iam=yes";

/* The marker among the parameters of a URI, or NULL. */
static const char *find_marker(const char *url)
{
    const char *query =
        text_starts(url, "postgres") && strstr(url, "://") ? strchr(url, '?') : NULL;

    for (const char *at = query; at; at = strchr(at + 1, '&'))
        if (text_starts(at + 1, marker) && (!at[sizeof marker] || at[sizeof marker] == '&'))
            return at + 1;
    return NULL;
}

bool database_url_is_plain(const char *url)
{
    return !aws_is_reference(url) && !find_marker(url);
}

static const char *decoded(struct arena *arena, const char *text, size_t size)
{
    char *out = arena_alloc(arena, size + 1), *to = out;

    for (size_t i = 0; i < size; i++) {
        int high = text[i] == '%' && i + 2 < size ? text_hex_value(text[i + 1]) : -1;
        int low = high >= 0 ? text_hex_value(text[i + 2]) : -1;
        *to++ = low >= 0 ? (char)(high * 16 + low) : text[i];
        i += low >= 0 ? 2 : 0;
    }
    return out;
}

/* postgresql://user@host[:port]/database?… */
static enum err_code read_login(const char *url, struct arena *arena, struct aws_rds_login *login,
                                const char **ret_rest, struct err *err)
{
    const char *authority = strstr(url, "://") + 3;
    size_t size = strcspn(authority, "/?");
    const char *at = memchr(authority, '@', size);
    size_t user = at ? (size_t)(at - authority) : 0;

    if (!user || memchr(authority, ':', user) || memchr(authority, ',', size) || user + 1 == size) {
        (void)err_set(err, ERR_CONFIG,
                      "an address with iam=yes needs a user without password, and one host");
        return err_hint(err, "write postgresql://user@host:5432/database?iam=yes");
    }
    const char *host = at + 1;
    size_t host_size = strcspn(host, ":/?");
    login->user = decoded(arena, authority, user);
    login->host = arena_strndup(arena, host, host_size);
    login->port = host[host_size] == ':' ? arena_strndup(arena, host + host_size + 1,
                                                         strspn(host + host_size + 1, "0123456789"))
                                         : "5432";
    *ret_rest = at;
    return ERR_OK;
}

/* The URI with the token as its password and without the marker; TLS is required, as the token must
 * not be seen. */
static enum err_code with_token(struct aws *aws, const char *url, struct arena *arena,
                                const char **ret_url, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    const char *found = find_marker(url), *rest = url, *token = NULL;
    struct aws_rds_login login;

    TRY(read_login(url, arena, &login, &rest, err));
    TRY(aws_rds_token(aws, &login, arena, &token, err));
    buf_add(&out, url, (size_t)(rest - url));
    buf_add_char(&out, ':');
    size_t begin = out.size;
    sigv4_encode(&out, token, false);
    redact_register(out.data + begin);
    buf_add(&out, rest, (size_t)(found - rest));
    buf_add_text(&out, strstr(url, "sslmode=") ? "application_name=tote" : "sslmode=require");
    buf_add_text(&out, found + sizeof marker - 1);
    *ret_url = arena_strdup(arena, out.data);
    return ERR_OK;
}

enum err_code database_url_resolve(struct aws *aws, const char *url, struct arena *arena,
                                   const char **ret_url, struct err *err)
{
    if (aws_is_reference(url)) {
        TRY(aws_secret_resolve(aws, url, arena, &url, err));
        (void)url_secret_register(url);
    }
    if (find_marker(url))
        TRY(with_token(aws, url, arena, &url, err));
    *ret_url = url;
    return ERR_OK;
}
