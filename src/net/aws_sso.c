/* Credentials of a person who has logged in with `aws sso login`: its token in ~/.aws/sso/cache is
 * exchanged for a key at the portal. */
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json_read.h"
#include "base/log.h"
#include "base/text.h"
#include "net/aws_private.h"
#include "net/aws_request.h"

enum {
    CACHE_LIMIT_BYTES = 256 << 10
};

struct sso {
    const char *start_url;
    const char *region;
    const char *account;
    const char *role;
    const char *cached_as; /* the session's name, or the start address */
};

static enum err_code read_settings(const struct aws_search *search, const char *profile,
                                   struct sso *sso, struct err *err)
{
    const struct aws_profiles *profiles = search->profiles;
    const char *session = aws_profiles_get(profiles, profile, "sso_session");

    sso->account = aws_profiles_get(profiles, profile, "sso_account_id");
    sso->role = aws_profiles_get(profiles, profile, "sso_role_name");
    if (session) {
        sso->start_url = aws_profiles_session_get(profiles, session, "sso_start_url");
        sso->region = aws_profiles_session_get(profiles, session, "sso_region");
    } else {
        sso->start_url = aws_profiles_get(profiles, profile, "sso_start_url");
        sso->region = aws_profiles_get(profiles, profile, "sso_region");
    }
    sso->cached_as = session ? session : sso->start_url;
    if (!sso->account || !sso->role || !sso->region || !sso->start_url)
        return err_set(err, ERR_CONFIG,
                       "profile '%.80s': SSO needs sso_account_id, sso_role_name, sso_region and "
                       "sso_start_url",
                       profile);
    return ERR_OK;
}

static enum err_code log_in(struct err *err, const char *profile, const char *why)
{
    (void)err_set(err, ERR_DENIED, "profile '%.80s': %s", profile, why);
    return err_hint(err, "run `aws sso login --profile %.80s`", profile);
}

static enum err_code read_token(const struct aws_search *search, const char *profile,
                                const struct sso *sso, const char **ret_token, struct err *err)
{
    CLEANUP(json_doc_free) struct json_doc *doc = NULL;
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    char name[41];
    struct err ignored;
    int64_t expires_us;

    sha1_of(sso->cached_as, strlen(sso->cached_as), name);
    const char *path =
        aws_home_path(search->arena, arena_printf(search->arena, "sso/cache/%s.json", name));
    if (!path || !file_exists(path))
        return log_in(err, profile, "nobody has logged in to its SSO");
    TRY(file_read(path, CACHE_LIMIT_BYTES, &text, err));
    if (json_parse("SSO's cache", buf_text(&text), text.size, &doc, &ignored))
        return log_in(err, profile, "the cache of its SSO is damaged");
    const char *token = json_opt_text(json_root(doc), "accessToken", "");
    const char *expires = json_opt_text(json_root(doc), "expiresAt", "");
    if (!*token || aws_time_parse(expires, &expires_us, &ignored))
        return log_in(err, profile, "the cache of its SSO is damaged");
    if (expires_us <= clock_now_us())
        return log_in(err, profile, "its SSO login has expired");
    redact_register(token);
    *ret_token = arena_strdup(search->arena, token);
    return ERR_OK;
}

enum err_code aws_sso_key(const struct aws_search *search, const char *profile,
                          struct aws_key *ret_key, struct err *err)
{
    static const struct aws_key_names names = {"accessKeyId", "secretAccessKey", "sessionToken",
                                               "expiration"};
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    struct sso sso = {0};
    const char *token = NULL, *endpoint;

    TRY(read_settings(search, profile, &sso, err));
    TRY(read_token(search, profile, &sso, &token, err));
    TRY(aws_endpoint_override(search->aws, "sso", search->arena, &endpoint, err));
    if (!endpoint)
        endpoint = arena_printf(search->arena, "https://portal.sso.%s.%s", sso.region,
                                aws_domain(sso.region));
    const struct sigv4_pair headers[] = {{"x-amz-sso_bearer_token", token}};
    const struct sigv4_pair query[] = {{"account_id", sso.account}, {"role_name", sso.role}};
    const struct aws_request request = {
        .doing =
            arena_printf(search->arena, "sso:GetRoleCredentials of role '%.100s' in account %.20s",
                         sso.role, sso.account),
        .base_url = endpoint,
        .method = "GET",
        .path = "/federation/credentials",
        .query = query,
        .query_count = COUNT_OF(query),
        .headers = headers,
        .header_count = COUNT_OF(headers),
    };
    if (aws_send(search->aws, &request, &response, NULL, err)) {
        if (err->http_status == 401)
            return log_in(err, profile, "its SSO login has expired");
        return err->code;
    }
    return aws_key_from_json(request.doing, &response.body, "roleCredentials", &names,
                             search->arena, ret_key, err);
}
