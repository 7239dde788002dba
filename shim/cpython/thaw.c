#include "cpython/thaw.h"

#include <stddef.h>

#include "cpython/call.h"
#include "cpython/interpreter.h"

static bool frozen; /* something of ours: an application's own gc.freeze() stays as it is */

void gf_thaw_reset(void) {
    frozen = false;
}

void gf_thaw_at_exit(void) {
    frozen = true;
}

bool gf_thaw_is_due(void) {
    return frozen;
}

/* Called by atexit, before the interpreter takes its modules apart. */
static gf_object *thaw_method(gf_object *self, gf_object *unused) {
    (void)self;
    (void)unused;
    if (frozen && gf_python.gc.unfreeze)
        gf_call(gf_python.gc.unfreeze);
    return gf_python.api.Py_BuildValue("");
}

static const struct gf_method thaw_definition = {
    "gcfreeze_thaw", thaw_method, GF_METHOD_NO_ARGUMENTS,
    "Called at exit: gives what was frozen back to the collector."};

void gf_thaw_register(gf_object *atexit) {
    const struct gf_api *api = &gf_python.api;
    gf_object *function = gf_attribute(atexit, "register");
    gf_object *hook = api->PyCFunction_NewEx(&thaw_definition, NULL, NULL);
    gf_object *arguments = hook ? api->Py_BuildValue("(O)", hook) : NULL;
    gf_object *done = NULL;
    /* a replacement in Python must not run in the fork window */
    if (function && arguments && api->PyCFunction_GetFunction(function))
        done = api->PyObject_CallObject(function, arguments);
    api->PyErr_Clear();
    gf_object *const used[] = {function, hook, arguments, done};
    gf_release(used, sizeof used / sizeof *used);
}
