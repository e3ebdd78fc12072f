/* net/aws_secret.h - values that stand elsewhere than in the configuration.
 *
 * References:
 *   secret:<name or ARN>[#member]   of Secrets Manager; `member` of a secret that is JSON
 *   ssm:<name>[#member]             of Parameter Store
 * A secret as RDS makes it ({"username", "password", "host", "port", "dbname"}) and no member named
 * becomes a URL of PostgreSQL.
 *
 * In Lambda, AWS's extension for parameters and secrets answers from its cache where it is there.
 * What comes back is registered for redaction and never part of a message. */
#ifndef NET_AWS_SECRET_H
#define NET_AWS_SECRET_H

#include "net/aws.h"

bool aws_is_reference(const char *text);
/* ERR_NOT_FOUND, ERR_DENIED and so on name the secret and the permission that is missing. */
CHECKED enum err_code aws_secret_resolve(struct aws *aws, const char *reference,
                                         struct arena *arena, const char **ret_value,
                                         struct err *err);

struct aws_rds_login {
    const char *host; /* as RDS names it, "x.abc.eu-west-2.rds.amazonaws.com" */
    const char *port; /* "5432" */
    const char *user;
};
/* What RDS takes for a password for fifteen minutes when the user has rds_iam ("Connecting to your
 * DB instance using IAM authentication").  The region is the host's, else that of aws. */
CHECKED enum err_code aws_rds_token(struct aws *aws, const struct aws_rds_login *login,
                                    struct arena *arena, const char **ret_token, struct err *err);

#endif
