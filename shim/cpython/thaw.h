/* What is frozen is never collected, not even when the interpreter ends: a file in a module with a
 * function would not be flushed, a finalizer would not run (measured, 3.8 - 3.13; gc.freeze by hand
 * does the same). So whoever we froze for gets its objects back into the collector's care at its
 * end.
 */
#ifndef GF_CPYTHON_THAW_H
#define GF_CPYTHON_THAW_H

#include <stdbool.h>

#include "cpython/api.h"

/* Registers a function with the atexit module, when attaching: children inherit it. It does nothing
 * as long as gf_thaw_at_exit has not been called, and a gc.unfreeze() after that. Inside;
 * exceptions are cleared. */
void gf_thaw_register(gf_object *atexit);

/* After a freeze. A plain store. */
void gf_thaw_at_exit(void);

/* Has that been called, in this process or in one that it was forked from? */
bool gf_thaw_is_due(void);

/* A new interpreter starts. */
void gf_thaw_reset(void);

#endif
