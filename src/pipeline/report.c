#include "pipeline/report.h"

#include <dirent.h>
#include <strings.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"
#include "pipeline/report_file.h"

enum {
    FILE_LIMIT_BYTES = 1 << 18,
    FILES_MAX = 512,
};

struct folder {
    const char *dir;       /* its path */
    const char *shown;     /* the same, for messages */
    struct sha256 *digest; /* takes every file that is read */
    const char **names;    /* without ".sql", sorted */
    size_t count;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* No such folder: no files. */
static enum err_code list_folder(struct folder *folder, struct arena *arena, struct err *err)
{
    folder->names = arena_alloc(arena, FILES_MAX * sizeof *folder->names);
    if (file_is_dir(folder->dir)) {
        DIR *dir = opendir(folder->dir);
        if (!dir)
            return file_error(err, "reading", folder->dir);
        for (const struct dirent *entry; (entry = readdir(dir)) && folder->count < FILES_MAX;) {
            size_t size = strlen(entry->d_name);
            if (entry->d_name[0] != '.' && size > 4 && text_ends(entry->d_name, ".sql"))
                folder->names[folder->count++] = arena_strndup(arena, entry->d_name, size - 4);
        }
        (void)closedir(dir);
    }
    qsort(folder->names, folder->count, sizeof *folder->names, compare_names);
    return ERR_OK;
}

static enum err_code read_file(const struct folder *from, const char *name, struct arena *arena,
                               struct report_source *source, struct report *report, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf content = {0};

    source->name = name;
    source->what = arena_printf(arena, "%s/%s.sql", from->shown, name);
    TRY(file_read(arena_printf(arena, "%s/%s.sql", from->dir, name), FILE_LIMIT_BYTES, &content,
                  err));
    sha256_add(from->digest, source->what, strlen(source->what) + 1);
    sha256_add(from->digest, buf_text(&content), content.size + 1);
    if (memchr(buf_text(&content), '\0', content.size) ||
        !text_is_utf8(buf_text(&content), content.size))
        return err_set(err, ERR_CONFIG, "%s is not UTF-8 text", source->what);
    if (report) {
        report->name = name;
        report->what = source->what;
    }
    return report_file_parse(arena_strdup(arena, buf_text(&content)), arena, source, report, err);
}

static const char *const none_suffix = "_none";

/* x_none.sql stands in for x.sql. */
static enum err_code bind_substitutes(struct report_sources *sources, struct arena *arena,
                                      struct err *err)
{
    for (size_t i = 0; i < sources->count; i++) {
        struct report_source *set = &sources->sets[i];
        if (!set->needs)
            continue;
        const char *wanted = arena_printf(arena, "%s%s", set->name, none_suffix);
        for (size_t j = 0; j < sources->count; j++)
            if (text_equal(sources->sets[j].name, wanted))
                set->otherwise = &sources->sets[j];
        if (!set->otherwise)
            return err_set(err, ERR_CONFIG, "%s needs '%s', but there is no %s.sql beside it",
                           set->what, set->needs, wanted);
    }
    return ERR_OK;
}

static enum err_code read_sets(struct folder folder, struct arena *arena,
                               struct report_sources *sources, struct err *err)
{
    TRY(list_folder(&folder, arena, err));
    if (folder.count > REPORT_SETS_MAX)
        return err_set(err, ERR_CONFIG, "models/report/sets holds more than %d files",
                       REPORT_SETS_MAX);
    for (size_t i = 0; i < folder.count; i++)
        TRY(read_file(&folder, folder.names[i], arena, &sources->sets[sources->count++], NULL,
                      err));
    return bind_substitutes(sources, arena, err);
}

static bool has_money(const struct report_source *set)
{
    return strstr(set->text, " as amount") != NULL;
}

/* Counts what could not be converted, in every set with money that the report uses. */
static enum err_code assemble_unconverted(const struct report_sources *sources,
                                          const struct report_source *report, struct arena *arena,
                                          struct report_sql *ret_sql, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    struct report_source counting = *report;

    for (size_t i = 0; i < report->use_count; i++)
        for (size_t j = 0; j < sources->count; j++)
            if (text_equal(sources->sets[j].name, report->uses[i]) && has_money(&sources->sets[j]))
                buf_addf(&text, "%s(select count(*) from %s where amount is null)",
                         text.size ? " + " : "select ", report->uses[i]);
    if (!text.size)
        return ERR_OK;
    counting.text = arena_strdup(arena, buf_text(&text));
    return report_sql_assemble(sources, &counting, REPORT_SQL_WHOLE, arena, ret_sql, err);
}

static enum err_code finish_report(const struct report_sources *sources,
                                   const struct report_source *source, struct report *report,
                                   struct arena *arena, struct err *err)
{
    if (strncasecmp(source->text, "select", 6) != 0) {
        err_set(err, ERR_CONFIG, "%s: a report is one select", source->what);
        return err_hint(err, "what others share belongs in models/report/sets");
    }
    for (int form = 0; form < REPORT_SQL_FORMS; form++)
        TRY(report_sql_assemble(sources, source, (enum report_sql_form)form, arena,
                                &report->sql[form], err));
    TRY(report_sql_many(sources, source, arena, &report->many, err));
    TRY(assemble_unconverted(sources, source, arena, &report->unconverted, err));
    for (size_t i = 0; i < report->sql[REPORT_SQL_WHOLE].param_count; i++)
        report->takes[report->sql[REPORT_SQL_WHOLE].params[i]] = true;
    return ERR_OK;
}

/* In the order of a page: group, place, name. */
static int compare_reports(const void *a, const void *b)
{
    static const char *const order[] = {"summary", "sales",   "purchases", "payments",
                                        "history", "quality", "rows"};
    const struct report *one = a, *other = b;
    size_t ranks[2] = {0, 0};

    for (size_t i = 0; i < COUNT_OF(order); i++) {
        ranks[0] = text_equal(order[i], one->group) ? i : ranks[0];
        ranks[1] = text_equal(order[i], other->group) ? i : ranks[1];
    }
    if (ranks[0] != ranks[1])
        return ranks[0] < ranks[1] ? -1 : 1;
    if (one->place != other->place)
        return one->place < other->place ? -1 : 1;
    return strcmp(one->name, other->name);
}

static enum err_code check_drills(const struct report_set *set, struct err *err)
{
    const struct report *target;

