#include <strings.h>

#include "base/text.h"
#include "pipeline/doctor.h"

static bool is_captured(const struct doctor *doctor, const char *table)
{
    for (size_t i = 0; i < doctor->plan.count; i++)
        if (strcasecmp(doctor->plan.tables[i].record.name, table) == 0)
            return true;
    return false;
}

static size_t check_inputs(struct doctor *doctor, const struct model *model)
{
    size_t missing = 0;

    for (size_t i = 0; i < model->input_count; i++) {
        const struct model_input *input = &model->inputs[i];
        if (text_equal(input->schema, "seed") || is_captured(doctor, input->table))
            continue;
        missing++;
        doctor_add(doctor, DOCTOR_FAIL, "models",
                   "check source.include, source.exclude and the name",
                   "%s:%d: reads %s.%s, which is not captured", model->what, input->line,
                   input->schema, input->table);
    }
    return missing;
}

void doctor_models(struct doctor *doctor, const char *dir)
{
    struct model_set *set;
    struct err err;
    size_t missing = 0;

    if (model_set_read(dir, doctor->arena, &set, &err)) {
        doctor_fail(doctor, "models", &err);
        return;
    }
    if (!set->model_count) {
        doctor_add(doctor, DOCTOR_WARN, "models",
                   "`tote init --source URL` writes models for a database", "there is none in '%s'",
                   dir);
        return;
    }
    for (size_t i = 0; doctor->planned && i < set->model_count; i++)
        missing += check_inputs(doctor, &set->models[i]);
    for (size_t i = 0; doctor->planned && i < set->clean_count; i++)
        if (!is_captured(doctor, set->clean[i].table))
            doctor_add(doctor, DOCTOR_WARN, "models", "", "%s: no such table is captured",
                       set->clean[i].what);
    if (!missing)
        doctor_add(doctor, DOCTOR_OK, "models", "", "%zu in '%s'%s", set->model_count, dir,
                   doctor->planned ? "" : " (not compared with the source)");
}
