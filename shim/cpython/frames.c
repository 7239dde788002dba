#include "cpython/frames.h"

#include <string.h>

#include "base/text.h"
#include "cpython/call.h"
#include "cpython/interpreter.h"

enum { MOST_LISTED = 32 };

static const char *text_of(gf_object *text) {
    const char *bytes = text ? gf_python.api.PyUnicode_AsUTF8(text) : NULL;
    if (!bytes)
        gf_python.api.PyErr_Clear();
    return bytes ? bytes : "";
}

/* Asked for as an attribute, it raises an audit event (Objects/frameobject.c). */
static gf_object *code_of(gf_object *frame) {
    return gf_python.api.PyFrame_GetCode ? gf_python.api.PyFrame_GetCode(frame)
                                         : gf_attribute(frame, "f_code");
}

/* False: this was the last, or visit wants no more. None is behind the outermost frame. */
static bool show(gf_object *object,
                 bool (*visit)(const struct gf_python_frame *frame, void *context), void *context) {
    gf_object *globals = gf_attribute(object, "f_globals");
    if (!globals)
        return false;
    gf_object *code = code_of(object);
    gf_object *function = code ? gf_attribute(code, "co_name") : NULL;
    gf_object *module = gf_python.api.PyDict_GetItemString(globals, "__name__"); /* borrowed */
    const struct gf_python_frame frame = {object, code, text_of(module), text_of(function)};
    bool more = visit(&frame, context);
    gf_object *const used[] = {globals, code, function};
    gf_release(used, sizeof used / sizeof *used);
    return more;
}

void gf_frames_each(int most, bool (*visit)(const struct gf_python_frame *frame, void *context),
                    void *context) {
    const struct gf_api *api = &gf_python.api;
    /* borrowed; NULL: no Python code runs */
    gf_object *frame = api->PyEval_GetFrame ? api->PyEval_GetFrame() : NULL;
    if (frame)
        api->Py_IncRef(frame);
    for (int i = 0; frame && i < most; i++) {
        gf_object *back = show(frame, visit, context) ? gf_attribute(frame, "f_back") : NULL;
        api->Py_DecRef(frame);
        frame = back;
    }
    if (frame)
        api->Py_DecRef(frame);
}

bool gf_frame_is(const struct gf_python_frame *frame, const char *name) {
    size_t length = strlen(frame->module);
    return strncmp(name, frame->module, length) == 0 && name[length] == ':' &&
           strcmp(name + length + 1, frame->function) == 0;
}

static bool list(const struct gf_python_frame *frame, void *context) {
    struct gf_text *lines = context;
    gf_text_add(lines, frame->module);
    gf_text_add_char(lines, ':');
    gf_text_add(lines, frame->function);
    gf_text_add_char(lines, '\n');
    return true;
}

void gf_frames_list(enum gf_moment moment, char *buffer, size_t size) {
    struct gf_text lines;
    gf_text_init(&lines, buffer, size);
    if (moment == GF_MOMENT_HOOK)
        gf_frames_each(MOST_LISTED, list, &lines);
    else if (gf_python.host_function)
        gf_text_add(&lines, gf_python.host_function);
}
