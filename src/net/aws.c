#include "net/aws.h"

#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "net/aws_private.h"

#define SECOND_US INT64_C(1000000)
#define EARLY_US  (5 * 60 * SECOND_US) /* renewed so long before they expire */
#define AGAIN_US  (60 * SECOND_US)     /* a renewal that failed early is tried again after this */

struct aws {
    char *profile; /* NULL: not named */
    char *region_option;
    struct retry_policy retry;
    struct http *http;
    _Atomic int64_t clock_offset_us;
    pthread_mutex_t settings_lock; /* guards what follows */
    struct arena *settings_arena;
    struct aws_profiles *profiles; /* as first read: for settings, not for keys */
    const char *region;
    bool region_known;
    pthread_mutex_t key_lock; /* held while a key is looked for, which asks for settings too */
    struct arena *key_arena;
    struct aws_key key; /* access_key_id NULL: none yet, or expired */
    int64_t renew_us;   /* 0: never */
};

struct aws *aws_new(const struct aws_options *options)
{
    static const struct aws_options none = {0};
    struct aws *aws = mem_zalloc(1, sizeof *aws);

    if (!options)
        options = &none;
    if (options->profile)
        aws->profile = mem_strdup(options->profile);
    if (options->region)
        aws->region_option = mem_strdup(options->region);
    aws->retry = options->retry;
    aws->http = http_new(&(struct http_options){.ca_file = options->ca_file});
    aws->settings_arena = arena_new(0);
    (void)pthread_mutex_init(&aws->settings_lock, NULL);
    (void)pthread_mutex_init(&aws->key_lock, NULL);
    return aws;
}

void aws_free(struct aws *aws)
{
    if (!aws)
        return;
    http_free(aws->http);
    aws_profiles_free(aws->profiles);
    arena_free(aws->settings_arena);
    arena_free(aws->key_arena);
    (void)pthread_mutex_destroy(&aws->settings_lock);
    (void)pthread_mutex_destroy(&aws->key_lock);
    free(aws->profile);
    free(aws->region_option);
    free(aws);
}

struct http *aws_http(struct aws *aws)
{
    return aws->http;
}

const struct retry_policy *aws_retry_policy(const struct aws *aws)
{
    return &aws->retry;
}

const char *aws_variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static const char *profile_name(const struct aws *aws)
{
    const char *name = aws->profile ? aws->profile : aws_variable("AWS_PROFILE");
    return name ? name : "default";
}

/* --- settings --- */

/* Called with the lock held. */
static enum err_code setting(struct aws *aws, const char *key, const char **ret_value,
                             struct err *err)
{
    if (!aws->profiles)
        TRY(aws_profiles_read(&aws->profiles, err));
    *ret_value = aws_profiles_get(aws->profiles, profile_name(aws), key);
    return ERR_OK;
}

/* Called with the lock held. */
static enum err_code find_region(struct aws *aws, struct err *err)
{
    const char *found = aws->region_option;

