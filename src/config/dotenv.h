/* config/dotenv.h - variables from the environment and from the .env file beside tote.yaml.
 *
 * A .env holds lines NAME=VALUE; blank lines, lines that begin with '#', and `export ` before a
 * name are allowed.  A value may stand in single quotes (verbatim) or double quotes (\n, \t, \",
 * \\, \$); without quotes it is verbatim to the end of the line, less white space around it and a
 * comment after " #". */
#ifndef CONFIG_DOTENV_H
#define CONFIG_DOTENV_H

#include "base/buf.h"

struct dotenv;

/* `name` is for messages: ".env:3: …". */
CHECKED enum err_code dotenv_parse(const char *name, const char *text, struct arena *arena,
                                   struct dotenv **ret_dotenv, struct err *err);
/* NULL when there is none; dotenv may be NULL. */
const char *dotenv_get(const struct dotenv *dotenv, const char *name);
/* Replaces ${NAME}: from the environment, else from dotenv; $$ is '$'. */
CHECKED enum err_code dotenv_expand(const struct dotenv *dotenv, const char *text,
                                    struct arena *arena, const char **ret_text, struct err *err);

#endif
