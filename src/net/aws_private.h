/* net/aws_private.h - the sources of credentials.  Included by net/aws*.c only. */
#ifndef NET_AWS_PRIVATE_H
#define NET_AWS_PRIVATE_H

#include "net/aws.h"
#include "net/aws_profile.h"

/* Credentials as a source gives them; what it points to lives in the arena. */
struct aws_search {
    struct aws *aws;
    struct arena *arena;
    const struct aws_profiles *profiles;
    const char *profile;
    bool profile_named; /* by the options or AWS_PROFILE */
};

/* Each fills *ret_key, or leaves it as it is ({0}) when it has nothing to say. */
typedef enum err_code aws_source_fn(const struct aws_search *search, struct aws_key *ret_key,
                                    struct err *err);
aws_source_fn aws_source_environment;
aws_source_fn aws_source_web_identity;
aws_source_fn aws_source_profile;
aws_source_fn aws_source_container;
aws_source_fn aws_source_instance;

CHECKED enum err_code aws_sso_key(const struct aws_search *search, const char *profile,
                                  struct aws_key *ret_key, struct err *err);

struct aws_role {
    const char *arn;
    const char *session_name; /* NULL: tote-<random> */
    const char *external_id;
    const char *duration_s;
    const char *web_token;      /* of a web identity: then nothing is signed */
    const struct aws_key *with; /* signs otherwise */
};
CHECKED enum err_code aws_assume_role(const struct aws_search *search, const struct aws_role *role,
                                      struct aws_key *ret_key, struct err *err);

/* The members of a JSON document that name a key, a secret, a token and when they expire. */
struct aws_key_names {
    const char *id;
    const char *secret;
    const char *token;
    const char *expires; /* text, or milliseconds */
};
/* `object`: the member in which they stand, or NULL.  Messages quote nothing of the document. */
CHECKED enum err_code aws_key_from_json(const char *what, const struct buf *text,
                                        const char *object, const struct aws_key_names *names,
                                        struct arena *arena, struct aws_key *ret_key,
                                        struct err *err);
/* "2024-11-15T14:40:00Z" */
CHECKED enum err_code aws_time_parse(const char *text, int64_t *ret_at_us, struct err *err);
/* A small file with a token in it, white space around it taken away. */
CHECKED enum err_code aws_read_token(const char *path, struct arena *arena, const char **ret_token,
                                     struct err *err);
/* A variable of the environment that is set and not empty, or NULL. */
const char *aws_variable(const char *name);

#endif
