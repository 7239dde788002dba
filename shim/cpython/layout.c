#include "cpython/layout.h"

#include <stddef.h>
#include <string.h>

#include "cpython/call.h"
#include "cpython/interpreter.h"

static bool attribute_is(gf_object *object, const char *name, int64_t expected) {
    long number = 0;
    return gf_attribute_long(object, name, &number) == 0 && number == expected;
}

static bool type_agrees(gf_object *object) {
    const struct gf_api *api = &gf_python.api;
    const struct gf_type *type = (const struct gf_type *)object;
    gf_object *name = gf_attribute(object, "__name__");
    const char *text = name ? api->PyUnicode_AsUTF8(name) : NULL;
    bool agrees = text && strcmp(text, type->name) == 0 && object->type == api->PyType_Type &&
                  attribute_is(object, "__basicsize__", type->basic_size) &&
                  attribute_is(object, "__itemsize__", type->item_size) &&
                  attribute_is(object, "__flags__", (int64_t)type->flags) &&
                  attribute_is(object, "__weakrefoffset__", type->weakref_offset) &&
                  api->PyType_GetSlot(object, GF_SLOT_TRAVERSE) == *(void *const *)&type->traverse;
    if (name)
        api->Py_DecRef(name);
    api->PyErr_Clear();
    return agrees;
}

/* set and type have weak references, so a wrong offset shows there; the others have none. */
bool gf_layout_verified(void) {
    const struct gf_api *api = &gf_python.api;
    gf_object *const types[] = {api->PyType_Type, api->PySet_Type, api->PyDict_Type,
                                api->PyList_Type, api->PyTuple_Type};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!types[i] || !type_agrees(types[i]))
            return false;
    }
    return ((const struct gf_type *)api->PySet_Type)->weakref_offset > 0;
}

const struct gf_type *gf_type_base(const struct gf_type *type) {
    return gf_python.api.PyType_GetSlot((gf_object *)(uintptr_t)type, GF_SLOT_BASE);
}

bool gf_type_derives(const struct gf_type *type, const char *name, size_t length) {
    while (type && (strncmp(type->name, name, length) != 0 || type->name[length]))
        type = gf_type_base(type);
    return type != NULL;
}

gf_object *gf_module_names(gf_object *module) {
    const struct gf_api *api = &gf_python.api;
    return module && api->PyType_IsSubtype(module->type, api->PyModule_Type)
               ? api->PyModule_GetDict(module)
               : NULL;
}
