#include "net/aws_secret.h"

#include <stdio.h>

#include "base/file.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/text.h"
#include "net/aws_private.h"
#include "net/aws_request.h"

enum {
    NAME_MAX_BYTES = 2048,
    TOKEN_SECONDS = 900,
    EXTENSION_CONNECT_US = 500 * 1000,
    EXTENSION_STALL_US = 5 * 1000 * 1000
};

struct manager {
    const char *scheme;
    const char *service;
    const char *target;
    const char *permission;
    const char *extension_path; /* up to the name */
    const char *extension_more; /* behind it */
    const char *name_member;
};

static const struct manager managers[] = {
    {"secret:", "secretsmanager", "secretsmanager.GetSecretValue", "secretsmanager:GetSecretValue",
     "/secretsmanager/get?secretId=", "", "SecretId"},
    {"ssm:", "ssm", "AmazonSSM.GetParameter", "ssm:GetParameter",
     "/systemsmanager/parameters/get?name=", "&withDecryption=true", "Name"},
};

struct reference {
    const struct manager *manager;
    const char *name;
    const char *member; /* NULL: all of it */
};

static const struct manager *manager_of(const char *text)
{
    for (size_t i = 0; i < COUNT_OF(managers); i++)
        if (text_starts(text, managers[i].scheme))
            return &managers[i];
    return NULL;
}

bool aws_is_reference(const char *text)
{
    return manager_of(text) != NULL;
}

static enum err_code read_reference(const char *text, struct arena *arena,
                                    struct reference *reference, struct err *err)
{
    reference->manager = manager_of(text);
    if (!reference->manager)
        return err_set(err, ERR_INTERNAL, "'%.80s' refers to no secret", text);
    const char *name = text + strlen(reference->manager->scheme);
    const char *hash = strchr(name, '#');
    size_t size = hash ? (size_t)(hash - name) : strlen(name);
    if (!size || size > NAME_MAX_BYTES || (hash && !hash[1])) {
        (void)err_set(err, ERR_CONFIG, "'%.200s' does not name a secret", text);
        return err_hint(err, "write secret:name, secret:arn:aws:…, ssm:/name, with #member behind "
                             "it for one member of JSON");
    }
    reference->name = arena_strndup(arena, name, size);
    reference->member = hash ? arena_strdup(arena, hash + 1) : NULL;
    return ERR_OK;
}

/* --- asking --- */

/* False when the extension is not there, or not ready: then AWS itself is asked. */
static bool ask_extension(struct aws *aws, const struct reference *reference, struct arena *arena,
                          struct http_response *response)
{
    static const char path[] = "/opt/extensions/AWSParametersAndSecretsLambdaExtension";
    const char *token = aws_variable("AWS_SESSION_TOKEN");
    const char *port = aws_variable("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT");
    CLEANUP_IN_PLACE(buf_release) struct buf name = {0};
    struct err ignored;

    if (!token || !aws_variable("AWS_LAMBDA_RUNTIME_API") || (!port && !file_exists(path)))
        return false;
    sigv4_encode(&name, reference->name, false);
    const struct http_header header = {"x-aws-parameters-secrets-token", token};
    const struct http_request request = {
        .url = arena_printf(arena, "http://localhost:%.5s%s%s%s", port ? port : "2773",
                            reference->manager->extension_path, name.data,
                            reference->manager->extension_more),
        .headers = &header,
        .header_count = 1,
        .connect_timeout_us = EXTENSION_CONNECT_US,
        .stall_timeout_us = EXTENSION_STALL_US,
        .direct = true,
    };
    return http_send(aws_http(aws), &request, response, &ignored) == ERR_OK &&
           response->status == 200;
}

/* "arn:aws:secretsmanager:eu-west-2:123456789012:secret:x": such a one is asked for in its region.
 */
