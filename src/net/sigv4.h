/* net/sigv4.h - AWS Signature Version 4.  Pure: no clock, no network, no allocation outside the
 * arena.
 *
 * The path is encoded once and not normalised, which is S3's rule; the other services of AWS are
 * called at "/", where there is no difference.  Checked against botocore in test/net/. */
#ifndef NET_SIGV4_H
#define NET_SIGV4_H

#include <stdint.h>

#include "base/buf.h"

struct sigv4_pair {
    const char *name;
    const char *value;
};

struct sigv4_request {
    const char *method;
    const char *host;               /* with ":port" unless it is the scheme's own */
    const char *path;               /* "/bucket/raw key"; not encoded */
    const struct sigv4_pair *query; /* not encoded; any order */
    size_t query_count;
    const struct sigv4_pair *headers; /* any order; all are signed */
    size_t header_count;
    const char *payload_sha256; /* hex, or "UNSIGNED-PAYLOAD" */
};

struct sigv4_key {
    const char *access_key_id;
    const char *secret_access_key;
    const char *session_token; /* or NULL */
    const char *region;
    const char *service; /* "s3" */
};

/* What the sender puts into the request beside its own headers. */
struct sigv4_signed {
    const char *target;        /* path and query, encoded */
    const char *authorization; /* header of that name */
    const char *amz_date;      /* x-amz-date */
    const char *amz_token;     /* x-amz-security-token, or NULL */
    const char *amz_sha256;    /* x-amz-content-sha256 of S3, NULL for the others */
};

void sigv4_sign(const struct sigv4_request *request, const struct sigv4_key *key, int64_t now_us,
                struct arena *arena, struct sigv4_signed *ret_signed);
/* The signature in the query, good for `expires_s` seconds: what RDS takes as a password.
 * "/path?…&X-Amz-Signature=…" */
const char *sigv4_presign(const struct sigv4_request *request, const struct sigv4_key *key,
                          int64_t now_us, unsigned expires_s, struct arena *arena);

/* Percent-encodes everything but unreserved characters (RFC 3986), and '/' when it is kept. */
void sigv4_encode(struct buf *out, const char *text, bool keep_slash);

#endif
