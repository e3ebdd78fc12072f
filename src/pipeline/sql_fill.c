#include "pipeline/sql_fill.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

static bool is_name(char c)
{
    return c == '_' || islower((unsigned char)c);
}

static const char *find_part(const struct sql_part *parts, const char *name, size_t size)
{
    for (; parts->name; parts++)
        if (strlen(parts->name) == size && memcmp(parts->name, name, size) == 0)
            return parts->sql;
    return NULL;
}

void sql_fill(struct buf *out, const char *text, const struct sql_part *parts)
{
    for (const char *at = text; *at;) {
        size_t plain = strcspn(at, ":-");
        buf_add(out, at, plain);
        at += plain;
        if (at[0] == '-' && at[1] == '-') { /* the server has no use for comments */
            at += strcspn(at, "\n");
        } else if (at[0] == ':' && is_name(at[1])) {
            size_t size = 1;
            while (is_name(at[size]))
                size++;
            const char *sql = find_part(parts, at + 1, size - 1);
            assert(sql);
            buf_add_text(out, sql);
            at += size;
        } else if (at[0] == ':' && at[1] == ':') {
            buf_add_text(out, "::");
            at += 2;
        } else if (*at) {
            buf_add_char(out, *at++);
        }
    }
}
