/* A generation of our own, for immortal objects.
 *
 * CPython's collector keeps what it tracks in doubly linked lists, one for each generation. An
 * immortal object needs no collector, but in one of those lists it costs: gc.unfreeze() gives it to
 * the oldest generation, and a collection there writes to it (3.12 and 3.13 move it back to the
 * permanent generation, 3.14 and later untrack it; update_refs in Modules/gcmodule.c and
 * Python/gc.c). So it is moved to a list that no collection knows. It stays tracked:
 * gc.is_tracked() answers as before, and a dict is not tracked again when it is written to.
 *
 * Source: PyGC_Head and _PyObject_GC_TRACK in Include/internal/pycore_gc.h and
 * pycore_object.h, 3.12 to 3.15, builds with the GIL. Nothing is moved before
 * gf_generation_verified has tried it.
 */
#ifndef GF_CPYTHON_GENERATION_H
#define GF_CPYTHON_GENERATION_H

#include <stdbool.h>

#include "cpython/layout.h"

/* Moves a fresh object there and back, and looks at each step. Inside. */
bool gf_generation_verified(void);

/* Moves a tracked object here. Inside. */
void gf_generation_take(gf_object *object);

/* Calls tp_traverse of each object here but those two (NULLs are allowed). Returns what a visitor
 * returned that was not 0, or 0. For the collector: allocates nothing. */
int gf_generation_traverse(gf_visit *visit, void *context, const gf_object *but,
                           const gf_object *nor);

/* The interpreter is gone, and what was here with it. */
void gf_generation_reset(void);

#endif
