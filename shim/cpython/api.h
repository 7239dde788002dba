/* The table of CPython's functions, taken from the very object that holds the interpreter.
 *
 * CPython's headers are not included: one build serves all versions, so only what the stable ABI
 * fixes may be known here. Phase: see each function's users.
 */
#ifndef GF_CPYTHON_API_H
#define GF_CPYTHON_API_H

#include <stdbool.h>

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
enum { GF_METHOD_NO_ARGUMENTS = 4 }; /* METH_NOARGS */

struct gf_api {
#define API(need, returns, name, arguments) returns(*name) arguments;
#include "cpython/api.def"
#undef API
};

/* Looks for an object that is an interpreter and fills *ret from that object alone. Returns false
 * if there is none; that is remembered until another object is loaded. `*ret_missing` gets the name
 * of a required symbol that the object lacks, or NULL: then the table may not be used, but for
 * Py_GetVersion. Takes the dynamic linker's lock. */
bool gf_api_find(struct gf_api *ret, const char **ret_missing);

#endif
