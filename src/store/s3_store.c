/* Objects are those of a bucket of Amazon S3, or of a server that speaks its protocol. */
#include <ctype.h>
#include <stdio.h>

#include "base/text.h"
#include "store/s3_private.h"

enum {
    BUCKET_MAX = 63,
    PREFIX_MAX = 512
};

static const char dual_stack_variable[] = "AWS_USE_DUALSTACK_ENDPOINT";

enum err_code s3_head(struct store *store, const char *key, struct store_info *ret_info,
                      struct err *err)
{
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    struct s3_call call = {.action = "s3:GetObject", .method = "HEAD", .key = key};
    struct store_info info = {0};

    TRY(s3_send(STORE_DRIVER(struct s3, store), &call, &response, NULL, err));
    const char *size = http_response_header(&response, "content-length");
    const char *modified = http_response_header(&response, "last-modified");
    const char *etag = http_response_header(&response, "etag");
    if (!size || !text_to_u64(size, &info.size_bytes) || !etag || !modified ||
        !http_date_parse(modified, &info.modified_us))
        return err_set(err, ERR_DATA,
                       "object '%.400s' in '%.200s': the answer lacks size, date or "
                       "etag",
                       key, store->url);
    s3_copy_etag(etag, info.etag);
    *ret_info = info;
    return ERR_OK;
}

static void s3_close(struct store *store)
{
    struct s3 *s3 = STORE_DRIVER(struct s3, store);

    aws_free(s3->own_aws);
    arena_free(s3->arena);
    free(s3);
}

static const struct store_ops s3_ops = {
    .scheme = "s3",
    .close = s3_close,
    .head = s3_head,
    .remove = s3_remove,
    .list = s3_list,
    .writer_open = s3_writer_open,
    .writer_match = s3_writer_match,
    .writer_add = s3_writer_add,
    .writer_commit = s3_writer_commit,
    .writer_close = s3_writer_close,
    .reader_open = s3_reader_open,
    .reader_read = s3_reader_read,
    .reader_close = s3_reader_close,
    .fetch = s3_fetch,
    .remove_all = s3_remove_all,
};

/* --- opening --- */

/* "Bucket naming rules"; a bucket's name becomes part of a host's. */
static bool bucket_is_valid(const char *name)
{
    size_t size = strlen(name);

    return size >= 3 && size <= BUCKET_MAX && isalnum((unsigned char)name[0]) &&
           isalnum((unsigned char)name[size - 1]) && !strstr(name, "..") &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == size;
}

/* s3://bucket[/prefix] */
static enum err_code read_url(struct s3 *s3, const char *url, struct err *err)
{
    const char *rest = url + strlen("s3://");
    size_t size = strcspn(rest, "/");

    s3->bucket = arena_strndup(s3->arena, rest, size);
    if (!bucket_is_valid(s3->bucket)) {
        (void)err_set(err, ERR_CONFIG, "store '%.400s': '%.80s' cannot be the name of a bucket",
                      url, s3->bucket);
        return err_hint(err, "write s3://bucket/prefix; a bucket's name is 3 to 63 lower-case "
                             "letters, digits, '.' and '-'");
    }
    rest += size;
    rest += strspn(rest, "/");
    size = strlen(rest);
    while (size && rest[size - 1] == '/')
        size--;
    char *prefix = arena_strndup(s3->arena, rest, size);
    if (size > PREFIX_MAX || (size && !store_key_is_valid(prefix)))
        return err_set(err, ERR_CONFIG, "store '%.400s': '%.80s' cannot be the beginning of keys",
                       url, prefix);
    s3->prefix = size ? arena_printf(s3->arena, "%s/", prefix) : "";
    (void)snprintf(s3->base.url, sizeof s3->base.url, "s3://%s%s%s", s3->bucket, size ? "/" : "",
                   prefix);
    return ERR_OK;
}

/* "https://host:port" of what may be written with a '/' at the end. */
static enum err_code check_endpoint(const char *endpoint, struct err *err)
{
    const char *host = text_starts(endpoint, "https://")  ? endpoint + 8
                       : text_starts(endpoint, "http://") ? endpoint + 7
                                                          : "";
    size_t size = strcspn(host, "/");

    if (!*host || !size || host[size + strspn(host + size, "/")] || strpbrk(host, "@?# ")) {
        (void)err_set(err, ERR_CONFIG, "'%.200s' is not the address of an S3 server", endpoint);
        return err_hint(err, "write lake.endpoint as https://host or http://host:port");
    }
    return ERR_OK;
}

static bool wants_dual_stack(const struct store_options *options)
{
    const char *variable = getenv(dual_stack_variable);
    return options->dual_stack || (variable && text_equal(variable, "true"));
}

