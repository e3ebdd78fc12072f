#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json_read.h"
#include "base/text.h"
#include "net/aws_private.h"

enum {
    TOKEN_LIMIT_BYTES = 64 << 10,
    CHAIN_MAX = 5
};

enum err_code aws_time_parse(const char *text, int64_t *ret_at_us, struct err *err)
{
    char plain[CLOCK_TEXT_MAX] = "";
    size_t size = strcspn(text, "Z+");

    if (size > 10 && size <= 26) {
        memcpy(plain, text, size);
        plain[10] = ' ';
    }
    struct err ignored;
    if (clock_parse(plain, ret_at_us, &ignored))
        return err_set(err, ERR_DATA, "'%.40s' is not a time", text);
    return ERR_OK;
}

enum err_code aws_read_token(const char *path, struct arena *arena, const char **ret_token,
                             struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};

    TRY(file_read(path, TOKEN_LIMIT_BYTES, &text, err));
    const char *begin = buf_text(&text) + strspn(buf_text(&text), " \t\r\n");
    size_t size = strlen(begin);
    while (size && strchr(" \t\r\n", begin[size - 1]))
        size--;
    if (!size)
        return err_set(err, ERR_CONFIG, "'%.400s' is empty", path);
    *ret_token = arena_strndup(arena, begin, size);
    return ERR_OK;
}

static enum err_code take_members(const char *what, const struct json_value *object,
                                  const struct aws_key_names *names, struct arena *arena,
                                  struct aws_key *ret_key, struct err *err)
{
    const char *id = json_opt_text(object, names->id, "");
    const char *secret = json_opt_text(object, names->secret, "");
    const char *token = json_opt_text(object, names->token, "");
    const char *expires = json_opt_text(object, names->expires, NULL);
    int64_t expires_us = json_opt_int(object, names->expires, 0) * 1000;

    if (!*id || !*secret)
        return err_set(err, ERR_DATA, "%s: there is no '%s' or no '%s' in it", what, names->id,
                       names->secret);
    if (expires)
        TRY(aws_time_parse(expires, &expires_us, err));
    *ret_key = (struct aws_key){
        .access_key_id = arena_strdup(arena, id),
        .secret_access_key = arena_strdup(arena, secret),
        .session_token = *token ? arena_strdup(arena, token) : NULL,
        .expires_us = expires_us,
    };
    return ERR_OK;
}

enum err_code aws_key_from_json(const char *what, const struct buf *text, const char *object,
                                const struct aws_key_names *names, struct arena *arena,
                                struct aws_key *ret_key, struct err *err)
{
    CLEANUP(json_doc_free) struct json_doc *doc = NULL;
    struct err unquoted;

    if (json_parse(what, buf_text(text), text->size, &doc, &unquoted))
        return err_set(err, ERR_DATA, "%s: not the JSON that was expected", what);
    const struct json_value *value = json_root(doc);
    if (object)
        value = json_opt(value, object);
    if (!value)
        return err_set(err, ERR_DATA, "%s: there is no '%s' in it", what, object);
    return take_members(what, value, names, arena, ret_key, err);
}

enum err_code aws_source_environment(const struct aws_search *search, struct aws_key *ret_key,
                                     struct err *err)
{
    const char *id = aws_variable("AWS_ACCESS_KEY_ID");
    const char *secret = aws_variable("AWS_SECRET_ACCESS_KEY");

    (void)search;
    if (!id && !secret)
        return ERR_OK;
    if (!id || !secret)
        return err_set(err, ERR_CONFIG,
                       "of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set");
    *ret_key = (struct aws_key){.access_key_id = id,
                                .secret_access_key = secret,
                                .session_token = aws_variable("AWS_SESSION_TOKEN")};
    return ERR_OK;
}

enum err_code aws_source_web_identity(const struct aws_search *search, struct aws_key *ret_key,
                                      struct err *err)
{
    const char *path = aws_variable("AWS_WEB_IDENTITY_TOKEN_FILE");
    struct aws_role role = {.arn = aws_variable("AWS_ROLE_ARN"),
                            .session_name = aws_variable("AWS_ROLE_SESSION_NAME")};

    if (!path || !role.arn)
        return ERR_OK;
    TRY(aws_read_token(path, search->arena, &role.web_token, err));
    return aws_assume_role(search, &role, ret_key, err);
}

/* --- profiles --- */

static enum err_code from_credential_source(const struct aws_search *search, const char *profile,
                                            const char *source, struct aws_key *ret_key,
                                            struct err *err)
{
    static const struct {
        const char *name;
        aws_source_fn *find;
    } known[] = {{"Environment", aws_source_environment},
                 {"EcsContainer", aws_source_container},
                 {"Ec2InstanceMetadata", aws_source_instance}};

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (text_equal(known[i].name, source)) {
            TRY(known[i].find(search, ret_key, err));
            if (!ret_key->access_key_id)
                return err_set(err, ERR_CONFIG,
                               "profile '%.80s': its credential_source '%s' has no credentials",
                               profile, source);
            return ERR_OK;
        }
    (void)err_set(err, ERR_CONFIG, "profile '%.80s': credential_source '%.60s' is not known",
                  profile, source);
    return err_hint(err, "Environment, EcsContainer and Ec2InstanceMetadata are");
}

