/* base/digest.h - SHA-256 (of objects and requests, by libcrypto) and random ids. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdint.h>

#include "base/mem.h"

enum {
    SHA256_BYTES = 32,
    SHA256_HEX_SIZE = 65,
    SHA256_BASE64_SIZE = 45,
    RANDOM_ID_SIZE = 33
};

struct sha256; /* one computation under way */
struct sha256 *sha256_new(void);
void sha256_free(struct sha256 *sha256);
DEFINE_CLEANUP(struct sha256 *, sha256_free)
void sha256_add(struct sha256 *sha256, const void *data, size_t size);
/* Lower-case hex; ready for the next computation afterwards. */
void sha256_finish(struct sha256 *sha256, char ret_hex[static SHA256_HEX_SIZE]);
void sha256_of(const void *data, size_t size, char ret_hex[static SHA256_HEX_SIZE]);
/* Of a file from its start; used to check an object against its record. */
CHECKED enum err_code sha256_of_file(const char *path, char ret_hex[static SHA256_HEX_SIZE],
                                     struct err *err);

/* HMAC-SHA-256 (RFC 2104).  ret_mac may be the key. */
void hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
                 unsigned char ret_mac[static SHA256_BYTES]);
void digest_to_hex(const unsigned char digest[static SHA256_BYTES],
                   char ret_hex[static SHA256_HEX_SIZE]);
/* The same 32 bytes as S3's checksum headers want them, from hex. */
void digest_hex_to_base64(const char hex[static SHA256_HEX_SIZE],
                          char ret_base64[static SHA256_BASE64_SIZE]);
/* SHA-1 in hex of a short text: names of files in the cache of AWS's command line, nothing else. */
void sha1_of(const void *data, size_t size, char ret_hex[static 41]);

/* 128 random bits from the kernel as 32 hex digits: the id of an attempt. */
void random_id(char ret_hex[static RANDOM_ID_SIZE]);
uint64_t random_u64(void);

#endif