static const char *region_of(const char *name, struct arena *arena)
{
    if (!text_starts(name, "arn:"))
        return NULL;
    for (int colons = 0; colons < 3; colons++) {
        name = strchr(name, ':');
        if (!name)
            return NULL;
        name++;
    }
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return size && name[size] == ':' ? arena_strndup(arena, name, size) : NULL;
}

static enum err_code ask_aws(struct aws *aws, const struct reference *reference,
                             struct arena *arena, struct http_response *response, struct err *err)
{
    const struct manager *manager = reference->manager;
    CLEANUP_IN_PLACE(buf_release) struct buf body = {0};
    struct json_writer json;
    const struct aws_call call = {
        .service = manager->service,
        .target = manager->target,
        .doing = arena_printf(arena, "%s on '%.200s'", manager->permission, reference->name),
        .region = region_of(reference->name, arena)};

    json_begin(&json, &body, false);
    json_object_begin(&json, NULL);
    json_text(&json, manager->name_member, reference->name);
    if (text_equal(manager->service, "ssm"))
        json_bool(&json, "WithDecryption", true);
    json_object_end(&json);
    enum err_code code =
        aws_call_json(aws, &call, (struct span){body.data, body.size}, response, err);
    if (code == ERR_NOT_FOUND)
        return err_hint(err, "make it, or correct its name; it must be in the region that is "
                             "asked");
    if (code == ERR_DENIED && !*err->hint)
        return err_hint(err, "grant %s on it, and kms:Decrypt on its key where that is your own",
                        manager->permission);
    return code;
}

/* --- what comes back --- */

static enum err_code bad_answer(const struct reference *reference, struct err *err)
{
    return err_set(err, ERR_DATA, "%s%.200s: not the answer that was expected",
                   reference->manager->scheme, reference->name);
}

/* The text of the secret or parameter; JSON may quote a secret in its errors, so none are passed
 * on.
 */
static enum err_code take_text(const struct reference *reference, const struct buf *body,
                               struct arena *arena, const char **ret_text, struct err *err)
{
    CLEANUP(json_doc_free) struct json_doc *doc = NULL;
    struct err unquoted;

    if (json_parse("answer", buf_text(body), body->size, &doc, &unquoted))
        return bad_answer(reference, err);
    const struct json_value *root = json_root(doc), *parameter = json_opt(root, "Parameter");
    const char *text = parameter ? json_opt_text(parameter, "Value", NULL)
                                 : json_opt_text(root, "SecretString", NULL);
    if (!text && json_opt(root, "SecretBinary"))
        return err_set(err, ERR_CONFIG, "%s%.200s: it is binary, not text",
                       reference->manager->scheme, reference->name);
    if (!text)
        return bad_answer(reference, err);
    *ret_text = arena_strdup(arena, text);
    return ERR_OK;
}

static const char *member_text(const struct json_value *object, const char *name,
                               struct arena *arena)
{
    const char *text = json_opt_text(object, name, NULL);
    int64_t number = json_opt_int(object, name, -1);

    if (text)
        return arena_strdup(arena, text);
    return number >= 0 ? arena_printf(arena, "%lld", (long long)number) : NULL;
}

static const char *encoded(struct arena *arena, const char *text)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};

    sigv4_encode(&out, text, false);
    return arena_strdup(arena, buf_text(&out));
}

/* "JSON structure of AWS Secrets Manager secrets" */
static enum err_code database_url(const struct reference *reference, const struct json_value *root,
                                  struct arena *arena, const char **ret_value, struct err *err)
{
    const char *user = member_text(root, "username", arena);
    const char *password = member_text(root, "password", arena);
    const char *host = member_text(root, "host", arena);
    const char *port = member_text(root, "port", arena);
    const char *database = member_text(root, "dbname", arena);

