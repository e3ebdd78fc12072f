#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xml_read.h"
#include "store/s3_private.h"

enum {
    PAGE_KEYS = 1000,
    FIRST_PAGE_KEYS = 100, /* who looks for the head of a log wants one key */
    PAGE_LIMIT_BYTES = 8 << 20,
    TOKEN_MAX = 4096
};

struct entry {
    char *key;
    struct store_info info;
};

/* One page: held whole, as it may be asked for again. */
struct page {
    const struct s3 *s3;
    struct arena *arena;
    struct entry *entries;
    size_t count;
    size_t capacity;
    struct entry now; /* the one being read */
    bool whole;       /* it was a listing indeed, to its end */
    bool encoded;
    bool more;
    const char *next;
};

/* '+' is a blank: S3 encodes keys as forms are. */
static char *decoded(struct arena *arena, const char *text)
{
    char *out = arena_strdup(arena, text), *to = out;

    for (const char *at = text; *at;) {
        int high = at[0] == '%' ? text_hex_value(at[1]) : -1;
        int low = high >= 0 ? text_hex_value(at[2]) : -1;
        *to++ = low >= 0 ? (char)(high * 16 + low) : *at == '+' ? ' ' : *at;
        at += low >= 0 ? 3 : 1;
    }
    *to = '\0';
    return out;
}

/* "2024-11-15T14:40:00.000Z" */
static int64_t time_of(const char *text)
{
    char plain[CLOCK_TEXT_MAX] = "";
    struct err ignored;
    int64_t at_us = 0;
    size_t size = strcspn(text, "Z+");

    if (size > 10 && size <= 26) {
        memcpy(plain, text, size);
        plain[10] = ' ';
    }
    return clock_parse(plain, &at_us, &ignored) ? 0 : at_us;
}

static enum err_code add_entry(struct page *page, struct err *err)
{
    if (!page->now.key)
        return err_set(err, ERR_DATA, "listing '%.200s': an object without a key",
                       page->s3->base.url);
    page->entries =
        mem_grow(page->entries, &page->capacity, page->count + 1, sizeof *page->entries);
    page->entries[page->count++] = page->now;
    page->now = (struct entry){0};
    return ERR_OK;
}

static enum err_code on_element(void *arg, const char *path, const char *text, struct err *err)
{
    static const char root[] = "ListBucketResult/", contents[] = "ListBucketResult/Contents";
    struct page *page = arg;

    if (text_equal(path, "ListBucketResult"))
        page->whole = true;
    if (!text_starts(path, root))
        return ERR_OK;
    const char *name = path + strlen(root);
    if (text_equal(path, contents))
        return add_entry(page, err);
    if (text_equal(name, "Contents/Key"))
        page->now.key = arena_strdup(page->arena, text);
    else if (text_equal(name, "Contents/ETag"))
        s3_copy_etag(text, page->now.info.etag);
    else if (text_equal(name, "Contents/Size"))
        (void)text_to_u64(text, &page->now.info.size_bytes);
    else if (text_equal(name, "Contents/LastModified"))
        page->now.info.modified_us = time_of(text);
    else if (text_equal(name, "EncodingType"))
        page->encoded = text_equal(text, "url");
    else if (text_equal(name, "IsTruncated"))
        page->more = text_equal(text, "true");
    else if (text_equal(name, "NextContinuationToken"))
        page->next = arena_strdup(page->arena, text);
    return ERR_OK;
}

static bool is_a_listing(const struct http_response *response, void *arg, struct err *err)
{
    struct page *page = arg;

    page->count = 0;
    page->more = page->encoded = page->whole = false;
    page->next = NULL;
    page->now = (struct entry){0};
    if (xml_parse("listing", buf_text(&response->body), response->body.size, on_element, page, err))
        return false;
    if (!page->whole)
        (void)err_set(err, ERR_UNAVAILABLE, "status %d, but no listing", response->status);
    return page->whole;
}

static enum err_code get_page(struct s3 *s3, const char *prefix, const char *after,
                              const char *token, unsigned keys, struct page *page, struct err *err)
{
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    struct arena *arena = page->arena;
    struct sigv4_pair query[6] = {
        {"list-type", "2"},
        {"encoding-type", "url"},
        {"prefix", arena_printf(arena, "%s%s", s3->prefix, prefix)},
        {"max-keys", arena_printf(arena, "%u", keys)},
    };
    size_t count = 4;

    if (token)
        query[count++] = (struct sigv4_pair){"continuation-token", token};
    else if (*after)
        query[count++] =
            (struct sigv4_pair){"start-after", arena_printf(arena, "%s%s", s3->prefix, after)};
    struct s3_call call = {.action = "s3:ListBucket",
                           .method = "GET",
                           .query = query,
                           .query_count = count,
                           .accept = is_a_listing,
                           .accept_arg = page,
                           .body_limit_bytes = PAGE_LIMIT_BYTES};
    TRY(s3_send(s3, &call, &response, NULL, err));
    if (page->more && (!page->next || strlen(page->next) > TOKEN_MAX))
        return err_set(err, ERR_DATA, "listing '%.200s': there is more, but no way to ask for it",
                       s3->base.url);
    if (page->more && token && text_equal(page->next, token))
        return err_set(err, ERR_DATA, "listing '%.200s': the server gives the same page for ever",
                       s3->base.url);
    return ERR_OK;
}

/* Objects that others put there may have keys that this store has none of. */
static bool tell(const struct s3 *s3, const struct page *page, const char *after,
                 store_list_fn *each, void *arg)
{
    size_t skip = strlen(s3->prefix);

    for (size_t i = 0; i < page->count; i++) {
        const struct entry *entry = &page->entries[i];
        const char *key = page->encoded ? decoded(page->arena, entry->key) : entry->key;
        if (!text_starts(key, s3->prefix) || !store_key_is_valid(key + skip) ||
            strcmp(key + skip, after) <= 0)
            continue;
        if (!each(arg, key + skip, &entry->info))
            return false;
    }
    return true;
}

enum err_code s3_list(struct store *store, const char *prefix, const char *after,
                      store_list_fn *each, void *arg, struct err *err)
{
    struct s3 *s3 = STORE_DRIVER(struct s3, store);
    CLEANUP_IN_PLACE(buf_release) struct buf token = {0};
    struct page page = {.s3 = s3};
    unsigned keys = FIRST_PAGE_KEYS;
    enum err_code code;

    do {
        page.arena = arena_new(0);
        code = get_page(s3, prefix, after, token.size ? token.data : NULL, keys, &page, err);
        if (code == ERR_OK && !tell(s3, &page, after, each, arg))
            page.more = false;
        buf_clear(&token);
        if (code == ERR_OK && page.more)
            buf_add_text(&token, page.next);
        keys = PAGE_KEYS;
        arena_free(page.arena);
    } while (code == ERR_OK && page.more);
    free(page.entries);
    return code;
}
