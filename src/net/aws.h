/* net/aws.h - who we are at AWS and where its services are.
 *
 * Credentials are looked for as AWS's own tools do, in this order: environment (AWS_ACCESS_KEY_ID;
 * Lambda sets it too), web identity (AWS_WEB_IDENTITY_TOKEN_FILE), the profile (role with its
 * source, keys, SSO), container (ECS, EKS Pod Identity), instance metadata (IMDSv2).  A profile
 * that the options name comes before all others.  They are looked for at the first use, renewed
 * five minutes before they expire, and registered for redaction.
 *
 * One for the program; may be used by several threads. */
#ifndef NET_AWS_H
#define NET_AWS_H

#include "net/http.h"
#include "net/retry.h"
#include "net/sigv4.h"

struct aws;

struct aws_options {
    const char *profile; /* NULL: AWS_PROFILE, else "default" */
    const char *region;  /* NULL: AWS_REGION, AWS_DEFAULT_REGION, else the profile's */
    const char *ca_file; /* NULL: AWS_CA_BUNDLE, SSL_CERT_FILE, else the system's */
    struct retry_policy retry;
};

/* Does nothing yet.  Strings are copied. */
struct aws *aws_new(const struct aws_options *options);
void aws_free(struct aws *aws);
DEFINE_CLEANUP(struct aws *, aws_free)

struct http *aws_http(struct aws *aws);
const struct retry_policy *aws_retry_policy(const struct aws *aws);
/* NULL when none is set.  Lives as long as aws. */
CHECKED enum err_code aws_region(struct aws *aws, const char **ret_region, struct err *err);
/* AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, or endpoint_url of the profile; NULL: AWS's own.
 * Without a '/' at the end. */
CHECKED enum err_code aws_endpoint_override(struct aws *aws, const char *service,
                                            struct arena *arena, const char **ret_url,
                                            struct err *err);
/* "https://sts.eu-west-2.amazonaws.com": the override or AWS's own.  region NULL: aws_region(). */
CHECKED enum err_code aws_endpoint(struct aws *aws, const char *service, const char *region,
                                   struct arena *arena, const char **ret_url, struct err *err);
/* "amazonaws.com", in China "amazonaws.com.cn". */
const char *aws_domain(const char *region);
/* "aws", "aws-cn", "aws-us-gov": of ARNs. */
const char *aws_partition(const char *region);

struct aws_key {
    const char *access_key_id;
    const char *secret_access_key;
    const char *session_token; /* or NULL */
    int64_t expires_us;        /* 0: never */
};
/* Valid credentials, copied into the arena. */
CHECKED enum err_code aws_key(struct aws *aws, struct arena *arena, struct aws_key *ret_key,
                              struct err *err);
/* A server said that this key has expired: the next aws_key() looks for another. */
void aws_key_expired(struct aws *aws, const char *access_key_id);

/* Now, by the clock of AWS's servers where one of them has said that ours is wrong. */
int64_t aws_now_us(const struct aws *aws);
/* After an answer that calls our clock wrong: takes its Date.  True when that changed anything. */
bool aws_correct_clock(struct aws *aws, const struct http_response *response);

#endif
