#include "pipeline/batch_log.h"

#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json_read.h"
#include "base/text.h"

static const char prefix[] = "_batches/";
static const char suffix[] = ".json";

#define BATCH_MAX UINT64_C(9999999999)

enum {
    NUMBER_DIGITS = 10,
    COMMIT_TRIES = 3,
    BACKOFF_US = 200 * 1000, /* doubled each time, and as much again at random */
};

void batch_log_key(uint64_t batch, char ret_key[static 64])
{
    (void)snprintf(ret_key, 64, "%s%010llu.%010llu%s", prefix,
                   (unsigned long long)(batch <= BATCH_MAX ? BATCH_MAX - batch : 0),
                   (unsigned long long)batch, suffix);
}

uint64_t batch_log_batch(const char *key)
{
    const char *number = key + sizeof prefix - 1 + NUMBER_DIGITS + 1;
    if (strlen(key) != sizeof prefix - 1 + 2 * NUMBER_DIGITS + 1 + sizeof suffix - 1)
        return 0;
    uint64_t batch = 0;
    for (int i = 0; i < NUMBER_DIGITS; i++) {
        if (number[i] < '0' || number[i] > '9')
            return 0;
        batch = batch * 10 + (uint64_t)(number[i] - '0');
    }
    /* both numbers, and all around them, are as we write them */
    char expected[64];
    batch_log_key(batch, expected);
    return text_equal(key, expected) ? batch : 0;
}

static bool find_head(void *arg, const char *key, const struct store_info *info)
{
    (void)info;
    uint64_t *head = arg;
    *head = batch_log_batch(key);
    return *head == 0;
}

enum err_code batch_log_head(struct store *store, uint64_t *ret_batch, struct err *err)
{
    uint64_t head = 0;
    TRY(store_list(store, prefix, NULL, find_head, &head, err));
    *ret_batch = head;
    return ERR_OK;
}

enum err_code batch_log_read(struct store *store, uint64_t batch, struct buf *ret_text,
                             struct err *err)
{
    char key[64];
    batch_log_key(batch, key);
    return store_get(store, key, RECORD_LIMIT_BYTES, ret_text, err);
}

enum outcome {
    OUTCOME_ABSENT,
    OUTCOME_OURS,
    OUTCOME_OTHERS
};

/* Whose record of the batch is there? */
static enum err_code read_back(struct store *store, uint64_t batch, const char *attempt_id,
                               enum outcome *ret_outcome, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    struct err why = {0};
    if (batch_log_read(store, batch, &text, &why) != ERR_OK) {
        if (why.code != ERR_NOT_FOUND) {
            *err = why;
            return why.code;
        }
        *ret_outcome = OUTCOME_ABSENT;
        return ERR_OK;
    }
    char key[64];
    char what[128];
    batch_log_key(batch, key);
    (void)snprintf(what, sizeof what, "batch record '%s'", key);
    CLEANUP(json_doc_free) struct json_doc *doc = NULL;
    TRY(json_parse(what, buf_text(&text), text.size, &doc, err));
    const char *found = NULL;
    TRY(json_get_text(json_root(doc), "attempt", &found, err));
    *ret_outcome = text_equal(found, attempt_id) ? OUTCOME_OURS : OUTCOME_OTHERS;
    return ERR_OK;
}

static bool worth_another_try(const struct err *err)
{
    return err->code == ERR_CONFLICT || err_retryable(err);
}

/* One put, and when its outcome is not plain a look at what is there.  A conflict is ERR_CONFLICT
 * only when another's record is there; *ret_again says that nothing is decided. */
static enum err_code put_once(struct store *store, uint64_t batch, const char *attempt_id,
                              struct span text, bool *ret_again, struct err *err)
{
    char key[64];
    batch_log_key(batch, key);
    *ret_again = false;
    struct err why = {0};
    if (store_put(store, key, text, STORE_IF_ABSENT, &why) == ERR_OK)
        return ERR_OK;
    if (!worth_another_try(&why)) {
        *err = why;
        return why.code;
    }
    enum outcome outcome = OUTCOME_ABSENT;
    struct err unread = {0};
    if (read_back(store, batch, attempt_id, &outcome, &unread) != ERR_OK) {
        *err = unread;
        *ret_again = err_retryable(&unread);
        return unread.code;
    }
    if (outcome == OUTCOME_OURS)
        return ERR_OK;
    if (outcome == OUTCOME_OTHERS) {
        (void)err_set(err, ERR_CONFLICT, "batch %llu was committed by another runner in %s",
                      (unsigned long long)batch, store_url(store));
        return err_hint(err, "nothing is lost: the next run goes on from there");
    }
    *err = why;
    *ret_again = true;
    return why.code;
}

enum err_code batch_log_commit(struct store *store, uint64_t batch, const char *attempt_id,
                               struct span text, struct err *err)
{
    if (batch == 0 || batch > BATCH_MAX)
        return err_set(err, ERR_INTERNAL, "there is no batch %llu", (unsigned long long)batch);
    int64_t backoff_us = BACKOFF_US;
    for (int attempt = 1;; attempt++) {
        bool again = false;
        enum err_code code = put_once(store, batch, attempt_id, text, &again, err);
        if (code == ERR_OK)
            return ERR_OK;
        if (!again)
            return err_wrap(err, "committing batch %llu", (unsigned long long)batch);
        if (attempt == COMMIT_TRIES)
            return err_wrap(err, "committing batch %llu, tried %d times", (unsigned long long)batch,
                            attempt);
        clock_sleep_us(backoff_us + (int64_t)(random_u64() % (uint64_t)backoff_us));
        TRY(cancel_check(err));
        backoff_us *= 2;
    }
}
