#include "net/sigv4.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <time.h>

#include "base/digest.h"
#include "base/text.h"

enum {
    OWN_HEADERS = 4, /* host, content hash, date, token */
    OWN_QUERY = 6,
    DATE_SIZE = 17
};

/* One signature being made; everything lives in the arena. */
struct signing {
    const struct sigv4_request *request;
    const struct sigv4_key *key;
    struct arena *arena;
    char date[DATE_SIZE]; /* "20241115T144000Z" */
    const char *scope;
    struct sigv4_pair *headers; /* lower-case names, sorted */
    size_t header_count;
    const char *header_names; /* "host;x-amz-date" */
    const char *query;        /* encoded, sorted */
};

void sigv4_encode(struct buf *out, const char *text, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (letter || (c >= '0' && c <= '9') || strchr("-_.~", c) || (keep_slash && c == '/')) {
            buf_add_char(out, (char)c);
        } else {
            buf_add_char(out, '%');
            buf_add_char(out, digits[c >> 4]);
            buf_add_char(out, digits[c & 15]);
        }
    }
}

static const char *encoded(struct arena *arena, const char *text, bool keep_slash)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};

    sigv4_encode(&out, text, keep_slash);
    return arena_strdup(arena, buf_text(&out));
}

static int by_name(const void *a, const void *b)
{
    const struct sigv4_pair *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : strcmp(x->value, y->value);
}

/* The order is that of the encoded names. */
static const char *canonical_query(const struct sigv4_pair *query, size_t count,
                                   struct arena *arena)
{
    CLEANUP_IN_PLACE(buf_release) struct buf out = {0};
    struct sigv4_pair *sorted = arena_alloc(arena, (count + 1) * sizeof *sorted);

    for (size_t i = 0; i < count; i++) {
        sorted[i].name = encoded(arena, query[i].name, false);
        sorted[i].value = encoded(arena, query[i].value, false);
    }
    qsort(sorted, count, sizeof *sorted, by_name);
    for (size_t i = 0; i < count; i++)
        buf_addf(&out, "%s%s=%s", i ? "&" : "", sorted[i].name, sorted[i].value);
    return arena_strdup(arena, buf_text(&out));
}

/* White space around a value goes, within it becomes one blank. */
static const char *canonical_value(struct arena *arena, const char *value)
{
    char *text = arena_strdup(arena, value), *to = text;

    for (const char *at = text; *at;) {
        size_t blank = strspn(at, " \t\r\n"), word = strcspn(at + blank, " \t\r\n");
        if (blank && word && to != text)
            *to++ = ' ';
        memmove(to, at + blank, word);
        to += word;
        at += blank + word;
    }
    *to = '\0';
    return text;
}

