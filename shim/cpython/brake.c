#include "cpython/brake.h"

#include <stdbool.h>
#include <stddef.h>

#include "cpython/call.h"
#include "cpython/collector.h"
#include "cpython/interpreter.h"
#include "cpython/replace.h"

static struct {
    long brake;  /* the threshold that puts the collector off; 0: none */
    long own;    /* the application's, while the brake stands */
    bool stands; /* instead of `own` */
} put_off;

void gf_brake_reset(void) {
    put_off.brake = 0;
    put_off.stands = false;
}

/* A threshold of 0 switches automatic collections off, and so it shall be then. */
static long standing(void) {
    return put_off.own == 0 ? 0 : put_off.brake;
}

/* One argument: the other generations' thresholds stay as they are. */
static int set_threshold(long threshold) {
    return gf_call_long(gf_python.gc.set_threshold, threshold);
}

static int stand(void) {
    if (gf_collector_threshold(&put_off.own) != 0 || set_threshold(standing()) != 0)
        return -1;
    put_off.stands = true;
    return 0;
}

int gf_brake_lift(void) {
    bool enabled = false;
    if (!put_off.stands)
        return 0;
    if (gf_collector_suspend(&enabled) != 0)
        return -1;
    int result = set_threshold(put_off.own);
    put_off.stands = result != 0;
    return gf_collector_resume(enabled) != 0 ? -1 : result;
}

int gf_brake_put_off(void) {
    bool enabled = false;
    if (put_off.brake == 0 || put_off.stands)
        return 0;
    if (gf_collector_suspend(&enabled) != 0)
        return -1;
    int result = stand();
    return gf_collector_resume(enabled) != 0 ? -1 : result;
}

/* ---- what the application calls ---- */

static gf_object *get_method(gf_object *self, gf_object *unused) {
    const struct gf_api *api = &gf_python.api;
    (void)self;
    (void)unused;
    gf_object *real = api->PyObject_CallObject(gf_python.gc.get_threshold, NULL);
    if (!real || !put_off.stands)
        return real;
    gf_object *second = api->PySequence_GetItem(real, 1);
    gf_object *third = second ? api->PySequence_GetItem(real, 2) : NULL;
    gf_object *own = third ? api->Py_BuildValue("(lOO)", put_off.own, second, third) : NULL;
    gf_object *const used[] = {real, second, third};
    gf_release(used, sizeof used / sizeof *used);
    return own;
}

/* Arguments that PyArg_ParseTuple refuses: the interpreter's own function says why. Up to 3.12 it
 * keeps those ahead of a bad one (Modules/gcmodule.c, gc_set_threshold). */
static gf_object *refuse(gf_object *arguments) {
    const struct gf_api *api = &gf_python.api;
    gf_object *pending[3];
    bool enabled = false;
    long now = 0;
    gf_collector_suspend(&enabled);
    gf_object *result = api->PyObject_CallObject(gf_python.gc.set_threshold, arguments);
    api->PyErr_Fetch(&pending[0], &pending[1], &pending[2]);
    if (gf_collector_threshold(&now) == 0 && (result || now != standing())) {
        put_off.own = now;
        set_threshold(standing());
    }
    gf_collector_resume(enabled);
    api->PyErr_Restore(pending[0], pending[1], pending[2]);
    return result;
}

static gf_object *set_method(gf_object *self, gf_object *arguments) {
    static const char *const formats[] = {"()", "(l)", "(ll)", "(lll)"};
    const struct gf_api *api = &gf_python.api;
    int first = 0, second = 0, third = 0;
    (void)self;
    if (!put_off.stands)
        return api->PyObject_CallObject(gf_python.gc.set_threshold, arguments);
    if (!api->PyArg_ParseTuple(arguments, "i|ii:set_threshold", &first, &second, &third)) {
        api->PyErr_Clear();
        return refuse(arguments);
    }
    long before = put_off.own;
    put_off.own = first;
    gf_object *instead = api->Py_BuildValue(formats[api->PySequence_Size(arguments)], standing(),
                                            (long)second, (long)third);
    gf_object *result =
        instead ? api->PyObject_CallObject(gf_python.gc.set_threshold, instead) : NULL;
    if (!result)
        put_off.own = before;
    if (instead)
        api->Py_DecRef(instead);
    return result;
}

/* ---- in place of the interpreter's ---- */

static int replace(gf_object *module, gf_object *original, struct gf_method *method, char *doc) {
    gf_object *ours = gf_replace(module, original, method, doc);
    gf_release(&ours, 1);
    return ours ? 0 : -1;
}

static int replace_both(gf_object *module) {
    static struct gf_method get = {"get_threshold", get_method, GF_METHOD_NO_ARGUMENTS, NULL};
    static struct gf_method set = {"set_threshold", set_method, GF_METHOD_TUPLE, NULL};
    static char docs[2][GF_DOC_SIZE];
    if (replace(module, gf_python.gc.get_threshold, &get, docs[0]) != 0)
        return -1;
    if (replace(module, gf_python.gc.set_threshold, &set, docs[1]) == 0)
        return 0;
    /* without a brake, ours does what the interpreter's own does; that shall be it nevertheless */
    gf_python.api.PyObject_SetAttrString(module, get.name, gf_python.gc.get_threshold);
    gf_python.api.PyErr_Clear();
    return -1;
}

void gf_brake_set(long objects) {
    gf_object *module = gf_loaded_module("gc");
    bool replaced = module && replace_both(module) == 0;
    if (module)
        gf_python.api.Py_DecRef(module);
    if (!replaced || gf_collector_settle() != 0)
        return;
    put_off.brake = objects;
    stand();
}