    if (!found)
        found = aws_variable("AWS_REGION");
    if (!found)
        found = aws_variable("AWS_DEFAULT_REGION");
    if (!found)
        TRY(setting(aws, "region", &found, err));
    /* It becomes part of a host's name. */
    if (found && (strspn(found, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(found) ||
                  strlen(found) > 40))
        return err_set(err, ERR_CONFIG, "'%.60s' is not the name of a region of AWS", found);
    aws->region = found ? arena_strdup(aws->settings_arena, found) : NULL;
    aws->region_known = true;
    return ERR_OK;
}

enum err_code aws_region(struct aws *aws, const char **ret_region, struct err *err)
{
    (void)pthread_mutex_lock(&aws->settings_lock);
    enum err_code code = aws->region_known ? ERR_OK : find_region(aws, err);
    if (code == ERR_OK)
        *ret_region = aws->region;
    (void)pthread_mutex_unlock(&aws->settings_lock);
    return code;
}

const char *aws_domain(const char *region)
{
    return text_starts(region, "cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}

const char *aws_partition(const char *region)
{
    return text_starts(region, "cn-")       ? "aws-cn"
           : text_starts(region, "us-gov-") ? "aws-us-gov"
                                            : "aws";
}

enum err_code aws_endpoint_override(struct aws *aws, const char *service, struct arena *arena,
                                    const char **ret_url, struct err *err)
{
    char name[64];
    int used = snprintf(name, sizeof name, "AWS_ENDPOINT_URL_%.30s", service);
    const char *found;

    for (int i = 0; i < used; i++)
        name[i] = (char)(name[i] == '-' ? '_' : toupper((unsigned char)name[i]));
    *ret_url = NULL;
    if (aws_variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") &&
        text_equal(aws_variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true"))
        return ERR_OK;
    found = aws_variable(name);
    if (!found)
        found = aws_variable("AWS_ENDPOINT_URL");
    if (!found) {
        (void)pthread_mutex_lock(&aws->settings_lock);
        enum err_code code = setting(aws, "endpoint_url", &found, err);
        (void)pthread_mutex_unlock(&aws->settings_lock);
        TRY(code);
    }
    if (!found)
        return ERR_OK;
    size_t size = strlen(found);
    while (size && found[size - 1] == '/')
        size--;
    *ret_url = arena_strndup(arena, found, size);
    return ERR_OK;
}

enum err_code aws_endpoint(struct aws *aws, const char *service, const char *region,
                           struct arena *arena, const char **ret_url, struct err *err)
{
    TRY(aws_endpoint_override(aws, service, arena, ret_url, err));
    if (*ret_url)
        return ERR_OK;
    if (!region)
        TRY(aws_region(aws, &region, err));
    if (!region) {
        (void)err_set(err, ERR_CONFIG, "no region of AWS is set, so '%s' cannot be called",
                      service);
        return err_hint(err, "set aws.region in tote.yaml, or AWS_REGION");
    }
    *ret_url = arena_printf(arena, "https://%s.%s.%s", service, region, aws_domain(region));
    return ERR_OK;
}

/* --- the clock --- */

int64_t aws_now_us(const struct aws *aws)
{
    return clock_now_us() + atomic_load(&aws->clock_offset_us);
}

bool aws_correct_clock(struct aws *aws, const struct http_response *response)
{
    const char *date = http_response_header(response, "date");
    int64_t at_us;

    if (!date || !http_date_parse(date, &at_us))
        return false;
    int64_t offset_us = at_us - clock_now_us();
    int64_t change_us = offset_us - atomic_load(&aws->clock_offset_us);
    /* An answer that calls our time wrong and names the same time cannot be helped. */
    if (change_us > -30 * SECOND_US && change_us < 30 * SECOND_US)
        return false;
    atomic_store(&aws->clock_offset_us, offset_us);
    return true;
}

/* --- credentials --- */

static enum err_code nothing_found(const struct aws_search *search, struct err *err)
{
    if (search->profile_named && !aws_profiles_has(search->profiles, search->profile)) {
        (void)err_set(err, ERR_CONFIG, "there is no profile '%.80s' of AWS", search->profile);
        return err_hint(err, "`aws configure list-profiles` shows those of ~/.aws/config and "
                             "~/.aws/credentials");
    }
    (void)err_set(err, ERR_CONFIG,
                  "no credentials for AWS: none in the environment, profile '%.80s', container or "
                  "instance",
                  search->profile);
    return err_hint(err, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile by "
                         "aws.profile, or give the machine a role");
}

/* A key that stands in an HTTP header must not hold a line break. */
static enum err_code check_key(const struct aws_key *key, struct err *err)
{
    const char *parts[] = {key->access_key_id, key->secret_access_key, key->session_token};

    for (size_t i = 0; i < COUNT_OF(parts); i++)
        for (const char *c = parts[i]; c && *c; c++)
            if ((unsigned char)*c < 0x21 || (unsigned char)*c > 0x7e)
                return err_set(err, ERR_CONFIG,
                               "the credentials for AWS hold a blank or another character that "
                               "none of them has");
    return ERR_OK;
}

static enum err_code search_key(struct aws *aws, struct arena *arena, struct aws_key *ret_key,
                                struct err *err)
{
    static aws_source_fn *const in_order[] = {aws_source_environment, aws_source_web_identity,
                                              aws_source_profile, aws_source_container,
                                              aws_source_instance};
    CLEANUP(aws_profiles_free) struct aws_profiles *profiles = NULL;
    struct aws_key key = {0};

    TRY(aws_profiles_read(&profiles, err));
    const struct aws_search search = {.aws = aws,
                                      .arena = arena,
                                      .profiles = profiles,
                                      .profile = profile_name(aws),
                                      .profile_named = aws->profile || aws_variable("AWS_PROFILE")};
    if (aws->profile)
        TRY(aws_source_profile(&search, &key, err));
    for (size_t i = 0; i < COUNT_OF(in_order) && !key.access_key_id && !aws->profile; i++)
        TRY(in_order[i](&search, &key, err));
    if (!key.access_key_id)
        return nothing_found(&search, err);
    TRY(check_key(&key, err));
    *ret_key = (struct aws_key){
        .access_key_id = arena_strdup(arena, key.access_key_id),
        .secret_access_key = arena_strdup(arena, key.secret_access_key),
        .session_token = key.session_token ? arena_strdup(arena, key.session_token) : NULL,
        .expires_us = key.expires_us,
    };
    return ERR_OK;
}

/* Called with the lock held: whoever else needs a key waits for this one. */
static enum err_code renew(struct aws *aws, struct err *err)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(4 << 20);
    int64_t now_us = clock_now_us();
    struct aws_key found = {0};
    struct err why = {0};

    if (search_key(aws, arena, &found, &why)) {
        bool still_good = aws->key.access_key_id && aws->key.expires_us > now_us + AGAIN_US;
        if (still_good) {
            aws->renew_us = now_us + AGAIN_US;
            return ERR_OK;
        }
        *err = why;
        return err_wrap(err, "looking for credentials");
    }
    redact_register(found.secret_access_key);
    if (found.session_token)
        redact_register(found.session_token);
    aws->key = found;
    arena_free(aws->key_arena);
    aws->key_arena = STEAL(arena);
    int64_t left_us = found.expires_us - now_us;
    aws->renew_us = 0;
    if (found.expires_us)
        aws->renew_us = found.expires_us - (left_us / 2 < EARLY_US ? left_us / 2 : EARLY_US);
    return ERR_OK;
}

enum err_code aws_key(struct aws *aws, struct arena *arena, struct aws_key *ret_key,
                      struct err *err)
{
    enum err_code code = ERR_OK;

    (void)pthread_mutex_lock(&aws->key_lock);
    if (!aws->key.access_key_id || (aws->renew_us && clock_now_us() >= aws->renew_us))
        code = renew(aws, err);
    if (code == ERR_OK) {
        const struct aws_key *key = &aws->key;
        *ret_key = (struct aws_key){
            .access_key_id = arena_strdup(arena, key->access_key_id),
            .secret_access_key = arena_strdup(arena, key->secret_access_key),
            .session_token = key->session_token ? arena_strdup(arena, key->session_token) : NULL,
            .expires_us = key->expires_us,
        };
    }
    (void)pthread_mutex_unlock(&aws->key_lock);
    return code;
}

void aws_key_expired(struct aws *aws, const char *access_key_id)
{
    (void)pthread_mutex_lock(&aws->key_lock);
    if (aws->key.access_key_id && text_equal(aws->key.access_key_id, access_key_id))
        aws->key = (struct aws_key){0};
    (void)pthread_mutex_unlock(&aws->key_lock);
}