static const char *lower(struct arena *arena, const char *name)
{
    char *text = arena_strdup(arena, name);

    for (char *c = text; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return text;
}

static void add_header(struct signing *signing, const char *name, const char *value)
{
    signing->headers[signing->header_count++] =
        (struct sigv4_pair){lower(signing->arena, name), canonical_value(signing->arena, value)};
}

/* `own`: the date, the token and S3's hash stand in headers, not in the query. */
static void collect_headers(struct signing *signing, bool own, struct sigv4_signed *ret_signed)
{
    CLEANUP_IN_PLACE(buf_release) struct buf names = {0};
    const struct sigv4_request *request = signing->request;
    size_t most = request->header_count + OWN_HEADERS;

    signing->headers = arena_alloc(signing->arena, most * sizeof *signing->headers);
    for (size_t i = 0; i < request->header_count; i++)
        add_header(signing, request->headers[i].name, request->headers[i].value);
    add_header(signing, "host", request->host);
    if (own) {
        ret_signed->amz_date = arena_strdup(signing->arena, signing->date);
        ret_signed->amz_token = signing->key->session_token;
        add_header(signing, "x-amz-date", ret_signed->amz_date);
        if (ret_signed->amz_token)
            add_header(signing, "x-amz-security-token", ret_signed->amz_token);
        if (text_equal(signing->key->service, "s3")) {
            ret_signed->amz_sha256 = request->payload_sha256;
            add_header(signing, "x-amz-content-sha256", ret_signed->amz_sha256);
        }
    }
    qsort(signing->headers, signing->header_count, sizeof *signing->headers, by_name);
    for (size_t i = 0; i < signing->header_count; i++)
        buf_addf(&names, "%s%s", i ? ";" : "", signing->headers[i].name);
    signing->header_names = arena_strdup(signing->arena, buf_text(&names));
}

/* The key derived for a day, a region and a service. */
static void signing_key(const struct signing *signing, unsigned char ret_key[static SHA256_BYTES])
{
    const struct sigv4_key *key = signing->key;
    char *secret = arena_printf(signing->arena, "AWS4%s", key->secret_access_key);
    size_t size = strlen(secret);

    hmac_sha256(secret, size, signing->date, 8, ret_key);
    memset(secret, 0, size);
    hmac_sha256(ret_key, SHA256_BYTES, key->region, strlen(key->region), ret_key);
    hmac_sha256(ret_key, SHA256_BYTES, key->service, strlen(key->service), ret_key);
    hmac_sha256(ret_key, SHA256_BYTES, "aws4_request", 12, ret_key);
}

static void signature(const struct signing *signing, const char *path,
                      char ret_hex[static SHA256_HEX_SIZE])
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    const struct sigv4_request *request = signing->request;
    unsigned char key[SHA256_BYTES];

    buf_addf(&text, "%s\n%s\n%s\n", request->method, path, signing->query);
    for (size_t i = 0; i < signing->header_count; i++)
        buf_addf(&text, "%s:%s\n", signing->headers[i].name, signing->headers[i].value);
    buf_addf(&text, "\n%s\n%s", signing->header_names, request->payload_sha256);
    sha256_of(text.data, text.size, ret_hex);
    buf_clear(&text);
    buf_addf(&text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", signing->date, signing->scope, ret_hex);
    signing_key(signing, key);
    hmac_sha256(key, sizeof key, text.data, text.size, key);
    digest_to_hex(key, ret_hex);
}

static void begin(struct signing *signing, int64_t now_us)
{
    time_t now = (time_t)(now_us / 1000000);
    struct tm tm;

    if (!gmtime_r(&now, &tm))
        memset(&tm, 0, sizeof tm);
    (void)strftime(signing->date, sizeof signing->date, "%Y%m%dT%H%M%SZ", &tm);
    signing->scope = arena_printf(signing->arena, "%.8s/%s/%s/aws4_request", signing->date,
                                  signing->key->region, signing->key->service);
}

void sigv4_sign(const struct sigv4_request *request, const struct sigv4_key *key, int64_t now_us,
                struct arena *arena, struct sigv4_signed *ret_signed)
{
    struct signing signing = {.request = request, .key = key, .arena = arena};
    char hex[SHA256_HEX_SIZE];

    *ret_signed = (struct sigv4_signed){0};
    begin(&signing, now_us);
    collect_headers(&signing, true, ret_signed);
    signing.query = canonical_query(request->query, request->query_count, arena);
    const char *path = encoded(arena, request->path, true);
    signature(&signing, path, hex);
    ret_signed->target =
        arena_printf(arena, "%s%s%s", path, *signing.query ? "?" : "", signing.query);
    ret_signed->authorization =
        arena_printf(arena, "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                     key->access_key_id, signing.scope, signing.header_names, hex);
}

const char *sigv4_presign(const struct sigv4_request *request, const struct sigv4_key *key,
                          int64_t now_us, unsigned expires_s, struct arena *arena)
{
    struct signing signing = {.request = request, .key = key, .arena = arena};
    size_t count = request->query_count;
    struct sigv4_pair *query = arena_alloc(arena, (count + OWN_QUERY) * sizeof *query);
    struct sigv4_signed unused = {0};
    char hex[SHA256_HEX_SIZE];

    begin(&signing, now_us);
    collect_headers(&signing, false, &unused);
    if (count)
        memcpy(query, request->query, count * sizeof *query);
    query[count++] = (struct sigv4_pair){"X-Amz-Algorithm", "AWS4-HMAC-SHA256"};
    query[count++] = (struct sigv4_pair){
        "X-Amz-Credential", arena_printf(arena, "%s/%s", key->access_key_id, signing.scope)};
    query[count++] = (struct sigv4_pair){"X-Amz-Date", signing.date};
    query[count++] = (struct sigv4_pair){"X-Amz-Expires", arena_printf(arena, "%u", expires_s)};
    query[count++] = (struct sigv4_pair){"X-Amz-SignedHeaders", signing.header_names};
    if (key->session_token)
        query[count++] = (struct sigv4_pair){"X-Amz-Security-Token", key->session_token};
    signing.query = canonical_query(query, count, arena);
    const char *path = encoded(arena, request->path, true);
    signature(&signing, path, hex);
    return arena_printf(arena, "%s?%s&X-Amz-Signature=%s", path, signing.query, hex);
}
