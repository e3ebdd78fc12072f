/* net/aws_profile.h - the files of AWS's command line, ~/.aws/config and ~/.aws/credentials
 * (AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE), read once.
 *
 * Sections [name] in the one and [profile name], [sso-session name] in the other; of a key in both
 * files the credentials file's counts.  A file that is not there is as good as an empty one. */
#ifndef NET_AWS_PROFILE_H
#define NET_AWS_PROFILE_H

#include "base/mem.h"

struct aws_profiles;

CHECKED enum err_code aws_profiles_read(struct aws_profiles **ret_profiles, struct err *err);
void aws_profiles_free(struct aws_profiles *profiles);
DEFINE_CLEANUP(struct aws_profiles *, aws_profiles_free)
bool aws_profiles_has(const struct aws_profiles *profiles, const char *profile);
/* NULL when it is not set.  Lives as long as the profiles. */
const char *aws_profiles_get(const struct aws_profiles *profiles, const char *profile,
                             const char *key);
const char *aws_profiles_session_get(const struct aws_profiles *profiles, const char *session,
                                     const char *key);
/* "~/.aws/<name>" of the user at work; NULL without a home. */
const char *aws_home_path(struct arena *arena, const char *name);

#endif
