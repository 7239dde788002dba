#include "cpython/deputy.h"

#include <stdbool.h>
#include <stddef.h>

#include "cpython/generation.h"
#include "cpython/interpreter.h"

static struct {
    gf_object *object;                 /* owned */
    gf_object *modules;                /* sys.modules; owned */
    const gf_object *system, *builtin; /* names of the modules sys and builtins; to compare with */
    bool done;
} deputy;

/* Python/pylifecycle.c: Py_FinalizeEx clears "initialized" when no other thread can run Python any
 * more; then finalize_modules empties sys.modules and collects. */
static bool is_time(void) {
    return !deputy.done && !gf_python.api.Py_IsInitialized() &&
           gf_python.api.PyDict_Size(deputy.modules) == 0;
}

/* Called by the collector. Our own reference to the deputy is told of as well: that makes it
 * garbage. What the interpreter itself still holds by sys and builtins stays in use: sys.stdout. */
static int traverse(gf_object *self, gf_visit *visit, void *context) {
    if (!is_time())
        return 0;
    int result = visit(self, context);
    return result ? result : gf_generation_traverse(visit, context, deputy.system, deputy.builtin);
}

static void finalize(gf_object *self) {
    (void)self;
    deputy.done = true;
}

static gf_object *new_deputy(void) {
    const struct gf_api *api = &gf_python.api;
    int (*const traverse_slot)(gf_object *, gf_visit *, void *) = traverse;
    void (*const finalize_slot)(gf_object *) = finalize;
    struct gf_type_slot slots[] = {{GF_SLOT_TRAVERSE, NULL}, {GF_SLOT_FINALIZE, NULL}, {0, NULL}};
    *(void **)&slots[0].function = *(void *const *)&traverse_slot;
    *(void **)&slots[1].function = *(void *const *)&finalize_slot;
    struct gf_type_spec spec = {.name = "gcfreeze.deputy", .flags = GF_TYPE_GC, .slots = slots};
    gf_object *type = api->PyType_FromSpec(&spec);
    gf_object *object = type ? api->PyObject_CallObject(type, NULL) : NULL;
    if (type)
        api->Py_DecRef(type);
    api->PyErr_Clear();
    return object;
}

static gf_object *names_of(const char *name) {
    return gf_module_names(gf_python.api.PyDict_GetItemString(deputy.modules, name));
}

void gf_deputy_install(void) {
    if (deputy.object)
        return;
    deputy.modules = gf_python.api.PyImport_GetModuleDict();
    deputy.system = names_of("sys");
    deputy.builtin = names_of("builtins");
    if (deputy.system && deputy.builtin)
        deputy.object = new_deputy();
    if (deputy.object)
        gf_python.api.Py_IncRef(deputy.modules);
}

void gf_deputy_reset(void) {
    deputy.object = NULL;
    deputy.done = false;
}
