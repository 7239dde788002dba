#include "cpython/thaw.h"

#include <stddef.h>

#include "cpython/call.h"
#include "cpython/interpreter.h"

static bool registered;

void gf_thaw_reset(void) {
    registered = false;
}

/* Called by atexit, before the interpreter takes its modules apart. */
static gf_object *thaw_method(gf_object *self, gf_object *unused) {
    (void)self;
    (void)unused;
    if (gf_python.gc.unfreeze)
        gf_call(gf_python.gc.unfreeze);
    return gf_python.api.Py_BuildValue("");
}

static const struct gf_method thaw_definition = {
    "gcfreeze_thaw", thaw_method, GF_METHOD_NO_ARGUMENTS,
    "Called at exit: gives what was frozen back to the collector."};

/* Its C function alone may be called in the fork window. */
static gf_object *find_register(enum gf_moment moment) {
    const struct gf_api *api = &gf_python.api;
    gf_object *module = moment == GF_MOMENT_HOOK ? api->PyImport_ImportModule("atexit")
                                                 : gf_loaded_module("atexit");
    gf_object *function = module ? gf_attribute(module, "register") : NULL;
    if (module)
        api->Py_DecRef(module);
    if (function && !api->PyCFunction_GetFunction(function)) {
        api->Py_DecRef(function);
        function = NULL;
    }
    api->PyErr_Clear();
    return function;
}

void gf_thaw_at_exit(enum gf_moment moment) {
    const struct gf_api *api = &gf_python.api;
    if (registered)
        return;
    gf_object *function = find_register(moment);
    if (!function)
        return;
    gf_object *hook = api->PyCFunction_NewEx(&thaw_definition, NULL, NULL);
    gf_object *arguments = hook ? api->Py_BuildValue("(O)", hook) : NULL;
    gf_object *done = arguments ? api->PyObject_CallObject(function, arguments) : NULL;
    registered = done != NULL;
    api->PyErr_Clear();
    gf_object *const used[] = {function, hook, arguments, done};
    for (size_t i = 0; i < sizeof used / sizeof *used; i++) {
        if (used[i])
            api->Py_DecRef(used[i]);
    }
}
