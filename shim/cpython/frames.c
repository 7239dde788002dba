#include "cpython/frames.h"

#include "base/text.h"
#include "cpython/call.h"
#include "cpython/interpreter.h"

enum { MOST_FRAMES = 32 };

static void add_text(struct gf_text *lines, gf_object *text) {
    const char *bytes = text ? gf_python.api.PyUnicode_AsUTF8(text) : NULL;
    if (bytes)
        gf_text_add(lines, bytes);
    else
        gf_python.api.PyErr_Clear();
}

/* False: None, which is behind the outermost frame. */
static bool add_frame(struct gf_text *lines, gf_object *frame) {
    gf_object *globals = gf_attribute(frame, "f_globals");
    if (!globals)
        return false;
    gf_object *code = gf_attribute(frame, "f_code");
    gf_object *function = code ? gf_attribute(code, "co_name") : NULL;
    add_text(lines, gf_python.api.PyDict_GetItemString(globals, "__name__")); /* borrowed */
    gf_text_add_char(lines, ':');
    add_text(lines, function);
    gf_text_add_char(lines, '\n');
    gf_object *const used[] = {globals, code, function};
    gf_release(used, sizeof used / sizeof *used);
    return true;
}

void gf_frames_list(enum gf_moment moment, char *buffer, size_t size) {
    const struct gf_api *api = &gf_python.api;
    struct gf_text lines;
    gf_text_init(&lines, buffer, size);
    if (moment != GF_MOMENT_HOOK) {
        if (gf_python.host_function)
            gf_text_add(&lines, gf_python.host_function);
        return;
    }
    /* borrowed; NULL: no Python code runs */
    gf_object *frame = api->PyEval_GetFrame ? api->PyEval_GetFrame() : NULL;
    if (frame)
        api->Py_IncRef(frame);
    for (int i = 0; frame && i < MOST_FRAMES; i++) {
        bool more = add_frame(&lines, frame);
        gf_object *back = more ? gf_attribute(frame, "f_back") : NULL;
        api->Py_DecRef(frame);
        frame = back;
    }
    if (frame)
        api->Py_DecRef(frame);
}
