#include "cpython/sentinel.h"

#include <stddef.h>

#include "cpython/interpreter.h"

static bool (*wanted)(void);

static int call_wanted(void *unused) {
    bool (*function)(void) = wanted;
    (void)unused;
    wanted = NULL;
    if (function && function())
        gf_sentinel_set(function);
    return 0;
}

/* In the middle of a collection. A full queue of pending calls means no call. */
static void collected(gf_object *capsule) {
    (void)capsule;
    if (wanted)
        gf_python.api.Py_AddPendingCall(call_wanted, NULL);
}

int gf_sentinel_set(bool (*function)(void)) {
    const struct gf_api *api = &gf_python.api;
    if (!api->PyCapsule_New || !api->PyList_Append || !api->Py_AddPendingCall)
        return -1;
    gf_object *capsule = api->PyCapsule_New(&wanted, NULL, collected);
    gf_object *list = capsule ? api->Py_BuildValue("[O]", capsule) : NULL;
    int result = list ? api->PyList_Append(list, list) : -1;
    if (result == 0)
        wanted = function;
    else
        api->PyErr_Clear();
    if (list)
        api->Py_DecRef(list);
    if (capsule)
        api->Py_DecRef(capsule);
    return result;
}

void gf_sentinel_reset(void) {
    wanted = NULL;
}
