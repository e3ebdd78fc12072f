/* pipeline/pg_hash.h - PostgreSQL's extended hash functions, bit for bit, so that client and server
 * can compare sums: hashint8extended(), and hashtextextended() under a deterministic collation. The
 * algorithm is Bob Jenkins' lookup3 (public domain); PostgreSQL's results are the same since
 * version 11 on all little-endian machines.  Text has to be in the server's encoding. */
#ifndef PIPELINE_PG_HASH_H
#define PIPELINE_PG_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t pg_hash_int8(int64_t value, uint64_t seed);
/* hashtextextended() of the bytes with every 0 byte read as chr(31). */
uint64_t pg_hash_text(const void *bytes, size_t size, uint64_t seed);

#endif
