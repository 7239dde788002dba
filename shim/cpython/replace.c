#include "cpython/replace.h"

#include <stddef.h>

#include "base/text.h"
#include "cpython/call.h"
#include "cpython/interpreter.h"

/* As a builtin's text is written, with its signature ahead (Objects/typeobject.c,
 * _PyType_GetTextSignatureFromInternalDoc). */
static bool copy_doc(gf_object *original, const char *name, char *ret) {
    const struct gf_api *api = &gf_python.api;
    gf_object *texts[] = {gf_attribute(original, "__text_signature__"),
                          gf_attribute(original, "__doc__")};
    const char *signature = texts[0] ? api->PyUnicode_AsUTF8(texts[0]) : NULL;
    api->PyErr_Clear(); /* None: it has none */
    const char *doc = texts[1] ? api->PyUnicode_AsUTF8(texts[1]) : NULL;
    api->PyErr_Clear();
    struct gf_text text;
    gf_text_init(&text, ret, GF_DOC_SIZE);
    if (signature) {
        gf_text_add(&text, name);
        gf_text_add(&text, signature);
        gf_text_add(&text, "\n--\n\n");
    }
    if (doc)
        gf_text_add(&text, doc);
    gf_release(texts, sizeof texts / sizeof *texts);
    return !text.truncated;
}

gf_object *gf_replace(gf_object *module, gf_object *original, struct gf_method *method, char *doc) {
    const struct gf_api *api = &gf_python.api;
    gf_object *name = gf_attribute(original, "__module__");
    method->doc = doc;
    gf_object *ours = NULL;
    if (name && copy_doc(original, method->name, doc))
        ours = api->PyCFunction_NewEx(method, module, name);
    if (ours && api->PyObject_SetAttrString(module, method->name, ours) != 0) {
        api->Py_DecRef(ours);
        ours = NULL;
    }
    api->PyErr_Clear();
    gf_release(&name, 1);
    return ours;
}
