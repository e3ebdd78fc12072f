/* web/web_metrics.h - GET /metrics: those of the pipeline (app/metrics.h) and those of the server.
 */
#ifndef WEB_WEB_METRICS_H
#define WEB_WEB_METRICS_H

#include "web/web_private.h"

void web_metrics_print(struct web *web, struct app *app, struct buf *out);

#endif
