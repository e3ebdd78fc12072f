/* web/document.h - an answer's body, shared by those who send it, and the store of them.
 *
 * Documents do not change once they are made.  The cache keeps the newest answer to each question
 * within a limit of bytes; what was not asked for the longest goes first.  Thread-safe. */
#ifndef WEB_DOCUMENT_H
#define WEB_DOCUMENT_H

#include "base/buf.h"

enum {
    DOCUMENT_ETAG_MAX = 48
};

struct document {
    const char *type; /* static */
    struct buf body;
    struct buf gzip;              /* empty: it would be no smaller */
    char etag[DOCUMENT_ETAG_MAX]; /* with its quotes; "": none */
    int64_t made_us;              /* monotonic */
    uint64_t version;             /* of the warehouse that it was made of; 0: of none */
    int status;
    unsigned references; /* under the document module's lock */
};

/* One reference; body empty.  The maker fills it and calls document_seal before anybody else sees
 * it. */
struct document *document_new(int status, const char *type);
/* Compresses and hashes. */
void document_seal(struct document *document);
struct document *document_hold(struct document *document);
void document_release(struct document *document); /* NULL is fine */
DEFINE_CLEANUP(struct document *, document_release)

struct cache;
struct cache *cache_new(size_t limit_bytes);
void cache_free(struct cache *cache);
DEFINE_CLEANUP(struct cache *, cache_free)
/* A reference, or NULL. */
struct document *cache_get(struct cache *cache, const char *key);
void cache_put(struct cache *cache, const char *key, struct document *document);
/* Shows every document, in no order; `each` must not call this cache. */
typedef void cache_each_fn(void *arg, const char *key, struct document *document);
void cache_each(struct cache *cache, cache_each_fn *each, void *arg);

#endif
