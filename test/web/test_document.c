/* If these fail, the server's memory grows until it ends, or a reader gets somebody else's answer.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "lib/unit.h"
#include "web/document.h"
#include "web/jobs.h"

static struct document *document_with(const char *text, size_t times)
{
    struct document *document = document_new(200, "text/plain");

    for (size_t i = 0; i < times; i++)
        buf_add_text(&document->body, text);
    document_seal(document);
    return document;
}

static void what_shrinks_is_kept_small_too(void **state)
{
    (void)state;
    CLEANUP(document_release) struct document *large = document_with("the same again ", 1000);
    CLEANUP(document_release) struct document *small = document_with("short", 1);
    CLEANUP(document_release) struct document *equal = document_with("short", 1);

    assert_true(large->gzip.size > 0 && large->gzip.size < large->body.size / 10);
    assert_int_equal((unsigned char)large->gzip.data[0], 0x1f);
    assert_int_equal((unsigned char)large->gzip.data[1], 0x8b);
    assert_int_equal(small->gzip.size, 0);
    assert_string_equal(small->etag, equal->etag);
    assert_string_not_equal(small->etag, large->etag);
}

static void the_oldest_answers_make_room(void **state)
{
    (void)state;
    CLEANUP(cache_free) struct cache *cache = cache_new(100000);
    char key[32];

    for (int i = 0; i < 100; i++) {
        CLEANUP(document_release) struct document *document = document_with("0123456789", 400);
        (void)snprintf(key, sizeof key, "key %d", i);
        cache_put(cache, key, document);
        CLEANUP(document_release) struct document *first = cache_get(cache, "key 0");
        assert_non_null(first); /* asked for all the time: it stays */
    }
    CLEANUP(document_release) struct document *old = cache_get(cache, "key 1");
    CLEANUP(document_release) struct document *newest = cache_get(cache, "key 99");
    assert_null(old);
    assert_non_null(newest);
    CLEANUP(document_release) struct document *huge = document_with("0123456789", 20000);
    cache_put(cache, "huge", huge);
    CLEANUP(document_release) struct document *none = cache_get(cache, "huge");
    assert_null(none);
}

static void a_newer_answer_takes_the_place_of_the_old(void **state)
{
    (void)state;
    CLEANUP(cache_free) struct cache *cache = cache_new(1 << 20);
    CLEANUP(document_release) struct document *one = document_with("one", 1);
    CLEANUP(document_release) struct document *two = document_with("two", 1);

    cache_put(cache, "key", one);
    cache_put(cache, "key", two);
    CLEANUP(document_release) struct document *found = cache_get(cache, "key");
    assert_ptr_equal(found, two);
}

/* --- jobs --- */

struct tally {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    unsigned made, answered;
};

static struct document *make(void *worker, const struct job *job)
{
    struct tally *tally = worker;

    pthread_mutex_lock(&tally->lock);
    tally->made++;
    pthread_mutex_unlock(&tally->lock);
    return document_with(job->key, 1);
}

static void done(void *arg, struct document *document)
{
    struct tally *tally = arg;

    pthread_mutex_lock(&tally->lock);
    tally->answered++;
    pthread_cond_signal(&tally->moved);
    pthread_mutex_unlock(&tally->lock);
    document_release(document);
}

static struct document *refuse(void)
{
    return document_with("refused", 1);
}

static void everybody_who_asks_is_answered_once(void **state)
{
    (void)state;
    enum {
        ASKERS = 500
    };
    struct tally tally = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};
    const struct jobs_worker workers[] = {{.worker = &tally}, {.worker = &tally}};
    struct err err;
    char key[16];

    struct jobs *jobs = jobs_start(workers, COUNT_OF(workers), &err);
    assert_non_null(jobs);
    for (int i = 0; i < ASKERS; i++) {
        (void)snprintf(key, sizeof key, "%d", i % 3);
        const struct job job = {
            .key = mem_strdup(key), .make = make, .done = done, .arg = &tally, .background = i % 2};
        assert_true(jobs_add(jobs, job));
    }
    pthread_mutex_lock(&tally.lock);
    while (tally.answered < ASKERS)
        pthread_cond_wait(&tally.moved, &tally.lock);
    unsigned made = tally.made;
    pthread_mutex_unlock(&tally.lock);
    assert_true(made <= ASKERS);
    jobs_stop(jobs, refuse);
    assert_int_equal(tally.answered, ASKERS);
    jobs_free(jobs);
}

/* Two threads, gates to hold their work, and the order in which it began. */
struct gate {
    struct tally tally;
    char began[64];
    bool open;
};

static struct document *make_at_gate(void *worker, const struct job *job)
{
    struct gate *gate = worker;

    pthread_mutex_lock(&gate->tally.lock);
    gate->began[strlen(gate->began)] = *job->key; /* the rest is zero */
    pthread_cond_broadcast(&gate->tally.moved);
    while (!gate->open)
        pthread_cond_wait(&gate->tally.moved, &gate->tally.lock);
    pthread_mutex_unlock(&gate->tally.lock);
    return document_with(job->key, 1);
}

