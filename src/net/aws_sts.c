#include <stdio.h>

#include "base/digest.h"
#include "base/text.h"
#include "base/xml_read.h"
#include "net/aws_private.h"
#include "net/aws_request.h"

static void add_field(struct buf *form, const char *name, const char *value)
{
    buf_addf(form, "&%s=", name);
    sigv4_encode(form, value, false);
}

struct answer {
    struct arena *arena;
    struct aws_key key;
};

static enum err_code on_element(void *arg, const char *path, const char *text, struct err *err)
{
    struct answer *answer = arg;

    if (text_ends(path, "/Credentials/AccessKeyId"))
        answer->key.access_key_id = arena_strdup(answer->arena, text);
    else if (text_ends(path, "/Credentials/SecretAccessKey"))
        answer->key.secret_access_key = arena_strdup(answer->arena, text);
    else if (text_ends(path, "/Credentials/SessionToken"))
        answer->key.session_token = arena_strdup(answer->arena, text);
    else if (text_ends(path, "/Credentials/Expiration"))
        return aws_time_parse(text, &answer->key.expires_us, err);
    return ERR_OK;
}

/* The form of sts:AssumeRole or sts:AssumeRoleWithWebIdentity. */
static void write_form(const struct aws_role *role, struct buf *form)
{
    char session[64], id[RANDOM_ID_SIZE];

    random_id(id);
    (void)snprintf(session, sizeof session, "tote-%.12s", id);
    buf_addf(form, "Action=%s&Version=2011-06-15",
             role->web_token ? "AssumeRoleWithWebIdentity" : "AssumeRole");
    add_field(form, "RoleArn", role->arn);
    add_field(form, "RoleSessionName", role->session_name ? role->session_name : session);
    if (role->duration_s)
        add_field(form, "DurationSeconds", role->duration_s);
    if (role->external_id)
        add_field(form, "ExternalId", role->external_id);
    if (role->web_token)
        add_field(form, "WebIdentityToken", role->web_token);
}

enum err_code aws_assume_role(const struct aws_search *search, const struct aws_role *role,
                              struct aws_key *ret_key, struct err *err)
{
    static const struct sigv4_pair headers[] = {
        {"content-type", "application/x-www-form-urlencoded"}};
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf form = {0};
    struct answer answer = {.arena = search->arena};
    struct aws_request request = {.service = role->web_token ? NULL : "sts",
                                  .method = "POST",
                                  .path = "/",
                                  .headers = headers,
                                  .header_count = COUNT_OF(headers),
                                  .key = role->with};

    request.doing =
        arena_printf(search->arena, "sts:%s on %s",
                     role->web_token ? "AssumeRoleWithWebIdentity" : "AssumeRole", role->arn);
    TRY(aws_endpoint(search->aws, "sts", NULL, search->arena, &request.base_url, err));
    write_form(role, &form);
    request.body = (struct span){form.data, form.size};
    enum err_code code = aws_send(search->aws, &request, &response, NULL, err);
    if (code == ERR_DENIED && !*err->hint)
        return err_hint(err, "the role's trust policy must allow %s to assume it",
                        role->web_token ? "this identity provider" : "these credentials");
    TRY(code);
    TRY(xml_parse(request.doing, buf_text(&response.body), response.body.size, on_element, &answer,
                  err));
    if (!answer.key.access_key_id || !answer.key.secret_access_key || !answer.key.session_token)
        return err_set(err, ERR_DATA, "%s: there are no credentials in the answer", request.doing);
    *ret_key = answer.key;
    return ERR_OK;
}
