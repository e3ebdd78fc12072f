/* What only a directory can get wrong; the contract of all stores runs in test_directory_contract.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/text.h"
#include "lib/unit.h"
#include "store/store.h"

static struct work_dir *all;
static int made;

static const char *make(struct arena *arena)
{
    return arena_printf(arena, "%s/lake %d/new", work_dir_path(all), ++made);
}

struct place {
    struct arena *arena;
    struct store *store;
    struct err err;
};

static int set_up(void **state)
{
    struct place *place = mem_zalloc(1, sizeof *place);

    *state = place;
    place->arena = arena_new(0);
    return store_open(make(place->arena), &place->store, &place->err) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    store_close(place->store);
    arena_free(place->arena);
    free(place);
    return 0;
}

static const char *below(struct place *place, const char *name)
{
    return arena_printf(place->arena, "%s/%s", store_url(place->store), name);
}

static enum err_code put(struct place *place, const char *key)
{
    struct span bytes = {"x", 1};
    return store_put(place->store, key, bytes, STORE_IF_ABSENT, &place->err);
}

static bool count(void *arg, const char *key, const struct store_info *info)
{
    (void)key, (void)info;
    ++*(size_t *)arg;
    return true;
}

static size_t listed(struct place *place)
{
    size_t objects = 0;
    assert_int_equal(store_list(place->store, "", NULL, count, &objects, &place->err), ERR_OK);
    return objects;
}

static size_t files_in(const char *folder)
{
    size_t files = 0;
    DIR *dir = opendir(folder);

    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir));)
        files += entry->d_name[0] != '.';
    (void)closedir(dir);
    return files;
}

static void opening_makes_nothing_and_an_unmade_store_is_empty(void **state)
{
    struct place *place = *state;

    assert_int_equal(listed(place), 0);
    assert_false(file_exists(store_url(place->store)));
    assert_int_equal(put(place, "a/b"), ERR_OK);
    assert_int_equal(files_in(below(place, ".staging")), 0);
}

static void addresses_are_understood_or_refused(void **state)
{
    struct place *place = *state;
    static const char *const bad[] = {"", "gs://bucket/x", "file://host/x", "file:///x%zz"};

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct store *none = NULL;
        assert_int_equal(store_open(bad[i], &none, &place->err), ERR_CONFIG);
        assert_null(none);
    }
    CLEANUP(store_close) struct store *store = NULL;
    assert_int_equal(store_open("file:///tmp/my%20lake/../x", &store, &place->err), ERR_OK);
    assert_string_equal(store_url(store), "/tmp/x");
    CLEANUP(store_close) struct store *relative = NULL;
    assert_int_equal(store_open("./lake", &relative, &place->err), ERR_OK);
    assert_int_equal(store_url(relative)[0], '/');
    CLEANUP(store_close) struct store *file = NULL;
    assert_int_equal(store_open("/etc/passwd", &file, &place->err), ERR_CONFIG);
}

/* A killed run must leave nothing that anybody reads, and not fill the disk for ever. */
static void leftovers_are_not_listed_and_go_after_a_day(void **state)
{
    struct place *place = *state;
    CLEANUP(store_close) struct store *again = NULL;
    const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

    assert_int_equal(put(place, "a"), ERR_OK);
    assert_int_equal(file_write_atomic(below(place, ".staging/old"), "x", 1, 0600, &place->err), 0);
    assert_int_equal(file_write_atomic(below(place, ".staging/new"), "x", 1, 0600, &place->err), 0);
    assert_int_equal(utimensat(AT_FDCWD, below(place, ".staging/old"), old, 0), 0);
    assert_int_equal(listed(place), 1);
    assert_int_equal(store_open(store_url(place->store), &again, &place->err), ERR_OK);
    assert_false(file_exists(below(place, ".staging/old")));
    assert_true(file_exists(below(place, ".staging/new")));
}

static void links_do_not_lead_out_of_the_store(void **state)
{
    struct place *place = *state;
    const char *outside = make(place->arena);
    struct store_info info;

    assert_int_equal(file_make_dirs(outside, &place->err), ERR_OK);
    assert_int_equal(put(place, "a"), ERR_OK);
    assert_int_equal(symlink(outside, below(place, "way")), 0);
    assert_int_equal(symlink("/etc/passwd", below(place, "file")), 0);
    assert_int_equal(put(place, "way/x"), ERR_DENIED);
    assert_non_null(strstr(place->err.hint, "symbolic link"));
    assert_int_equal(files_in(outside), 0);
    assert_int_equal(store_head(place->store, "file", &info, &place->err), ERR_DENIED);
    assert_int_equal(put(place, "file"), ERR_CONFLICT);
    assert_int_equal(listed(place), 1);
}

