#include "web/document.h"

#include <pthread.h>
#include <stdio.h>
#include <zlib.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/text.h"

enum {
    GZIP_LEAST_BYTES = 512,
    GZIP_LEVEL = 5,
    GZIP_WINDOW = 15 + 16, /* 16: with gzip's head */
    ENTRIES_MAX = 4096,
};

static pthread_mutex_t references_lock = PTHREAD_MUTEX_INITIALIZER;

struct document *document_new(int status, const char *type)
{
    struct document *document = mem_zalloc(1, sizeof *document);

    document->status = status;
    document->type = type;
    document->references = 1;
    document->made_us = clock_monotonic_us();
    return document;
}

static void compress_body(struct document *document)
{
    z_stream stream = {0};
    size_t size = document->body.size;

    if (size < GZIP_LEAST_BYTES ||
        deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return;
    stream.next_in = (Bytef *)document->body.data;
    stream.avail_in = (uInt)size;
    stream.next_out = (Bytef *)buf_reserve(&document->gzip, size);
    stream.avail_out = (uInt)size;
    if (deflate(&stream, Z_FINISH) == Z_STREAM_END)
        document->gzip.size = stream.total_out;
    else
        buf_release(&document->gzip); /* no smaller */
    (void)deflateEnd(&stream);
}

void document_seal(struct document *document)
{
    char hex[SHA256_HEX_SIZE];

    compress_body(document);
    sha256_of(buf_text(&document->body), document->body.size, hex);
    (void)snprintf(document->etag, sizeof document->etag, "\"%.24s\"", hex);
}

struct document *document_hold(struct document *document)
{
    pthread_mutex_lock(&references_lock);
    document->references++;
    pthread_mutex_unlock(&references_lock);
    return document;
}

void document_release(struct document *document)
{
    if (!document)
        return;
    pthread_mutex_lock(&references_lock);
    unsigned left = --document->references;
    pthread_mutex_unlock(&references_lock);
    if (left)
        return;
    buf_release(&document->body);
    buf_release(&document->gzip);
    free(document);
}

struct entry {
    char *key;
    struct document *document;
    uint64_t used; /* when it was asked for last, by count */
};

struct cache {
    pthread_mutex_t lock;
    struct entry entries[ENTRIES_MAX];
    size_t count;
    size_t bytes;
    size_t limit_bytes;
    uint64_t clock;
};

struct cache *cache_new(size_t limit_bytes)
{
    struct cache *cache = mem_zalloc(1, sizeof *cache);

    cache->limit_bytes = limit_bytes;
    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

static size_t bytes_of(const struct document *document)
{
    return document->body.capacity + document->gzip.capacity + sizeof *document;
}

static void drop(struct cache *cache, size_t place)
{
    struct entry *entry = &cache->entries[place];

    cache->bytes -= bytes_of(entry->document);
    document_release(entry->document);
    free(entry->key);
    *entry = cache->entries[--cache->count];
}

void cache_free(struct cache *cache)
{
    if (!cache)
        return;
    while (cache->count)
        drop(cache, cache->count - 1);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static struct entry *find(struct cache *cache, const char *key)
{
    for (size_t i = 0; i < cache->count; i++)
        if (text_equal(cache->entries[i].key, key))
            return &cache->entries[i];
    return NULL;
}

struct document *cache_get(struct cache *cache, const char *key)
{
    struct document *document = NULL;

    pthread_mutex_lock(&cache->lock);
    struct entry *entry = find(cache, key);
    if (entry) {
        entry->used = ++cache->clock;
        document = document_hold(entry->document);
    }
    pthread_mutex_unlock(&cache->lock);
    return document;
}

static void make_room(struct cache *cache, size_t bytes)
{
    while (cache->count &&
           (cache->count == ENTRIES_MAX || cache->bytes + bytes > cache->limit_bytes)) {
        size_t oldest = 0;
        for (size_t i = 1; i < cache->count; i++)
            if (cache->entries[i].used < cache->entries[oldest].used)
                oldest = i;
        drop(cache, oldest);
    }
}

void cache_put(struct cache *cache, const char *key, struct document *document)
{
    size_t bytes = bytes_of(document);

    pthread_mutex_lock(&cache->lock);
    struct entry *entry = find(cache, key);
    if (entry)
        drop(cache, (size_t)(entry - cache->entries));
    make_room(cache, bytes);
    if (bytes <= cache->limit_bytes) {
        cache->entries[cache->count++] =
            (struct entry){mem_strdup(key), document_hold(document), ++cache->clock};
        cache->bytes += bytes;
    }
    pthread_mutex_unlock(&cache->lock);
}

void cache_each(struct cache *cache, cache_each_fn *each, void *arg)
{
    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < cache->count; i++)
        each(arg, cache->entries[i].key, cache->entries[i].document);
    pthread_mutex_unlock(&cache->lock);
}
