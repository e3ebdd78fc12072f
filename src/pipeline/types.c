#include "pipeline/types.h"

#include "base/text.h"

enum {
    NUMERIC_HEADER = 4,
    DECIMAL_DIGITS_MAX = 38
};

struct type_rule {
    const char *type;
    enum json_form json;
    const char *lake;
    const char *warehouse;
    const char *policy;
};

static const struct type_rule rules[] = {
#define TYPE(type_, json_, lake_, warehouse_, policy_) \
    {#type_, JSON_FORM_##json_, lake_, warehouse_, policy_},
#include "pipeline/types.def"
#undef TYPE
};

static const struct type_rule *rule_of(const char *type)
{
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        if (text_equal(rules[i].type, type))
            return &rules[i];
    return NULL;
}

enum json_form type_json_form(const char *type)
{
    const struct type_rule *rule = rule_of(type);
    return rule ? rule->json : JSON_FORM_TEXT;
}

/* numeric's typmod holds precision and, since version 15 as a signed 11-bit number, scale. */
static void numeric_lake_type(int typmod, struct buf *ret_type)
{
    if (typmod < NUMERIC_HEADER) {
        buf_add_text(ret_type, "VARCHAR");
        return;
    }
    int precision = ((typmod - NUMERIC_HEADER) >> 16) & 0xffff;
    int scale = (((typmod - NUMERIC_HEADER) & 0x7ff) ^ 1024) - 1024;
    if (scale < 0) { /* numeric(2,-3) holds 99000: five digits, no fraction */
        precision -= scale;
        scale = 0;
    } else if (scale > precision) {
        precision = scale;
    }
    if (precision > DECIMAL_DIGITS_MAX)
        buf_add_text(ret_type, "VARCHAR");
    else
        buf_addf(ret_type, "DECIMAL(%d,%d)", precision, scale);
}

void type_lake(const char *type, int typmod, struct buf *ret_type)
{
    const struct type_rule *rule = rule_of(type);

    if (rule && text_equal(rule->lake, "DECIMAL"))
        numeric_lake_type(typmod, ret_type);
    else
        buf_add_text(ret_type, rule ? rule->lake : "VARCHAR");
}

const char *type_warehouse(const char *type)
{
    const struct type_rule *rule = rule_of(type);
    return rule ? rule->warehouse : NULL;
}

bool type_text_is_stable(const char *type)
{
    return !text_starts(type, "reg") && !text_starts(type, "_reg");
}

static const char *json_form_name(enum json_form form)
{
    static const char *const names[] = {
        [JSON_FORM_TEXT] = "string",
        [JSON_FORM_INTEGER] = "number",
        [JSON_FORM_FLOAT] = "number",
        [JSON_FORM_BOOLEAN] = "boolean",
        [JSON_FORM_TIMESTAMP] = "string, 26 characters",
    };
    return names[form];
}

void types_print_markdown(struct buf *out)
{
    buf_add_text(out, "# What becomes of each type\n\n"
                      "<!-- printed by `tote help --markdown types`; a test compares -->\n\n"
                      "Exact, or text: a type that Parquet, Delta or a warehouse cannot hold "
                      "without loss stays PostgreSQL's own text.\n\n"
                      "| PostgreSQL | JSON | lake (Parquet) | warehouse | policy |\n"
                      "|---|---|---|---|---|\n");
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        buf_addf(out, "| %s | %s | %s | %s | %s |\n", rules[i].type, json_form_name(rules[i].json),
                 rules[i].lake, rules[i].warehouse ? rules[i].warehouse : "the same",
                 rules[i].policy);
    buf_add_text(out, "| everything else | string | VARCHAR | text | exact text |\n");
}
