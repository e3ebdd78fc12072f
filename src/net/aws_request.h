/* net/aws_request.h - one call of a service of AWS: signed, sent, and repeated where that helps.
 *
 * Repeated under one deadline are throttling, the servers' own errors and broken connections.  Once
 * each: after "your clock is wrong" with the clock of the answer, after "your session has expired"
 * with new credentials.  The message of a failure names the action and the resource and tells of
 * all attempts. */
#ifndef NET_AWS_REQUEST_H
#define NET_AWS_REQUEST_H

#include "net/aws.h"

struct aws_request {
    const char *doing;    /* "s3:PutObject on arn:aws:s3:::bucket/key": for messages */
    const char *service;  /* name in the signature; NULL: not signed */
    const char *region;   /* in the signature; NULL: aws_region() */
    const char *base_url; /* "https://host", nothing behind it */
    const char *method;
    const char *path; /* not encoded */
    const struct sigv4_pair *query;
    size_t query_count;
    const struct sigv4_pair *headers;
    size_t header_count;
    const struct aws_key *key; /* NULL: aws_key() */
    struct span body;
    const char *body_sha256; /* hex; NULL: computed */
    http_sink_fn *sink;
    void *sink_arg;
    void (*restart)(void *sink_arg); /* before a repetition: forget what the sink was given */
    /* Looks at an answer with status 2xx that may be none: fills code and message of the failure
     * and returns false when it is an error after all. */
    bool (*accept)(const struct http_response *response, void *arg, struct err *err);
    void *accept_arg;
    size_t body_limit_bytes;
    const struct retry_policy *retry; /* NULL: that of aws */
    bool finish;                      /* also when cancelled: to clean up */
};

/* What the last answer said. */
struct aws_failure {
    int status;      /* 0: there was no answer */
    char code[64];   /* "NoSuchKey", or "" */
    char region[48]; /* where the bucket is, when the answer says so */
    char text[300];  /* the service's own message, or "" */
    bool unsure; /* an attempt without a plain answer came before, and may have been carried out */
};

/* ERR_OK: the answer is a 2xx.  ret_failure may be NULL. */
CHECKED enum err_code aws_send(struct aws *aws, const struct aws_request *request,
                               struct http_response *ret_response, struct aws_failure *ret_failure,
                               struct err *err);
/* Code and message of an answer's body, XML or JSON; what is not there stays "". */
void aws_failure_read(const struct http_response *response, struct aws_failure *ret_failure);

/* A call of a service that speaks JSON: POST to "/" at its endpoint. */
struct aws_call {
    const char *service; /* "secretsmanager" */
    const char *target;  /* "secretsmanager.GetSecretValue" */
    const char *doing;
    const char *region; /* NULL: aws_region() */
};
CHECKED enum err_code aws_call_json(struct aws *aws, const struct aws_call *call, struct span body,
                                    struct http_response *ret_response, struct err *err);

#endif
