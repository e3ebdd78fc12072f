/* Answers of S3: listings, results of uploads, errors. */
#include <string.h>

#include "base/xml_read.h"
#include "fuzz/fuzz.h"

struct seen {
    size_t elements;
    size_t bytes;
};

static enum err_code see(void *arg, const char *path, const char *text, struct err *err)
{
    struct seen *seen = arg;
    size_t depth = 1;

    (void)err;
    for (const char *at = path; *at; at++)
        depth += *at == '/';
    FUZZ_CHECK(depth <= XML_DEPTH_MAX);
    FUZZ_CHECK(strlen(text) <= XML_TEXT_LIMIT_BYTES);
    seen->elements++;
    seen->bytes += strlen(text);
    return ERR_OK;
}

FUZZ(xml)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    struct seen seen = {0};
    struct err err = {0};

    buf_add(&text, data, size);
    enum err_code code = xml_parse("answer", buf_text(&text), text.size, see, &seen, &err);
    FUZZ_CHECK(code ? err.code == code && err.message[0] : seen.elements > 0);
    /* nothing expands: no entity makes more text than there are bytes */
    FUZZ_CHECK(seen.bytes <= size && seen.elements <= size);
}
