/* app/database_url.h - the address of a database as its driver wants it.
 *
 * What the configuration holds may be a reference to a secret manager (net/aws_secret.h), or the
 * URI of a database of RDS that takes IAM tokens for passwords:
 * postgresql://user@host/database?iam=yes */
#ifndef APP_DATABASE_URL_H
#define APP_DATABASE_URL_H

#include "net/aws_secret.h"

/* Nothing need be asked: the address is used as it stands. */
bool database_url_is_plain(const char *url);
/* Passwords of what comes out are registered for redaction.  A token is good for fifteen minutes,
 * and for as long as the connection that it opened. */
CHECKED enum err_code database_url_resolve(struct aws *aws, const char *url, struct arena *arena,
                                           const char **ret_url, struct err *err);

#endif
