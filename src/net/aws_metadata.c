/* Credentials that the machine is given: a container's (ECS, EKS Pod Identity) and an instance's
 * (IMDSv2).  Both are plain HTTP to an address on the machine or its host. */
#include <stdio.h>
#include <strings.h>

#include "base/text.h"
#include "net/aws_private.h"

enum {
    CONNECT_US = 1000 * 1000,
    STALL_US = 5 * 1000 * 1000,
    ATTEMPTS_MAX = 3,
    ANSWER_LIMIT_BYTES = 64 << 10
};

static const char container_host[] = "http://169.254.170.2";
static const char instance_host[] = "http://169.254.169.254";
static const struct aws_key_names key_names = {"AccessKeyId", "SecretAccessKey", "Token",
                                               "Expiration"};

struct question {
    const char *what; /* for messages */
    const char *method;
    const char *url;
    struct http_header header; /* name NULL: none */
};

/* ERR_OK with any status below 500. */
static enum err_code ask(struct aws *aws, const struct question *question,
                         struct http_response *response, struct err *err)
{
    static const struct retry_policy policy = {.attempts_max = ATTEMPTS_MAX};
    const struct http_request request = {
        .method = question->method,
        .url = question->url,
        .headers = &question->header,
        .header_count = question->header.name ? 1 : 0,
        .body_limit_bytes = ANSWER_LIMIT_BYTES,
        .connect_timeout_us = CONNECT_US,
        .stall_timeout_us = STALL_US,
        .direct = true,
    };
    struct retry retry;

    retry_begin(&retry, &policy);
    for (;;) {
        enum err_code code = http_send(aws_http(aws), &request, response, err);
        if (code == ERR_OK && response->status < 500 && response->status != 429)
            return ERR_OK;
        if (code == ERR_OK)
            (void)err_set(err, ERR_UNAVAILABLE, "status %d", response->status);
        if (!err_retryable(err) || !retry_again(&retry, 0, err))
            return err_wrap(err, "%s", question->what);
    }
}

static enum err_code refused(const struct question *question, const struct http_response *response,
                             struct err *err)
{
    err->http_status = response->status;
    return err_set(err, ERR_DENIED, "%s: refused with status %d", question->what, response->status);
}

/* --- containers --- */

/* The token must not be sent over a network in clear. */
static bool host_is_local(const char *url)
{
    static const char *const hosts[] = {"localhost",     "127.0.0.1",      "[::1]",
                                        "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};

    if (strncasecmp(url, "https://", 8) == 0)
        return true;
    if (strncasecmp(url, "http://", 7) != 0)
        return false;
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        size_t size = strlen(hosts[i]);
        if (strncasecmp(url + 7, hosts[i], size) == 0 && strchr(":/?", url[7 + size]))
            return true;
    }
    return false;
}

static enum err_code container_url(struct arena *arena, const char **ret_url, struct err *err)
{
    const char *relative = aws_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = aws_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");

    *ret_url = NULL;
    if (relative && *relative != '/')
        return err_set(err, ERR_CONFIG,
                       "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with '/'");
    if (relative)
        *ret_url = arena_printf(arena, "%s%s", container_host, relative);
    else if (full && !host_is_local(full))
        return err_set(err, ERR_CONFIG,
                       "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or an address of this "
                       "machine or its host");
    else
        *ret_url = full;
    return ERR_OK;
}

enum err_code aws_source_container(const struct aws_search *search, struct aws_key *ret_key,
                                   struct err *err)
{
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    const char *token_file = aws_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    struct question question = {
        .what = "the container's credentials",
        .header = {"authorization", aws_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")}};

    TRY(container_url(search->arena, &question.url, err));
    if (!question.url)
        return ERR_OK;
    /* Read each time: it is rotated. */
    if (token_file)
        TRY(aws_read_token(token_file, search->arena, &question.header.value, err));
    if (!question.header.value)
        question.header.name = NULL;
    TRY(ask(search->aws, &question, &response, err));
    if (response.status != 200)
        return refused(&question, &response, err);
    return aws_key_from_json(question.what, &response.body, NULL, &key_names, search->arena,
                             ret_key, err);
}

/* --- instances --- */

/* No service at that address is no error: most machines have none. */
static enum err_code session_token(const struct aws_search *search, const char *host,
                                   const char **ret_token, struct err *err)
{
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    const struct question question = {.what = "the instance's metadata",
                                      .method = "PUT",
                                      .url =
                                          arena_printf(search->arena, "%s/latest/api/token", host),
                                      .header = {"x-aws-ec2-metadata-token-ttl-seconds", "21600"}};
    bool chosen = aws_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") != NULL;

    *ret_token = NULL;
    if (ask(search->aws, &question, &response, err))
        return err->code == ERR_CANCELLED || chosen ? err->code : ERR_OK;
    if (response.status != 200)
        return chosen ? refused(&question, &response, err) : ERR_OK;
    const char *token = buf_text(&response.body);
    if (!*token || token[strcspn(token, "\r\n")])
        return err_set(err, ERR_DATA, "%s: its token is none", question.what);
    *ret_token = arena_strdup(search->arena, token);
    return ERR_OK;
}

enum err_code aws_source_instance(const struct aws_search *search, struct aws_key *ret_key,
                                  struct err *err)
{
    static const char path[] = "/latest/meta-data/iam/security-credentials/";
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    const char *disabled = aws_variable("AWS_EC2_METADATA_DISABLED");
    const char *host = aws_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT"), *token;
    CLEANUP_IN_PLACE(buf_release) struct buf role = {0};
    struct question question = {.what = "the instance's credentials"};

    if (disabled && strcasecmp(disabled, "true") == 0)
        return ERR_OK;
    host = arena_strdup(search->arena, host ? host : instance_host);
    TRY(session_token(search, host, &token, err));
    if (!token)
        return ERR_OK;
    question.header = (struct http_header){"x-aws-ec2-metadata-token", token};
    question.url = arena_printf(search->arena, "%s%s", host, path);
    TRY(ask(search->aws, &question, &response, err));
    if (response.status == 404)
        return ERR_OK; /* an instance without a role */
    if (response.status != 200)
        return refused(&question, &response, err);
    const char *name = buf_text(&response.body);
    buf_add(&role, name, strcspn(name, "\r\n"));
    CLEANUP_IN_PLACE(buf_release) struct buf encoded = {0};
    sigv4_encode(&encoded, buf_text(&role), false);
    question.url = arena_printf(search->arena, "%s%s%s", host, path, buf_text(&encoded));
    TRY(ask(search->aws, &question, &response, err));
    if (response.status != 200)
        return refused(&question, &response, err);
    return aws_key_from_json(question.what, &response.body, NULL, &key_names, search->arena,
                             ret_key, err);
}
