/* The table of CPython's functions, taken from the very object that holds the interpreter.
 *
 * CPython's headers are not included: one build serves all versions, so only what the stable ABI
 * fixes may be known here. Phase: see each function's users.
 */
#ifndef GF_CPYTHON_API_H
#define GF_CPYTHON_API_H

#include <stdbool.h>
#include <stddef.h>

typedef struct gf_object gf_object;           /* PyObject */
typedef struct gf_thread gf_thread;           /* PyThreadState */
typedef struct gf_interpreter gf_interpreter; /* PyInterpreterState */

/* PyMethodDef, as the stable ABI fixes it (Include/methodobject.h). */
struct gf_method {
    const char *name;
    gf_object *(*function)(gf_object *, gf_object *);
    int flags;
    const char *doc;
};
enum { GF_METHOD_TUPLE = 1, GF_METHOD_NO_ARGUMENTS = 4 }; /* METH_VARARGS, METH_NOARGS */

/* PyType_Slot and PyType_Spec, as the stable ABI fixes them (Include/object.h). */
struct gf_type_slot {
    int number;
    void *function;
};
/* Include/typeslots.h: fixed as well. */
enum gf_slot {
    GF_SLOT_BASE = 48,
    GF_SLOT_BASES = 49,
    GF_SLOT_DEALLOC = 52,
    GF_SLOT_DEL = 53,
    GF_SLOT_TRAVERSE = 71,
    GF_SLOT_FINALIZE = 80
};
struct gf_type_spec {
    const char *name;
    int basic_size, item_size;
    unsigned int flags;
    struct gf_type_slot *slots;
};

/* PyInterpreterConfig (Include/cpython/pylifecycle.h, 3.12 - 3.15), with room for later members. */
struct gf_interpreter_config {
    int others[6];
    int gil;
    int room[9];
};

/* PyObjectArenaAllocator, public since 3.4 (Include/cpython/objimpl.h). */
struct gf_arena_allocator {
    void *context;
    void *(*allocate)(void *context, size_t size);
    void (*release)(void *context, void *arena, size_t size);
};

/* PyMemAllocatorEx and PyMemAllocatorDomain, public since 3.5 (Include/cpython/pymem.h). */
struct gf_allocator {
    void *context;
    void *(*allocate)(void *context, size_t size);
    void *(*allocate_zeroed)(void *context, size_t count, size_t size);
    void *(*reallocate)(void *context, void *block, size_t size);
    void (*release)(void *context, void *block);
};
enum { GF_DOMAIN_RAW = 0, GF_DOMAIN_OBJECTS = 2 };

struct gf_api {
#define API(need, returns, name, arguments) returns(*name) arguments;
#define API_TYPE(name)                      gf_object *name;
#include "cpython/api.def"
#include "cpython/immortal.def"
#undef API
#undef API_TYPE
};

/* Looks for an object that is an interpreter and fills *ret from that object alone. Returns false
 * if there is none; that is remembered until another object is loaded. `*ret_missing` gets the name
 * of a required symbol that the object lacks, or NULL: then the table may not be used, but for
 * Py_GetVersion. Takes the dynamic linker's lock. */
bool gf_api_find(struct gf_api *ret, const char **ret_missing);

#endif
