/* Runs the targets: under libFuzzer the one that FUZZ_TARGET names, else every target over its
 * corpus, one TAP line each. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "fuzz/fuzz.h"

static struct fuzz_target *targets;

void fuzz_register(struct fuzz_target *target)
{
    target->next = targets;
    targets = target;
}

void fuzz_fail(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

const char *fuzz_text(const char *data, size_t size, struct arena *arena)
{
    return arena_strndup(arena, size ? data : "", size);
}

const char *fuzz_line(const char **data, size_t *size, struct arena *arena)
{
    const char *end = *size ? memchr(*data, '\n', *size) : NULL;
    size_t length = end ? (size_t)(end - *data) : *size;
    const char *line = fuzz_text(*data, length, arena);

    length += end != NULL;
    if (length)
        *data += length;
    *size -= length;
    return line;
}

static void run(const struct fuzz_target *target, const char *data, size_t size)
{
    target->run(data, size);
    redact_clear();
}

#ifdef FUZZ_ENGINE

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct fuzz_target *chosen(void)
{
    const char *name = getenv("FUZZ_TARGET");

    for (const struct fuzz_target *target = targets; target; target = target->next)
        if (name && text_equal(target->noun, name))
            return target;
    (void)fprintf(stderr, "fuzz: FUZZ_TARGET names none of:");
    for (const struct fuzz_target *target = targets; target; target = target->next)
        (void)fprintf(stderr, " %s", target->noun);
    (void)fprintf(stderr, "\n");
    exit(2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fuzz_target *target;

    if (!target)
        target = chosen();
    run(target, (const char *)data, size);
    return 0;
}

#else

/* In memory of just its size, so that the address sanitizer sees the first byte too many. */
static void run_file(const struct fuzz_target *target, const char *path)
{
    CLEANUP_IN_PLACE(buf_release) struct buf content = {0};
    struct err err = {0};

    (void)printf("# %s\n", path);
    (void)fflush(stdout);
    if (file_read(path, 64 << 20, &content, &err) != ERR_OK)
        fuzz_fail(err.message, path, 0);
    CLEANUP(free) char *exact = mem_alloc(content.size);
    if (content.size)
        memcpy(exact, content.data, content.size);
    run(target, exact, content.size);
}

static size_t run_corpus(const struct fuzz_target *target, const char *corpus)
{
    CLEANUP_IN_PLACE(buf_release) struct buf path = {0};
    size_t count = 0;

    buf_addf(&path, "%s/%s", corpus, target->noun);
    size_t folder = path.size;
    DIR *dir = opendir(path.data);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        path.size = folder;
        buf_addf(&path, "/%s", entry->d_name);
        run_file(target, path.data);
        count++;
    }
    if (dir)
        (void)closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    const char *corpus = argc > 1 ? argv[1] : "test/fuzz/corpus";
    size_t number = 0, failed = 0;

    for (const struct fuzz_target *target = targets; target; target = target->next) {
        size_t files = run_corpus(target, corpus);
        failed += files == 0; /* nothing tested is nothing proved */
        (void)printf("%s %zu - %s: %zu files\n", files ? "ok" : "not ok", ++number, target->noun,
                     files);
    }
    (void)printf("1..%zu\n", number);
    return failed > 0;
}

#endif
