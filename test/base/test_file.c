/* What an operator reads when the disk says no, and what a crash must not leave. */
#include <errno.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "lib/unit.h"

struct place {
    struct work_dir *dir;
    struct arena *arena;
};

static int set_up(void **state)
{
    struct place *place = mem_zalloc(1, sizeof *place);
    struct err err;

    place->arena = arena_new(0);
    *state = place;
    return work_dir_open(NULL, &place->dir, &err) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    work_dir_close(place->dir);
    arena_free(place->arena);
    free(place);
    return 0;
}

static char *below(struct place *place, const char *name)
{
    return arena_printf(place->arena, "%s/%s", work_dir_path(place->dir), name);
}

static void what_is_written_is_read(void **state)
{
    CLEANUP_IN_PLACE(buf_release) struct buf content = {0};
    const char *path = below(*state, "a b'%.txt");
    struct err err;

    assert_int_equal(file_write_atomic(path, "one\0two", 7, 0600, &err), ERR_OK);
    assert_int_equal(file_write_atomic(path, "three", 5, 0600, &err), ERR_OK);
    assert_int_equal(file_read(path, 5, &content, &err), ERR_OK);
    assert_string_equal(content.data, "three");
    /* Too large: the output is as it was. */
    assert_int_equal(file_read(path, 4, &content, &err), ERR_DATA);
    assert_string_equal(content.data, "three");
    assert_int_equal(content.size, 5);
}

static void nothing_else_is_left_beside_it(void **state)
{
    struct err err;
    const char *folder = below(*state, "folder");

    assert_int_equal(file_make_dirs(folder, &err), ERR_OK);
    /* The name is taken by a folder, so renaming fails after everything was written. */
    assert_int_not_equal(file_write_atomic(folder, "x", 1, 0600, &err), ERR_OK);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(rmdir(work_dir_path(((struct place *)*state)->dir)), 0);
}

static void the_usual_reasons_have_a_code_and_a_hint(void **state)
{
    static const struct {
        int reason;
        enum err_code code;
        const char *hint;
    } cases[] = {
        {ENOENT, ERR_NOT_FOUND, ""},       {EACCES, ERR_DENIED, "permissions"},
        {ENOSPC, ERR_IO, "full"},          {EROFS, ERR_IO, "read-only"},
        {EDQUOT, ERR_IO, "quota"},         {EMFILE, ERR_IO, "ulimit"},
        {ENAMETOOLONG, ERR_IO, "shorter"}, {ECHILD, ERR_IO, ""},
    };
    char path[3000];
    (void)state;

    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err;
        errno = cases[i].reason;
        assert_int_equal(file_error(&err, "writing", path), cases[i].code);
        assert_int_equal(err.sys_errno, cases[i].reason);
        assert_non_null(strstr(err.hint, cases[i].hint));
        /* However long the path, the reason is there. */
        assert_true(text_ends(err.message, strerror(cases[i].reason)));
        assert_true(text_starts(err.message, "writing '"));
    }
}

static void folders_are_made_with_all_above(void **state)
{
    const char *path = below(*state, "a/b//c/");
    const char *file = below(*state, "file");
    struct err err;

    assert_int_equal(file_make_dirs(path, &err), ERR_OK);
    assert_int_equal(file_make_dirs(path, &err), ERR_OK);
    assert_true(file_is_dir(path));
    assert_int_equal(file_write_atomic(file, "", 0, 0600, &err), ERR_OK);
    assert_true(file_exists(file));
    assert_false(file_is_dir(file));
    assert_int_equal(file_make_dirs(below(*state, "file/x"), &err), ERR_IO);
    assert_non_null(strstr(err.hint, "folder"));
}

static void removing_a_tree_does_not_follow_links_out_of_it(void **state)
{
    const char *tree = below(*state, "tree"), *outside = below(*state, "outside");
    struct err err;

    assert_int_equal(file_make_dirs(below(*state, "tree/x/y"), &err), ERR_OK);
    assert_int_equal(file_make_dirs(outside, &err), ERR_OK);
    assert_int_equal(symlink(outside, below(*state, "tree/x/link")), 0);
    assert_int_equal(file_remove_tree(tree, &err), ERR_OK);
    assert_false(file_exists(tree));
    assert_true(file_exists(outside));
    assert_int_equal(file_remove_tree(tree, &err), ERR_OK);
}

static void paths_are_resolved_by_text(void **state)
{
    struct arena *arena = ((struct place *)*state)->arena;

    assert_string_equal(file_resolve(arena, "/srv/x", "./lake/../l//m/"), "/srv/x/l/m");
    assert_string_equal(file_resolve(arena, "/srv/x", "/abs/./y"), "/abs/y");
    assert_string_equal(file_resolve(arena, "/srv", "../../.."), "/");
    assert_string_equal(file_resolve(arena, "/", "a"), "/a");
    assert_int_equal(file_resolve(arena, NULL, "a")[0], '/');
    assert_int_equal(file_resolve(arena, "rel", "a")[0], '/');
    assert_true(text_ends(file_resolve(arena, "rel", "a"), "/rel/a"));
}

static void a_work_folder_is_private_and_goes_away(void **state)
{
    CLEANUP(work_dir_close) struct work_dir *dir = NULL;
    struct stat info;
    struct err err;

    assert_int_equal(work_dir_open(below(*state, "new/parent"), &dir, &err), ERR_OK);
    const char *path = arena_strdup(((struct place *)*state)->arena, work_dir_path(dir));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_int_equal(
        file_make_dirs(arena_printf(((struct place *)*state)->arena, "%s/deep/er", path), &err),
        ERR_OK);
    work_dir_close(dir);
    dir = NULL;
    assert_false(file_exists(path));
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(what_is_written_is_read),
        IN_A_FOLDER(nothing_else_is_left_beside_it),
        IN_A_FOLDER(the_usual_reasons_have_a_code_and_a_hint),
        IN_A_FOLDER(folders_are_made_with_all_above),
        IN_A_FOLDER(removing_a_tree_does_not_follow_links_out_of_it),
        IN_A_FOLDER(paths_are_resolved_by_text),
        IN_A_FOLDER(a_work_folder_is_private_and_goes_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
