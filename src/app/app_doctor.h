/* app/app_doctor.h - the checks of pipeline/doctor.h over everything that is configured. */
#ifndef APP_APP_DOCTOR_H
#define APP_APP_DOCTOR_H

#include "app/app.h"
#include "pipeline/doctor.h"

/* Fills the report; doctor->arena is set by the caller. */
void app_doctor(struct app *app, struct doctor *doctor);
/* Only what ingest needs: configuration, source, ingestion store. */
void app_doctor_source(struct app *app, struct doctor *doctor);

#endif
