/* base/xml_read.h - small XML documents (answers of AWS's services), by expat.
 *
 * A document is untrusted: document types are refused, and with them entities that expand; depth
 * and the size of a text are limited; how large a document may be is for its caller to limit. */
#ifndef BASE_XML_READ_H
#define BASE_XML_READ_H

#include "base/mem.h"

enum {
    XML_DEPTH_MAX = 16,
    XML_TEXT_LIMIT_BYTES = 64 << 10
};

/* Called at the end of each element.  `path` is the names from the root without their namespaces
 * ("ListBucketResult/Contents/Key"), `text` what stands between its tags. */
typedef enum err_code xml_element_fn(void *arg, const char *path, const char *text,
                                     struct err *err);

/* `what` names the document in errors; ERR_DATA when malformed. */
CHECKED enum err_code xml_parse(const char *what, const char *text, size_t size,
                                xml_element_fn *each, void *arg, struct err *err);

#endif