static void add_at_gate(struct jobs *jobs, struct gate *gate, const char *key, bool background,
                        unsigned stage)
{
    assert_true(jobs_add(jobs, (struct job){.key = mem_strdup(key),
                                            .make = make_at_gate,
                                            .done = done,
                                            .arg = &gate->tally,
                                            .background = background,
                                            .stage = stage}));
}

static void wait_until_began(struct gate *gate, const char *keys)
{
    pthread_mutex_lock(&gate->tally.lock);
    while (!text_equal(gate->began, keys))
        pthread_cond_wait(&gate->tally.moved, &gate->tally.lock);
    pthread_mutex_unlock(&gate->tally.lock);
}

static void those_who_wait_come_before_the_background(void **state)
{
    (void)state;
    struct gate gate = {
        .tally = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER}};
    const struct jobs_worker workers[] = {{.worker = &gate}, {.worker = &gate}};
    struct err err;

    struct jobs *jobs = jobs_start(workers, COUNT_OF(workers), &err);
    assert_non_null(jobs);
    add_at_gate(jobs, &gate, "b", true, 0);
    wait_until_began(&gate, "b");
    add_at_gate(jobs, &gate, "c", true, 0); /* the other thread is not for the background */
    add_at_gate(jobs, &gate, "l", true, 1);
    add_at_gate(jobs, &gate, "b", false, 0); /* is being made already */
    add_at_gate(jobs, &gate, "f", false, 0);
    wait_until_began(&gate, "bf");
    pthread_mutex_lock(&gate.tally.lock);
    gate.open = true;
    pthread_cond_broadcast(&gate.tally.moved);
    while (gate.tally.answered < 5)
        pthread_cond_wait(&gate.tally.moved, &gate.tally.lock);
    pthread_mutex_unlock(&gate.tally.lock);
    assert_string_equal(gate.began, "bfbcl");
    jobs_stop(jobs, refuse);
    jobs_free(jobs);
}

static void wait_for_answers(struct gate *gate, size_t count, bool open)
{
    pthread_mutex_lock(&gate->tally.lock);
    gate->open = open;
    pthread_cond_broadcast(&gate->tally.moved);
    while (gate->tally.answered < count)
        pthread_cond_wait(&gate->tally.moved, &gate->tally.lock);
    pthread_mutex_unlock(&gate->tally.lock);
}

static void a_stage_of_the_background_begins_when_the_one_before_is_done(void **state)
{
    (void)state;
    struct gate gate = {
        .tally = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER}};
    const struct jobs_worker workers[] = {{.worker = &gate}, {.worker = &gate}, {.worker = &gate}};
    struct err err;

    struct jobs *jobs = jobs_start(workers, COUNT_OF(workers), &err);
    assert_non_null(jobs);
    add_at_gate(jobs, &gate, "a", true, 0);
    wait_until_began(&gate, "a");
    add_at_gate(jobs, &gate, "c", true, 1); /* there is room for it, but not yet its turn */
    add_at_gate(jobs, &gate, "b", true, 0);
    wait_until_began(&gate, "ab");
    wait_for_answers(&gate, 3, true);
    assert_string_equal(gate.began, "abc");

    gate.open = false;
    add_at_gate(jobs, &gate, "d", true, 0);
    wait_until_began(&gate, "abcd");
    add_at_gate(jobs, &gate, "d", false, 0); /* who waits for it is not held up by more */
    add_at_gate(jobs, &gate, "e", true, 0);
    add_at_gate(jobs, &gate, "f", false, 0);
    wait_until_began(&gate, "abcdf");
    wait_for_answers(&gate, 7, true);
    assert_string_equal(gate.began, "abcdfde");
    jobs_stop(jobs, refuse);
    jobs_free(jobs);
}

static void what_waits_at_the_end_is_refused(void **state)
{
    (void)state;
    struct tally tally = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};
    struct err err;
    unsigned added = 0;

    /* without a worker everything waits */
    struct jobs *jobs = jobs_start(NULL, 0, &err);
    assert_non_null(jobs);
    while (jobs_add(
        jobs, (struct job){.key = mem_strdup("k"), .make = make, .done = done, .arg = &tally}))
        added++;
    assert_int_equal(added, JOBS_WAITING_MAX);
    assert_int_equal(jobs_waiting(jobs), JOBS_WAITING_MAX);
    jobs_stop(jobs, refuse);
    assert_int_equal(tally.answered, added);
    assert_int_equal(tally.made, 0);
    /* a reader who is still connected asks once more */
    assert_false(jobs_add(
        jobs, (struct job){.key = mem_strdup("k"), .make = make, .done = done, .arg = &tally}));
    jobs_free(jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_shrinks_is_kept_small_too),
        cmocka_unit_test(the_oldest_answers_make_room),
        cmocka_unit_test(a_newer_answer_takes_the_place_of_the_old),
        cmocka_unit_test(everybody_who_asks_is_answered_once),
        cmocka_unit_test(those_who_wait_come_before_the_background),
        cmocka_unit_test(a_stage_of_the_background_begins_when_the_one_before_is_done),
        cmocka_unit_test(what_waits_at_the_end_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
