#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/file.h"
#include "base/text.h"

struct sha256 {
    EVP_MD_CTX *context;
};

/* libcrypto fails here only without memory or with a broken installation. */
static void must(bool fine, const char *what)
{
    if (fine)
        return;
    (void)fprintf(stderr, "error: %s failed\n", what);
    abort();
}

static void to_hex(const unsigned char *bytes, size_t size, char *ret_hex)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        ret_hex[2 * i] = digits[bytes[i] >> 4];
        ret_hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret_hex[2 * size] = '\0';
}

struct sha256 *sha256_new(void)
{
    struct sha256 *sha256 = mem_zalloc(1, sizeof *sha256);

    sha256->context = EVP_MD_CTX_new();
    must(sha256->context && EVP_DigestInit_ex(sha256->context, EVP_sha256(), NULL) == 1, "SHA-256");
    return sha256;
}

void sha256_free(struct sha256 *sha256)
{
    if (!sha256)
        return;
    EVP_MD_CTX_free(sha256->context);
    free(sha256);
}

void sha256_add(struct sha256 *sha256, const void *data, size_t size)
{
    if (size)
        must(EVP_DigestUpdate(sha256->context, data, size) == 1, "SHA-256");
}

void sha256_finish(struct sha256 *sha256, char ret_hex[static SHA256_HEX_SIZE])
{
    unsigned char bytes[32];

    must(EVP_DigestFinal_ex(sha256->context, bytes, NULL) == 1, "SHA-256");
    must(EVP_DigestInit_ex(sha256->context, EVP_sha256(), NULL) == 1, "SHA-256");
    to_hex(bytes, sizeof bytes, ret_hex);
}

void sha256_of(const void *data, size_t size, char ret_hex[static SHA256_HEX_SIZE])
{
    CLEANUP(sha256_free) struct sha256 *sha256 = sha256_new();

    sha256_add(sha256, data, size);
    sha256_finish(sha256, ret_hex);
}

enum err_code sha256_of_file(const char *path, char ret_hex[static SHA256_HEX_SIZE],
                             struct err *err)
{
    enum {
        CHUNK_BYTES = 256 << 10
    };
    CLEANUP(sha256_free) struct sha256 *sha256 = sha256_new();
    CLEANUP(free) char *chunk = mem_alloc(CHUNK_BYTES);
    CLEANUP(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return file_error(err, "opening", path);
    for (;;) {
        ssize_t got = read(fd, chunk, CHUNK_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return file_error(err, "reading", path);
        if (got == 0)
            break;
        sha256_add(sha256, chunk, (size_t)got);
    }
    sha256_finish(sha256, ret_hex);
    return ERR_OK;
}

void hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
                 unsigned char ret_mac[static SHA256_BYTES])
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_size = 0;

    must(HMAC(EVP_sha256(), key, (int)key_size, data, size, mac, &mac_size) &&
             mac_size == SHA256_BYTES,
         "HMAC");
    memcpy(ret_mac, mac, SHA256_BYTES);
    OPENSSL_cleanse(mac, sizeof mac);
}

void digest_to_hex(const unsigned char digest[static SHA256_BYTES],
                   char ret_hex[static SHA256_HEX_SIZE])
{
    to_hex(digest, SHA256_BYTES, ret_hex);
}

void digest_hex_to_base64(const char hex[static SHA256_HEX_SIZE],
                          char ret_base64[static SHA256_BASE64_SIZE])
{
    unsigned char bytes[SHA256_BYTES];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] =
            (unsigned char)(text_hex_value(hex[2 * i]) * 16 + text_hex_value(hex[2 * i + 1]));
    (void)EVP_EncodeBlock((unsigned char *)ret_base64, bytes, sizeof bytes);
}

void sha1_of(const void *data, size_t size, char ret_hex[static 41])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned got = 0;

    must(EVP_Digest(data, size, bytes, &got, EVP_sha1(), NULL) == 1 && got == 20, "SHA-1");
    to_hex(bytes, 20, ret_hex);
}

static void random_bytes(void *bytes, size_t size)
{
    ssize_t got;

    /* Up to 256 bytes come whole once the kernel's pool is ready; only the wait can be interrupted.
     */
    do
        got = getrandom(bytes, size, 0);
    while (got < 0 && errno == EINTR);
    must(got == (ssize_t)size, "getrandom");
}

void random_id(char ret_hex[static RANDOM_ID_SIZE])
{
    unsigned char bytes[16];

    random_bytes(bytes, sizeof bytes);
    to_hex(bytes, sizeof bytes, ret_hex);
}

uint64_t random_u64(void)
{
    uint64_t value;

    random_bytes(&value, sizeof value);
    return value;
}
