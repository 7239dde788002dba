/* Where a walk begins. Inside only, after gf_layout_verified. */
#ifndef GF_CPYTHON_ROOTS_H
#define GF_CPYTHON_ROOTS_H

#include <stdbool.h>

#include "cpython/walk.h"

enum {
    /* sys.modules. Modules are looked into each time, and the ends of the lists and dicts that they
     * hold directly, even if they are immortal already. */
    GF_ROOTS_MODULES = 1,
    /* What the child of this fork is handed: handed.def. The tuples and dicts that it is handed in
     * are not among it: a child's own queues hang on them. */
    GF_ROOTS_HANDED = 2,
    /* The variables of the Python functions that led here. What alone a thread that does not fork
     * holds is not found, nor what is on a function's stack of values. */
    GF_ROOTS_VARIABLES = 4,
};

/* Walks from these roots, a sum of the above, and from `object` unless it is NULL, with a walk that
 * is zero but for its visitor. False: memory ran out, or the visitor wanted it to end. */
bool gf_roots_walk(struct gf_walk *walk, unsigned roots, gf_object *object);

#endif
