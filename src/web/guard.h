/* web/guard.h - who may read: where the server listens, the token, the proxy's header, the names by
 * which it may be called. */
#ifndef WEB_GUARD_H
#define WEB_GUARD_H

#include <sys/socket.h>

#include "config/config.h"

enum {
    GUARD_TOKEN_LEAST = 16,
    GUARD_COOKIE_SIZE = 65,
    GUARD_NAME_MAX = 256
};

struct guard {
    struct sockaddr_storage address;
    char shown[GUARD_NAME_MAX]; /* "127.0.0.1:8080" */
    unsigned port;
    bool local;                     /* this machine alone */
    const char *token;              /* or NULL */
    char cookie[GUARD_COOKIE_SIZE]; /* what stands for the token in a cookie */
    const char *trusted_header;     /* or NULL */
    const char *const *hosts;       /* or NULL */
};

#define GUARD_COOKIE_NAME "tote_token"

/* `listen`: instead of serve.listen, or NULL.  ERR_CONFIG when the address is none, or would let in
 * everybody. */
CHECKED enum err_code guard_init(const struct config *config, const char *listen,
                                 struct guard *ret_guard, struct err *err);
/* `host`: the header as it came, or NULL. */
bool guard_knows_host(const struct guard *guard, const char *host);
/* What a request brought along; NULL: nothing. */
struct guard_papers {
    const char *authorization;
    const char *cookie;         /* value of GUARD_COOKIE_NAME */
    const char *trusted_header; /* value of it */
};
bool guard_lets_in(const struct guard *guard, const struct guard_papers *papers);
/* Takes as long whatever differs. */
bool guard_is_token(const struct guard *guard, const char *text);

#endif