    for (size_t i = 0; i < set->count; i++) {
        const struct report_drill *drill = &set->reports[i].drill;
        if (!drill->report)
            continue;
        if (report_find(set, drill->report, &target, err) != ERR_OK) {
            err->code = ERR_CONFIG;
            return err_wrap(err, "%s", set->reports[i].what);
        }
        for (size_t j = 0; j < drill->count; j++) {
            bool taken = false;
            for (size_t k = 0; k < REPORT_PARAMETERS; k++)
                taken = taken || (target->takes[k] &&
                                  text_equal(report_parameters[k].name, drill->filters[j]));
            if (!taken)
                return err_set(err, ERR_CONFIG, "%s: report '%s' takes no filter '%s'",
                               set->reports[i].what, drill->report, drill->filters[j]);
        }
    }
    return ERR_OK;
}

static enum err_code collect_rows(const struct report_sources *sources, struct arena *arena,
                                  struct report_set *set, struct err *err)
{
    set->rows = arena_alloc(arena, (sources->count + 1) * sizeof *set->rows);
    for (size_t i = 0; i < sources->count; i++) {
        const struct report_source *source = &sources->sets[i];
        struct report_rows rows = {.name =
                                       arena_printf(arena, REPORT_ROWS_PREFIX "%s", source->name)};
        if (!report_sql_has_filters(source))
            continue;
        TRY(report_sql_rows(sources, source, arena, &rows.sql, err));
        rows.asked_name = arena_printf(arena, REPORT_ASKED_ROWS_PREFIX "%s", source->name);
        rows.filter_columns = source->filter_columns;
        set->rows[set->row_count++] = rows;
    }
    return ERR_OK;
}

/* What can be chosen needs no header but, for rates, the table without which it is left out. */
static enum err_code read_choices(struct folder folder, struct arena *arena, struct report_set *set,
                                  struct err *err)
{
    TRY(list_folder(&folder, arena, err));
    for (size_t i = 0; i < folder.count; i++) {
        struct report_source source = {0};
        const char **place = text_equal(folder.names[i], "dates")         ? &set->dates
                             : text_equal(folder.names[i], "first_batch") ? &set->first_batch
                                                                          : NULL;
        for (size_t j = 0; j < REPORT_PARAMETERS; j++)
            if (text_equal(folder.names[i], report_parameters[j].name))
                place = &set->choices[j];
        if (!place)
            return err_set(err, ERR_CONFIG, "models/report/choices/%s.sql: there is no filter '%s'",
                           folder.names[i], folder.names[i]);
        TRY(read_file(&folder, folder.names[i], arena, &source, NULL, err));
        *place = source.text;
    }
    return ERR_OK;
}

static enum err_code read_reports(struct folder folder, const struct report_sources *sources,
                                  struct arena *arena, struct report_set *set, struct err *err)
{
    TRY(list_folder(&folder, arena, err));
    set->reports = arena_alloc(arena, (folder.count + 1) * sizeof *set->reports);
    for (size_t i = 0; i < folder.count; i++) {
        struct report *report = &set->reports[set->count++];
        struct report_source source = {0};
        report->in_bundle = true;
        TRY(read_file(&folder, folder.names[i], arena, &source, report, err));
        TRY(finish_report(sources, &source, report, arena, err));
    }
    qsort(set->reports, set->count, sizeof *set->reports, compare_reports);
    return check_drills(set, err);
}

enum err_code report_set_read(const char *models_dir, struct arena *arena,
                              struct report_set **ret_set, struct err *err)
{
    CLEANUP(sha256_free) struct sha256 *digest = sha256_new();
    struct report_sources *sources = arena_alloc(arena, sizeof *sources);
    struct report_set *set = arena_alloc(arena, sizeof *set);
    const char *dir = arena_printf(arena, "%s/report", models_dir);
    const struct folder sets = {arena_printf(arena, "%s/sets", dir), "models/report/sets", digest},
                        choices = {arena_printf(arena, "%s/choices", dir), "models/report/choices",
                                   digest},
                        reports = {dir, "models/report", digest};
    char hex[SHA256_HEX_SIZE];

    TRY(read_sets(sets, arena, sources, err));
    for (size_t i = 0; i < sources->count; i++)
        if (sources->sets[i].needs)
            set->needs = sources->sets[i].needs;
    TRY(collect_rows(sources, arena, set, err));
    TRY(read_choices(choices, arena, set, err));
    TRY(read_reports(reports, sources, arena, set, err));
    sha256_finish(digest, hex);
    set->digest = arena_strdup(arena, hex);
    *ret_set = set;
    return ERR_OK;
}

enum err_code report_find(const struct report_set *set, const char *name,
                          const struct report **ret_report, struct err *err)
{
    const char *names[FILES_MAX];

    for (size_t i = 0; i < set->count; i++) {
        if (text_equal(set->reports[i].name, name)) {
            *ret_report = &set->reports[i];
            return ERR_OK;
        }
        names[i] = set->reports[i].name;
    }
    err_set(err, ERR_NOT_FOUND, "there is no report '%.80s'", name);
    const char *closest = text_closest(name, names, set->count);
    return closest ? err_hint(err, "did you mean '%s'?", closest) : err->code;
}
