#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/text.h"
#include "pg/pg_priv.h"

/* A message of several lines as one, without what says nothing to an operator. */
static void one_line(const char *message, char *ret_line, size_t ret_size)
{
    static const char *const prefixes[] = {"FATAL:", "ERROR:", "PANIC:"};
    size_t used = 0;

    for (size_t i = 0; message[i] && used + 1 < ret_size; i++) {
        bool blank = isspace((unsigned char)message[i]) != 0;
        bool skipped = false;
        for (size_t p = 0; p < COUNT_OF(prefixes) && !skipped; p++) {
            if (text_starts(message + i, prefixes[p])) {
                i += strlen(prefixes[p]) - 1;
                skipped = true;
            }
        }
        if (skipped || (blank && (used == 0 || ret_line[used - 1] == ' ')))
            continue;
        ret_line[used++] = blank ? ' ' : message[i];
    }
    while (used > 0 && (ret_line[used - 1] == ' ' || ret_line[used - 1] == '.'))
        used--;
    ret_line[used] = '\0';
    redact(ret_line);
}

static enum err_code code_of_state(const char *state, enum err_code blame)
{
    static const struct {
        const char *prefix;
        enum err_code code;
    } codes[] = {
        {"28", ERR_DENIED},        {"42501", ERR_DENIED},      {"08", ERR_UNAVAILABLE},
        {"57P0", ERR_UNAVAILABLE}, {"53300", ERR_UNAVAILABLE}, {"55P03", ERR_TIMEOUT},
    };

    if (text_equal(state, "57014"))
        return cancel_requested() ? ERR_CANCELLED : ERR_TIMEOUT;
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        if (text_starts(state, codes[i].prefix))
            return codes[i].code;
    }
    return blame;
}

static void hint_for_state(const struct pg *pg, const char *state, const char *server_hint,
                           struct err *err)
{
    if (text_equal(state, "42501"))
        (void)err_hint(err, "grant what is missing to role '%s' in the %s", pg_user(pg), pg->role);
    else if (text_equal(state, "55P03"))
        (void)err_hint(err, "somebody else holds a lock; look at pg_stat_activity, then run again");
    else if (text_equal(state, "57014"))
        (void)err_hint(err, "raise the statement timeout of the %s, or run again", pg->role);
    else if (text_starts(state, "57P0") || text_starts(state, "08"))
        (void)err_hint(err, "the %s at %s went away; run again when it is back", pg->role,
                       pg->where);
    else if (text_equal(state, "53100"))
        (void)err_hint(err, "the disk of the %s is full", pg->role);
    else if (server_hint) {
        char line[300];
        one_line(server_hint, line, sizeof line);
        (void)err_hint(err, "%s", line);
    }
}

enum err_code pg_result_error(const struct pg *pg, const PGresult *result, struct err *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    char message[400];
    char more[300] = "";

    if (!state)
        state = "";
    one_line(primary ? primary : PQresultErrorMessage(result), message, sizeof message);
    if (detail)
        one_line(detail, more, sizeof more);
    /* Without a state it is libpq itself that speaks: the connection broke. */
    enum err_code code = *state ? code_of_state(state, pg->blame)
                         : PQstatus(pg->connection) == CONNECTION_BAD ? ERR_UNAVAILABLE
                                                                      : pg->blame;
    if (code == ERR_CANCELLED)
        return err_set(err, code, "interrupted");
    (void)err_set(err, code, "%s%s%s%s%s",
                  code == ERR_UNAVAILABLE && !text_equal(state, "53300") ? "connection terminated: "
                                                                         : "",
                  message, more[0] ? " (" : "", more, more[0] ? ")" : "");
    (void)snprintf(err->sqlstate, sizeof err->sqlstate, "%s", state);
    hint_for_state(pg, *state ? state : "08006", PQresultErrorField(result, PG_DIAG_MESSAGE_HINT),
                   err);
    return code;
}

enum err_code pg_connection_error(struct pg *pg, struct err *err)
{
    char message[400];

    one_line(PQerrorMessage(pg->connection), message, sizeof message);
    if (PQstatus(pg->connection) != CONNECTION_BAD)
        return err_set(err, pg->blame, "%s", message);
    (void)err_set(err, ERR_UNAVAILABLE, "connection terminated: %s", message);
    (void)snprintf(err->sqlstate, sizeof err->sqlstate, "08006");
    return err_hint(err, "the %s at %s went away; run again when it is back", pg->role, pg->where);
}

enum err_code pg_connect_error(const struct pg *pg, struct err *err)
{
    static const struct {
        const char *words;
        enum err_code code;
        const char *hint;
    } known[] = {
        {"invalid integer value \"", ERR_CONFIG, "correct the url"},
        {"invalid port number", ERR_CONFIG, "correct the url"},
        {" value: \"", ERR_CONFIG, "correct the url"}, /* invalid sslmode value: "x" */
        {"password authentication failed", ERR_DENIED, "check user and password in the url"},
        {"no password supplied", ERR_DENIED,
         "put a password into the url, PGPASSWORD or ~/.pgpass"},
        {"authentication failed", ERR_DENIED, "check user and password in the url"},
        {"no pg_hba.conf entry", ERR_DENIED, "allow this address in the server's pg_hba.conf"},
        {"is not permitted to log in", ERR_DENIED, "alter role … login"},
        {"permission denied for database", ERR_DENIED, "grant connect on the database to the role"},
        {"role \"", ERR_DENIED, "check the user in the url"},
        {"database \"", ERR_NOT_FOUND, "check the database in the url, or create it"},
    };
    char message[600];

    one_line(PQerrorMessage(pg->connection), message, sizeof message);
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strstr(message, known[i].words)) {
            (void)err_set(err, known[i].code, "cannot connect to the %s: %s", pg->role, message);
            return err_hint(err, "%s", known[i].hint);
        }
    }
    if (PQconnectionNeedsPassword(pg->connection)) {
        (void)err_set(err, ERR_DENIED, "cannot connect to the %s: %s", pg->role, message);
        return err_hint(err, "put a password into the url, PGPASSWORD or ~/.pgpass");
    }
    (void)err_set(err, ERR_UNAVAILABLE, "cannot connect to the %s at %s: %s", pg->role, pg->where,
                  message);
    return err_hint(err, "check that the server runs and can be reached at %s", pg->where);
}