static void object_and_folder_cannot_share_a_name(void **state)
{
    struct place *place = *state;

    assert_int_equal(put(place, "a"), ERR_OK);
    assert_int_equal(put(place, "a/b"), ERR_IO);
    assert_int_equal(put(place, "c/d"), ERR_OK);
    assert_int_equal(put(place, "c"), ERR_IO);
    assert_non_null(strstr(place->err.hint, "'a/b'"));
    assert_int_equal(store_put(place->store, "c", (struct span){"x", 1}, STORE_ALWAYS, &place->err),
                     ERR_IO);
    assert_int_equal(listed(place), 2);
}

static void foreign_files_with_impossible_names_are_passed_over(void **state)
{
    struct place *place = *state;

    assert_int_equal(put(place, "a"), ERR_OK);
    assert_int_equal(file_write_atomic(below(place, "new\nline"), "", 0, 0600, &place->err), 0);
    assert_int_equal(file_write_atomic(below(place, "\xff"), "", 0, 0600, &place->err), 0);
    assert_int_equal(mkfifo(below(place, "fifo"), 0600), 0);
    assert_int_equal(listed(place), 1);
}

static void a_full_disk_is_named_and_leaves_nothing(void **state)
{
    struct place *place = *state;
    struct store_writer *writer = NULL;
    char piece[4096] = "x";

    /* RLIMIT_FSIZE would kill by signal; /dev/full is no file system: a small tmpfs needs root. */
    const char *tiny = make(place->arena);
    assert_int_equal(file_make_dirs(tiny, &place->err), ERR_OK);
    if (system(
            arena_printf(place->arena, "mount -t tmpfs -o size=64k tmpfs '%s' 2>/dev/null", tiny)))
        return; /* needs root, which CI's containers are */
    CLEANUP(store_close) struct store *store = NULL;
    assert_int_equal(store_open(tiny, &store, &place->err), ERR_OK);
    assert_int_equal(store_writer_open(store, "a/b", STORE_IF_ABSENT, &writer, &place->err),
                     ERR_OK);
    enum err_code code = ERR_OK;
    for (int i = 0; i < 100 && code == ERR_OK; i++)
        code = store_writer_add(writer, piece, sizeof piece, &place->err);
    assert_int_equal(code, ERR_IO);
    assert_non_null(strstr(place->err.message, "No space left"));
    assert_non_null(strstr(place->err.message, tiny));
    assert_non_null(strstr(place->err.hint, "full"));
    assert_int_equal(store_writer_commit(writer, &(struct err){0}), ERR_INTERNAL);
    store_writer_close(writer);
    size_t left = files_in(arena_printf(place->arena, "%s/.staging", tiny));
    assert_int_equal(
        system(arena_printf(place->arena, "mount -o remount,ro '%s' 2>/dev/null", tiny)), 0);
    code = store_put(store, "a", (struct span){"x", 1}, STORE_IF_ABSENT, &place->err);
    int unmounted = system(arena_printf(place->arena, "umount '%s'", tiny));
    assert_int_equal(unmounted, 0);
    assert_int_equal(left, 0);
    assert_int_equal(code, ERR_IO);
    assert_non_null(strstr(place->err.hint, "read-only"));
}

static void what_may_not_be_written_is_denied(void **state)
{
    struct place *place = *state;
    int status = 0;

    assert_int_equal(file_make_dirs(store_url(place->store), &place->err), ERR_OK);
    assert_int_equal(chmod(store_url(place->store), 0500), 0);
    pid_t child = fork();
    if (child == 0) {
        /* Root may do anything, so it must be somebody else. */
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(2);
        _exit(put(place, "a") == ERR_DENIED && strstr(place->err.hint, "permissions") ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(store_url(place->store), 0700), 0);
}

static void ctrl_c_ends_a_listing(void **state)
{
    struct place *place = *state;
    size_t objects = 0;

    assert_int_equal(put(place, "a/b"), ERR_OK);
    cancel_request();
    assert_int_equal(store_list(place->store, "", NULL, count, &objects, &place->err),
                     ERR_CANCELLED);
    cancel_clear();
}

#define IN_A_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_STORE(opening_makes_nothing_and_an_unmade_store_is_empty),
        IN_A_STORE(addresses_are_understood_or_refused),
        IN_A_STORE(leftovers_are_not_listed_and_go_after_a_day),
        IN_A_STORE(links_do_not_lead_out_of_the_store),
        IN_A_STORE(object_and_folder_cannot_share_a_name),
        IN_A_STORE(foreign_files_with_impossible_names_are_passed_over),
        IN_A_STORE(a_full_disk_is_named_and_leaves_nothing),
        IN_A_STORE(what_may_not_be_written_is_denied),
        IN_A_STORE(ctrl_c_ends_a_listing),
    };
    struct err err;

    if (work_dir_open(NULL, &all, &err))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    work_dir_close(all);
    return failed;
}
