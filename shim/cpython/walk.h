/* The walk over what the loaded modules hold, which makes it immortal.
 *
 * An explicit stack, no recursion; no bytecode, no import, no release of the GIL. Inside only.
 */
#ifndef GF_CPYTHON_WALK_H
#define GF_CPYTHON_WALK_H

#include <stdbool.h>

#include "cpython/layout.h"

struct gf_walk_result {
    long marked;   /* objects that became immortal */
    bool complete; /* false: memory ran out, and the rest stays as it was */
};

/* Walks from sys.modules. Objects that are immortal already count as seen, with what is behind
 * them; only modules are looked into each time, and the containers they hold directly. */
struct gf_walk_result gf_walk_modules(void (*mark)(gf_object *));

#endif
