/* web/request.h - one request of one reader: checked, routed, answered. */
#ifndef WEB_REQUEST_H
#define WEB_REQUEST_H

#include <microhttpd.h>

#include "web/web_private.h"

enum {
    REQUEST_QUERY_MAX = 8192 /* bytes of all filters together */
};

/* MHD's callbacks; cls is the struct web. */
enum MHD_Result request_handle(void *cls, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *upload_data,
                               size_t *upload_data_size, void **con_cls);
void request_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                       enum MHD_RequestTerminationCode toe);
/* The answer to those who wait when the server ends. */
struct document *request_refusal(void);

#endif
