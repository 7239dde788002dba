/* What is frozen is never collected, not even when the interpreter ends: a file in a module with a
 * function would not be flushed, a finalizer would not run (measured, 3.8 - 3.13; gc.freeze by hand
 * does the same). So whoever we froze for gets its objects back into the collector's care at its
 * end.
 */
#ifndef GF_CPYTHON_THAW_H
#define GF_CPYTHON_THAW_H

#include "core/runtime.h"

/* Registers a gc.unfreeze() with atexit, once; children inherit it. Nothing comes of it in the fork
 * window as long as nobody has imported atexit, for importing is not allowed there: then the next
 * freeze tries again. After a freeze, inside. Exceptions are cleared. */
void gf_thaw_at_exit(enum gf_moment moment);

/* A new interpreter starts. */
void gf_thaw_reset(void);

#endif
