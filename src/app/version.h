/* app/version.h - the program's version; the build states it once, in meson.build. */
#ifndef APP_VERSION_H
#define APP_VERSION_H

#ifndef TOTE_VERSION
#    define TOTE_VERSION "0.1.0"
#endif

const char *version_duckdb(void); /* of the library: "v1.5.5" */

#endif
