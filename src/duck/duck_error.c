#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "duck/duck_private.h"

/* DuckDB appends "LINE 1: select …" with a caret and candidate lists after an empty line: text of
 * the query, which may hold data.  Only the first paragraph is kept, on one line. */
static void first_paragraph(const char *message, char *ret, size_t size)
{
    size_t length = 0;
    for (const char *at = message; *at && length + 1 < size; at++) {
        if (*at == '\n' && (at[1] == '\n' || strncmp(at + 1, "LINE ", 5) == 0))
            break;
        ret[length++] = iscntrl((unsigned char)*at) ? ' ' : *at;
    }
    while (length > 0 && (ret[length - 1] == ' ' || ret[length - 1] == '.'))
        length--;
    ret[length] = '\0';
}

/* "Conversion Error: Could …" -> "conversion error: Could …": the house's messages begin in lower
 * case. */
static void lower_kind(char *message)
{
    const char *colon = strchr(message, ':');
    if (!colon || colon - message > 40)
        return;
    for (char *at = message; at < colon; at++)
        *at = (char)tolower((unsigned char)*at);
}

static enum err_code out_of_memory(const struct duck *duck, const char *text, struct err *err)
{
    if (strstr(text, "max_temp_directory_size") || strstr(text, "No space left")) {
        (void)err_set(err, ERR_IO, "%s", text);
        return err_hint(err, "the disk is full: free space in the folder for temporary files");
    }
    (void)err_set(err, duck->blame, "%s", text);
    return err_hint(err, "raise process.memory");
}

enum err_code duck_error(const struct duck *duck, const char *message, struct err *err)
{
    char text[sizeof err->message];
    first_paragraph(message ? message : "unknown error of DuckDB", text, sizeof text);
    bool interrupted = text_starts(text, "INTERRUPT");
    lower_kind(text);
    if (interrupted && duck_watch_timed_out(duck->watch)) {
        (void)err_set(err, ERR_TIMEOUT, "the query took too long and was stopped");
        return err_hint(err, "ask for fewer days, or for one currency or country");
    }
    if (interrupted)
        return err_set(err, ERR_CANCELLED, "interrupted");
    if (text_starts(text, "out of memory"))
        return out_of_memory(duck, text, err);
    if (strstr(text, "No space left on device")) {
        (void)err_set(err, ERR_IO, "%s", text);
        return err_hint(err, "the disk is full: free some space");
    }
    if (strstr(text, "Read-only file system")) {
        (void)err_set(err, ERR_IO, "%s", text);
        return err_hint(
            err, "the file system is mounted read-only: remount it or choose another folder");
    }
    if (text_starts(text, "io error") && strstr(text, "Permission denied")) {
        (void)err_set(err, ERR_DENIED, "%s", text);
        return err_hint(err, "check owner and permissions of the path and of the folders above it");
    }
    if (text_starts(text, "io error"))
        return err_set(err, ERR_IO, "%s", text);
    if (strstr(text, "database has been invalidated")) {
        (void)err_set(err, ERR_IO, "%s", text);
        return err_hint(err, "run the command again");
    }
    return err_set(err, duck->blame, "%s", text);
}

bool duck_error_is_lock(const char *message)
{
    return strstr(message, "Could not set lock on file") != NULL;
}

enum err_code duck_error_locked(const char *path, const char *message, struct err *err)
{
    const char *pid = strstr(message, "(PID ");
    size_t digits = pid ? strspn(pid + 5, "0123456789") : 0;
    if (digits > 0)
        (void)err_set(err, ERR_UNAVAILABLE, "'%s' is in use by process %.*s", path, (int)digits,
                      pid + 5);
    else
        (void)err_set(err, ERR_UNAVAILABLE, "'%s' is in use by another process", path);
    return err_hint(
        err, "a DuckDB file has one writer at a time: close the other program and try again");
}

enum err_code duck_error_attach(const struct duck *duck, const char *path, const char *message,
                                struct err *err)
{
    if (strstr(message, "not a valid DuckDB database") || strstr(message, "Serialization Error") ||
        strstr(message, "checksum")) {
        (void)err_set(err, ERR_DATA, "'%s' is no DuckDB database, or damaged", path);
        return err_hint(err, "name another file, or move this one away and load again");
    }
    if (strstr(message, "different version") || strstr(message, "version number") ||
        strstr(message, "newer version")) {
        (void)err_set(err, ERR_DATA, "'%s' was written by another version of DuckDB", path);
        return err_hint(err, "this program has DuckDB %s; load into a new file",
                        duckdb_library_version());
    }
    if (strstr(message, "database does not exist")) {
        (void)err_set(err, ERR_NOT_FOUND, "there is no file '%s'", path);
        return err_hint(err, "run 'tote load' first");
    }
    if (strstr(message, "Permission denied") || strstr(message, "Read-only file system")) {
        (void)duck_error(duck, message, err);
        err->code = ERR_DENIED;
        return err_hint(err, "check the permissions of '%s' and of its folder", path);
    }
    (void)duck_error(duck, message, err);
    return err_wrap(err, "opening '%s'", path);
}
