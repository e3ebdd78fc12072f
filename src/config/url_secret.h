/* config/url_secret.h - finds the passwords in connection strings, so that no output shows them. */
#ifndef CONFIG_URL_SECRET_H
#define CONFIG_URL_SECRET_H

#include <stdbool.h>

/* Registers every password of a URI ("scheme://user:password@host/db?password=…") or conninfo
 * ("password='…'") with the log's redaction.  True when there was one. */
bool url_secret_register(const char *url);
/* The same for URIs within a text that should not hold any: an argument or a key in a message. */
void url_secret_register_stray(const char *text);

#endif
