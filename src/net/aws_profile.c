#include "net/aws_profile.h"

#include <ctype.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

enum {
    FILE_LIMIT_BYTES = 1 << 20
};

enum kind {
    KIND_OTHER,
    KIND_PROFILE,
    KIND_SESSION
};

struct setting {
    enum kind kind;
    const char *section;
    const char *key; /* "" where the section begins */
    const char *value;
};

struct aws_profiles {
    struct arena *arena;
    struct setting *settings; /* the credentials file's come first */
    size_t count;
    size_t capacity;
};

/* Where parsing is. */
struct place {
    bool config; /* [profile x] rather than [x] */
    enum kind kind;
    const char *section;
};

void aws_profiles_free(struct aws_profiles *profiles)
{
    if (!profiles)
        return;
    free(profiles->settings);
    arena_free(profiles->arena);
    free(profiles);
}

const char *aws_home_path(struct arena *arena, const char *name)
{
    const char *home = getenv("HOME");

    if (!home || !*home) {
        const struct passwd *user = getpwuid(geteuid());
        home = user ? user->pw_dir : NULL;
    }
    return home ? arena_printf(arena, "%s/.aws/%s", home, name) : NULL;
}

static char *trim(char *text)
{
    size_t size = strlen(text);

    while (size && isspace((unsigned char)text[size - 1]))
        text[--size] = '\0';
    while (isspace((unsigned char)*text))
        text++;
    return text;
}

static void add(struct aws_profiles *profiles, const struct place *place, const char *key,
                const char *value)
{
    profiles->settings = mem_grow(profiles->settings, &profiles->capacity, profiles->count + 1,
                                  sizeof *profiles->settings);
    profiles->settings[profiles->count++] = (struct setting){
        .kind = place->kind, .section = place->section, .key = key, .value = value};
}

/* "[profile x]", "[x]", "[sso-session x]" */
static void begin_section(struct aws_profiles *profiles, struct place *place, char *line)
{
    char *end = strchr(line, ']');

    if (end)
        *end = '\0';
    char *name = trim(line + 1);
    place->kind = KIND_PROFILE;
    if (place->config && !text_equal(name, "default")) {
        place->kind = text_starts(name, "profile ")       ? KIND_PROFILE
                      : text_starts(name, "sso-session ") ? KIND_SESSION
                                                          : KIND_OTHER;
        name = trim(name + strcspn(name, " "));
    }
    place->section = name;
    add(profiles, place, "", "");
}

/* Indented lines belong to a nested group ("s3 =") that nothing here needs. */
static void take_line(struct aws_profiles *profiles, struct place *place, char *line)
{
    bool indented = isspace((unsigned char)*line) != 0;
    char *text = trim(line);
    char *equals = strchr(text, '=');

    if (!*text || *text == '#' || *text == ';')
        return;
    if (*text == '[') {
        begin_section(profiles, place, text);
    } else if (!indented && equals && place->section) {
        *equals = '\0';
        char *key = trim(text), *value = trim(equals + 1);
        for (char *comment = value; (comment = strpbrk(comment, "#;")); comment++)
            if (comment > value && isspace((unsigned char)comment[-1])) {
                *comment = '\0';
                value = trim(value);
                break;
            }
        for (char *c = key; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        add(profiles, place, key, value);
    }
}

static enum err_code read_one(struct aws_profiles *profiles, const char *variable, const char *name,
                              bool config, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    const char *path = getenv(variable);
    struct place place = {.config = config};

    if (!path || !*path)
        path = aws_home_path(profiles->arena, name);
    if (!path || !file_exists(path))
        return ERR_OK;
    TRY(file_read(path, FILE_LIMIT_BYTES, &text, err));
    char *at = arena_strndup(profiles->arena, buf_text(&text), text.size);
    while (*at) {
        size_t size = strcspn(at, "\n");
        bool last = at[size] == '\0';
        at[size] = '\0';
        take_line(profiles, &place, at);
        at += size + !last;
    }
    return ERR_OK;
}

enum err_code aws_profiles_read(struct aws_profiles **ret_profiles, struct err *err)
{
    CLEANUP(aws_profiles_free) struct aws_profiles *profiles = mem_zalloc(1, sizeof *profiles);

    profiles->arena = arena_new(0);
    TRY(read_one(profiles, "AWS_SHARED_CREDENTIALS_FILE", "credentials", false, err));
    TRY(read_one(profiles, "AWS_CONFIG_FILE", "config", true, err));
    *ret_profiles = STEAL(profiles);
    return ERR_OK;
}

static const char *find(const struct aws_profiles *profiles, enum kind kind, const char *section,
                        const char *key)
{
    for (size_t i = 0; i < profiles->count; i++) {
        const struct setting *setting = &profiles->settings[i];
        if (setting->kind == kind && text_equal(setting->section, section) &&
            text_equal(setting->key, key))
            return setting->value;
    }
    return NULL;
}

bool aws_profiles_has(const struct aws_profiles *profiles, const char *profile)
{
    return find(profiles, KIND_PROFILE, profile, "") != NULL;
}

const char *aws_profiles_get(const struct aws_profiles *profiles, const char *profile,
                             const char *key)
{
    const char *value = find(profiles, KIND_PROFILE, profile, key);
    return value && *value ? value : NULL;
}

const char *aws_profiles_session_get(const struct aws_profiles *profiles, const char *session,
                                     const char *key)
{
    const char *value = find(profiles, KIND_SESSION, session, key);
    return value && *value ? value : NULL;
}