/* What a profile holds itself: keys, an SSO session, a source. */
static enum err_code base_key(const struct aws_search *search, const char *profile,
                              struct aws_key *ret_key, struct err *err)
{
    const struct aws_profiles *profiles = search->profiles;
    const char *id = aws_profiles_get(profiles, profile, "aws_access_key_id");
    const char *secret = aws_profiles_get(profiles, profile, "aws_secret_access_key");
    const char *source = aws_profiles_get(profiles, profile, "credential_source");

    if (source && aws_profiles_get(profiles, profile, "role_arn"))
        return from_credential_source(search, profile, source, ret_key, err);
    if (id && secret) {
        *ret_key = (struct aws_key){.access_key_id = id,
                                    .secret_access_key = secret,
                                    .session_token =
                                        aws_profiles_get(profiles, profile, "aws_session_token")};
        return ERR_OK;
    }
    if (id || secret)
        return err_set(err, ERR_CONFIG,
                       "profile '%.80s': of aws_access_key_id and aws_secret_access_key only one "
                       "is set",
                       profile);
    if (aws_profiles_get(profiles, profile, "sso_account_id"))
        return aws_sso_key(search, profile, ret_key, err);
    if (aws_profiles_get(profiles, profile, "credential_process")) {
        (void)err_set(err, ERR_CONFIG,
                      "profile '%.80s': credential_process is not supported, as "
                      "tote starts no other programs",
                      profile);
        return err_hint(err,
                        "eval \"$(aws configure export-credentials --profile %.60s --format "
                        "env)\" puts its credentials into the environment",
                        profile);
    }
    return ERR_OK;
}

static enum err_code role_with_web_token(const struct aws_search *search, struct aws_role *role,
                                         const char *profile, bool *ret_done,
                                         struct aws_key *ret_key, struct err *err)
{
    const char *path = aws_profiles_get(search->profiles, profile, "web_identity_token_file");

    *ret_done = path != NULL;
    if (!path)
        return ERR_OK;
    TRY(aws_read_token(path, search->arena, &role->web_token, err));
    return aws_assume_role(search, role, ret_key, err);
}

static enum err_code assume(const struct aws_search *search, const char *profile,
                            struct aws_key *key, struct err *err)
{
    const struct aws_profiles *profiles = search->profiles;
    const struct aws_key with = *key;
    struct aws_role role = {.arn = aws_profiles_get(profiles, profile, "role_arn"),
                            .session_name =
                                aws_profiles_get(profiles, profile, "role_session_name"),
                            .external_id = aws_profiles_get(profiles, profile, "external_id"),
                            .duration_s = aws_profiles_get(profiles, profile, "duration_seconds"),
                            .with = &with};
    bool done;

    if (aws_profiles_get(profiles, profile, "mfa_serial"))
        return err_set(err, ERR_CONFIG,
                       "profile '%.80s': a role that asks for a second factor (mfa_serial) cannot "
                       "be assumed by a program that runs by itself",
                       profile);
    TRY(role_with_web_token(search, &role, profile, &done, key, err));
    if (done)
        return ERR_OK;
    if (!with.access_key_id) {
        (void)err_set(err, ERR_CONFIG,
                      "profile '%.80s': nothing says with which credentials to "
                      "assume its role_arn",
                      profile);
        return err_hint(err, "add source_profile or credential_source to it");
    }
    return aws_assume_role(search, &role, key, err);
}

/* A role's source_profile may have a source_profile itself; roles are assumed from the last one
 * outwards. */
enum err_code aws_source_profile(const struct aws_search *search, struct aws_key *ret_key,
                                 struct err *err)
{
    const struct aws_profiles *profiles = search->profiles;
    const char *chain[CHAIN_MAX] = {search->profile};
    struct aws_key key = {0};
    size_t count = 1;

    for (;; count++) {
        const char *last = chain[count - 1];
        const char *next = aws_profiles_get(profiles, last, "source_profile");
        if (!next || !aws_profiles_get(profiles, last, "role_arn"))
            break;
        /* A profile that names itself as source means its own keys. */
        if (text_equal(next, last))
            break;
        if (count == CHAIN_MAX)
            return err_set(err, ERR_CONFIG,
                           "profile '%.80s': its source_profile leads through more than %d others",
                           search->profile, CHAIN_MAX - 1);
        if (!aws_profiles_has(profiles, next))
            return err_set(err, ERR_CONFIG, "profile '%.80s': there is no source_profile '%.80s'",
                           last, next);
        chain[count] = next;
    }
    TRY(base_key(search, chain[count - 1], &key, err));
    while (count--)
        if (aws_profiles_get(profiles, chain[count], "role_arn"))
            TRY(assume(search, chain[count], &key, err));
    *ret_key = key;
    return ERR_OK;
}
