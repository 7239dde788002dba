/* Makes objects immortal. */
#ifndef GF_CPYTHON_MARK_H
#define GF_CPYTHON_MARK_H

#include <stdbool.h>

#include "cpython/layout.h"

struct gf_marked {
    long objects;  /* that became immortal */
    long bytes;    /* of these, and of mortal ones that they keep: gf_kind_size */
    bool complete; /* false: memory ran out, and the rest stays as it was */
};

/* What is found from these roots (roots.h), an object of the caller's among them unless it is NULL.
 * Objects that are immortal already count as seen, with what is behind them. Inside. */
struct gf_marked gf_mark(void (*mark)(gf_object *), unsigned roots, gf_object *object);

#endif