    if (!user || !password || !host) {
        (void)err_set(err, ERR_CONFIG,
                      "%s%.200s: it is JSON, but has no username, password and host to make a URL "
                      "of",
                      reference->manager->scheme, reference->name);
        return err_hint(err, "name one of its members: %s%.100s#member", reference->manager->scheme,
                        reference->name);
    }
    redact_register(password);
    redact_register(encoded(arena, password));
    *ret_value = arena_printf(arena, "postgresql://%s:%s@%s:%s/%s", encoded(arena, user),
                              encoded(arena, password), host, port ? port : "5432",
                              encoded(arena, database ? database : "postgres"));
    return ERR_OK;
}

static enum err_code take_value(const struct reference *reference, const char *text,
                                struct arena *arena, const char **ret_value, struct err *err)
{
    CLEANUP(json_doc_free) struct json_doc *doc = NULL;
    struct err unquoted;
    bool json = text[strspn(text, " \t\r\n")] == '{' &&
                json_parse("secret", text, strlen(text), &doc, &unquoted) == ERR_OK;

    if (!reference->member && json)
        return database_url(reference, json_root(doc), arena, ret_value, err);
    if (!reference->member) {
        *ret_value = text;
        return ERR_OK;
    }
    const char *value = json ? member_text(json_root(doc), reference->member, arena) : NULL;
    if (!value)
        return err_set(err, ERR_CONFIG, "%s%.200s: it has no member '%.80s'",
                       reference->manager->scheme, reference->name, reference->member);
    *ret_value = value;
    return ERR_OK;
}

enum err_code aws_secret_resolve(struct aws *aws, const char *text, struct arena *arena,
                                 const char **ret_value, struct err *err)
{
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    struct reference reference;
    const char *whole, *value;

    TRY(read_reference(text, arena, &reference, err));
    if (!ask_extension(aws, &reference, arena, &response))
        TRY(ask_aws(aws, &reference, arena, &response, err));
    TRY(take_text(&reference, &response.body, arena, &whole, err));
    redact_register(whole);
    TRY(take_value(&reference, whole, arena, &value, err));
    redact_register(value);
    if (!*value)
        return err_set(err, ERR_CONFIG, "%s%.200s: it is empty", reference.manager->scheme,
                       reference.name);
    *ret_value = value;
    return ERR_OK;
}

/* --- RDS --- */

/* "name.random.eu-west-2.rds.amazonaws.com" */
static const char *region_of_host(const char *host, struct arena *arena)
{
    const char *end = strstr(host, ".rds.amazonaws.com");
    const char *begin = end;

    if (!end)
        return NULL;
    while (begin > host && begin[-1] != '.')
        begin--;
    return arena_strndup(arena, begin, (size_t)(end - begin));
}

enum err_code aws_rds_token(struct aws *aws, const struct aws_rds_login *login, struct arena *arena,
                            const char **ret_token, struct err *err)
{
    static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const struct sigv4_pair query[] = {{"Action", "connect"}, {"DBUser", login->user}};
    const char *region = region_of_host(login->host, arena);
    struct aws_key key;

    TRY(aws_key(aws, arena, &key, err));
    if (!region)
        TRY(aws_region(aws, &region, err));
    if (!region) {
        (void)err_set(err, ERR_CONFIG, "no region of AWS is set, so '%.200s' has no IAM token",
                      login->host);
        return err_hint(err, "set aws.region in tote.yaml, or AWS_REGION");
    }
    const struct sigv4_request request = {
        .method = "GET",
        .host = arena_printf(arena, "%s:%s", login->host, login->port),
        .path = "/",
        .query = query,
        .query_count = COUNT_OF(query),
        .payload_sha256 = empty,
    };
    const struct sigv4_key signing = {.access_key_id = key.access_key_id,
                                      .secret_access_key = key.secret_access_key,
                                      .session_token = key.session_token,
                                      .region = region,
                                      .service = "rds-db"};
    const char *target = sigv4_presign(&request, &signing, aws_now_us(aws), TOKEN_SECONDS, arena);
    *ret_token = arena_printf(arena, "%s%s", request.host, target);
    redact_register(*ret_token);
    return ERR_OK;
}
