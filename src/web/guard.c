#include "web/guard.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/digest.h"
#include "base/text.h"

/* "host:port" and "[host]:port" in two; false when it is neither. */
static bool split(const char *text, char ret_host[static GUARD_NAME_MAX], const char **ret_port)
{
    const char *colon = strrchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : 0;

    if (!colon || size >= GUARD_NAME_MAX)
        return false;
    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    } else if (memchr(text, ':', size)) {
        return false;
    }
    memcpy(ret_host, text, size);
    ret_host[size] = '\0';
    *ret_port = colon + 1;
    return true;
}

static bool is_local(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return ntohl(in.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof in6);
    return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

static enum err_code resolve(const char *text, struct guard *guard, struct err *err)
{
    const struct addrinfo wanted = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                    .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char host[GUARD_NAME_MAX];
    const char *port_text;
    int64_t port;

    if (!split(text, host, &port_text) || !text_to_i64(port_text, &port) || port < 0 ||
        port > 65535) {
        err_set(err, ERR_CONFIG, "'serve.listen': '%.80s' is no address", text);
        return err_hint(err, "expected ADDRESS:PORT, as 127.0.0.1:8080 or [::1]:8080");
    }
    int failed = getaddrinfo(*host ? host : NULL, port_text, &wanted, &found);
    if (failed)
        return err_set(err, ERR_CONFIG, "'serve.listen': '%.80s': %s", text, gai_strerror(failed));
    memcpy(&guard->address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    guard->port = (unsigned)port;
    guard->local = is_local(&guard->address);
    (void)snprintf(guard->shown, sizeof guard->shown, "%s", text);
    return ERR_OK;
}

static enum err_code check_token(const struct guard *guard, struct err *err)
{
    if (!guard->token)
        return ERR_OK;
    if (strlen(guard->token) < GUARD_TOKEN_LEAST)
        return err_set(err, ERR_CONFIG, "'serve.token' is shorter than %d characters",
                       GUARD_TOKEN_LEAST);
    for (const char *at = guard->token; *at; at++)
        if (*at <= ' ' || *at > '~')
            return err_set(err, ERR_CONFIG, "'serve.token' holds a blank or no ASCII character");
    return ERR_OK;
}

enum err_code guard_init(const struct config *config, const char *listen, struct guard *ret_guard,
                         struct err *err)
{
    struct guard guard = {
        .token = config_text(config, OPTION_SERVE_TOKEN),
        .trusted_header = config_text(config, OPTION_SERVE_TRUSTED_HEADER),
        .hosts = config_list(config, OPTION_SERVE_HOSTS),
    };

    TRY(resolve(listen ? listen : config_text(config, OPTION_SERVE_LISTEN), &guard, err));
    TRY(check_token(&guard, err));
    if (!guard.local && !guard.token && !guard.trusted_header) {
        err_set(err, ERR_CONFIG, "'%s' can be reached by others, and nothing would keep them out",
                guard.shown);
        return err_hint(err, "set serve.token, or serve.trusted_header where a proxy lets readers "
                             "in, or listen on 127.0.0.1");
    }
    if (guard.token) {
        CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
        buf_addf(&text, "tote dashboard cookie %s", guard.token);
        sha256_of(text.data, text.size, guard.cookie);
    }
    *ret_guard = guard;
    return ERR_OK;
}

/* The header's name without its port. */
static bool host_name(const char *host, char ret_name[static GUARD_NAME_MAX])
{
    size_t size =
        *host == '[' ? strcspn(host, "]") + (strchr(host, ']') != NULL) : strcspn(host, ":");

    if (!size || size >= GUARD_NAME_MAX)
        return false;
    memcpy(ret_name, host, size);
    ret_name[size] = '\0';
    return !host[size] || host[size] == ':';
}

/* A page of somebody else that points its own name to 127.0.0.1 says that name here. */
bool guard_knows_host(const struct guard *guard, const char *host)
{
    static const char *const local[] = {"localhost", "127.0.0.1", "[::1]"};
    char name[GUARD_NAME_MAX];

    if (!host || !host_name(host, name))
        return false;
    for (size_t i = 0; guard->hosts && guard->hosts[i]; i++)
        if (strcasecmp(guard->hosts[i], name) == 0)
            return true;
    if (guard->hosts)
        return false;
    for (size_t i = 0; i < COUNT_OF(local); i++)
        if (strcasecmp(local[i], name) == 0)
            return true;
    return !guard->local;
}

static bool equal_in_constant_time(const char *a, const char *b)
{
    /* hashed first, so that lengths are equal and nothing is learned from where they differ */
    char one[SHA256_HEX_SIZE], other[SHA256_HEX_SIZE];
    unsigned difference = 0;

    sha256_of(a, strlen(a), one);
    sha256_of(b, strlen(b), other);
    for (size_t i = 0; i < SHA256_HEX_SIZE; i++)
        difference |= (unsigned)(one[i] ^ other[i]);
    return difference == 0;
}

bool guard_is_token(const struct guard *guard, const char *text)
{
    return guard->token && equal_in_constant_time(guard->token, text);
}

bool guard_lets_in(const struct guard *guard, const struct guard_papers *papers)
{
    static const char bearer[] = "Bearer ";

    if (!guard->token && !guard->trusted_header)
        return true;
    if (guard->trusted_header && papers->trusted_header && *papers->trusted_header)
        return true;
    if (!guard->token)
        return false;
    if (papers->authorization && strncasecmp(papers->authorization, bearer, strlen(bearer)) == 0 &&
        guard_is_token(guard, papers->authorization + strlen(bearer)))
        return true;
    return papers->cookie && equal_in_constant_time(guard->cookie, papers->cookie);
}