/* The host's name without the bucket; *ret_aws: it is one of AWS's. */
static enum err_code find_host(struct s3 *s3, const struct store_options *options,
                               const char **ret_url, bool *ret_aws, struct err *err)
{
    const char *endpoint = options->endpoint;

    if (!endpoint)
        TRY(aws_endpoint_override(s3->aws, "s3", s3->arena, &endpoint, err));
    *ret_aws = !endpoint;
    if (endpoint) {
        TRY(check_endpoint(endpoint, err));
        size_t size = strlen(endpoint);
        while (endpoint[size - 1] == '/')
            size--;
        *ret_url = arena_strndup(s3->arena, endpoint, size);
        return ERR_OK;
    }
    *ret_url =
        arena_printf(s3->arena, "https://s3.%s%s.%s", wants_dual_stack(options) ? "dualstack." : "",
                     s3->region, aws_domain(s3->region));
    return ERR_OK;
}

/* A server elsewhere takes any region. */
static enum err_code find_region(struct s3 *s3, const struct store_options *options,
                                 struct err *err)
{
    const char *region = options->region, *endpoint = options->endpoint;

    if (!region)
        TRY(aws_region(s3->aws, &region, err));
    if (!endpoint)
        TRY(aws_endpoint_override(s3->aws, "s3", s3->arena, &endpoint, err));
    if (!region && !endpoint) {
        (void)err_set(err, ERR_CONFIG, "store '%.400s': no region is set", s3->base.url);
        return err_hint(err, "set lake.region in tote.yaml, or AWS_REGION");
    }
    if (region && strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(region))
        return err_set(err, ERR_CONFIG, "'%.60s' is not the name of a region of AWS", region);
    s3->region = arena_strdup(s3->arena, region ? region : "us-east-1");
    s3->partition = aws_partition(s3->region);
    return ERR_OK;
}

/* A name with dots does not match AWS's certificate when it stands before the host's. */
static enum err_code find_addresses(struct s3 *s3, const struct store_options *options,
                                    struct err *err)
{
    const char *url;
    bool at_aws;

    TRY(find_region(s3, options, err));
    TRY(find_host(s3, options, &url, &at_aws, err));
    bool in_path =
        options->path_style == STORE_PATH_STYLE_YES ||
        (options->path_style == STORE_PATH_STYLE_AUTO && (!at_aws || strchr(s3->bucket, '.')));
    if (in_path) {
        s3->base_url = url;
        s3->root = arena_printf(s3->arena, "/%s/", s3->bucket);
    } else {
        const char *host = strstr(url, "://") + 3;
        s3->base_url =
            arena_printf(s3->arena, "%.*s%s.%s", (int)(host - url), url, s3->bucket, host);
        s3->root = "/";
    }
    return ERR_OK;
}

static void add_object_header(struct s3 *s3, const char *name, const char *value)
{
    s3->object_headers[s3->object_header_count++] =
        (struct sigv4_pair){name, arena_strdup(s3->arena, value)};
}

static void take_options(struct s3 *s3, const struct store_options *options)
{
    static const char encryption[] = "x-amz-server-side-encryption";

    if (options->encryption == STORE_ENCRYPTION_KMS || options->kms_key)
        add_object_header(s3, encryption, "aws:kms");
    else if (options->encryption == STORE_ENCRYPTION_S3)
        add_object_header(s3, encryption, "AES256");
    if (options->kms_key)
        add_object_header(s3, "x-amz-server-side-encryption-aws-kms-key-id", options->kms_key);
    if (options->storage_class)
        add_object_header(s3, "x-amz-storage-class", options->storage_class);
    if (options->bucket_owner)
        s3->bucket_owner = arena_strdup(s3->arena, options->bucket_owner);
    s3->lock = options->lock;
    s3->lock_us = options->lock_us;
    s3->retry = *aws_retry_policy(s3->aws);
    if (options->retry_us)
        s3->retry.budget_us = options->retry_us;
}

static enum err_code open_with(struct s3 *s3, const char *url, const struct store_options *options,
                               struct err *err)
{
    s3->aws = options->aws;
    if (!s3->aws)
        s3->aws = s3->own_aws = aws_new(NULL);
    TRY(read_url(s3, url, err));
    TRY(find_addresses(s3, options, err));
    take_options(s3, options);
    return ERR_OK;
}

enum err_code store_s3_open(const char *url, const struct store_options *options,
                            struct store **ret_store, struct err *err)
{
    struct s3 *s3 = mem_zalloc(1, sizeof *s3);

    s3->base.ops = &s3_ops;
    s3->arena = arena_new(0);
    enum err_code code = open_with(s3, url, options, err);
    if (code)
        s3_close(&s3->base);
    else
        *ret_store = &s3->base;
    return code;
}
