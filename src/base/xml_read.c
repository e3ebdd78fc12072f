#include "base/xml_read.h"

#include <expat.h>
#include <string.h>

#include "base/buf.h"

struct reading {
    XML_Parser parser;
    const char *what;
    xml_element_fn *each;
    void *arg;
    struct err *err;
    enum err_code code;
    struct buf path;
    struct buf text;
    size_t depth;
};

static void stop(struct reading *reading, enum err_code code)
{
    reading->code = code;
    (void)XML_StopParser(reading->parser, XML_FALSE);
}

static void refuse(struct reading *reading, const char *why)
{
    stop(reading, err_set(reading->err, ERR_DATA, "%s: not the XML that was expected: %s",
                          reading->what, why));
}

static void on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *reading = arg;
    const char *colon = strchr(name, ':');

    (void)attributes;
    if (++reading->depth > XML_DEPTH_MAX) {
        refuse(reading, "it is nested too deeply");
        return;
    }
    if (reading->path.size)
        buf_add_char(&reading->path, '/');
    buf_add_text(&reading->path, colon ? colon + 1 : name);
    buf_clear(&reading->text);
}

static void on_end(void *arg, const XML_Char *name)
{
    struct reading *reading = arg;

    (void)name;
    if (reading->code)
        return;
    enum err_code code = reading->each(reading->arg, buf_text(&reading->path),
                                       buf_text(&reading->text), reading->err);
    if (code) {
        stop(reading, code);
        return;
    }
    const char *slash = strrchr(reading->path.data, '/');
    reading->path.size = slash ? (size_t)(slash - reading->path.data) : 0;
    reading->path.data[reading->path.size] = '\0';
    reading->depth--;
    buf_clear(&reading->text);
}

static void on_text(void *arg, const XML_Char *text, int size)
{
    struct reading *reading = arg;

    if (reading->text.size + (size_t)size > XML_TEXT_LIMIT_BYTES)
        refuse(reading, "a text in it is too long");
    else
        buf_add(&reading->text, text, (size_t)size);
}

static void on_doctype(void *arg, const XML_Char *name, const XML_Char *system,
                       const XML_Char *public, int internal)
{
    (void)name, (void)system, (void)public, (void)internal;
    refuse(arg, "it has a document type");
}

enum err_code xml_parse(const char *what, const char *text, size_t size, xml_element_fn *each,
                        void *arg, struct err *err)
{
    struct reading reading = {.what = what, .each = each, .arg = arg, .err = err};

    if (size > INT32_MAX)
        return err_set(err, ERR_DATA, "%s: too large", what);
    reading.parser = XML_ParserCreate(NULL);
    if (!reading.parser)
        abort(); /* out of memory */
    XML_SetUserData(reading.parser, &reading);
    XML_SetElementHandler(reading.parser, on_start, on_end);
    XML_SetCharacterDataHandler(reading.parser, on_text);
    XML_SetStartDoctypeDeclHandler(reading.parser, on_doctype);
    enum XML_Status status = XML_Parse(reading.parser, text, (int)size, 1);
    if (!reading.code && status != XML_STATUS_OK)
        reading.code = err_set(err, ERR_DATA, "%s: not XML: %s in line %lu", what,
                               XML_ErrorString(XML_GetErrorCode(reading.parser)),
                               (unsigned long)XML_GetCurrentLineNumber(reading.parser));
    XML_ParserFree(reading.parser);
    buf_release(&reading.path);
    buf_release(&reading.text);
    return reading.code;
}
