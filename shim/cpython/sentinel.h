/* A call of ours after the interpreter's next collection.
 *
 * A cycle of garbage with a capsule in it is left to the collector. The capsule's end asks for a
 * pending call, which the interpreter makes between two instructions of its main thread: there the
 * collection is over, and everything is allowed that Python code may do.
 */
#ifndef GF_CPYTHON_SENTINEL_H
#define GF_CPYTHON_SENTINEL_H

#include <stdbool.h>

/* Inside; allocates. `function` is called after the next collection of the young generation, and as
 * long as it answers true after the following ones. A forked child inherits the call. -1 on error,
 * also where the interpreter does not export what is needed. */
int gf_sentinel_set(bool (*function)(void));

/* The interpreter ends: nothing is called any more. A plain store. */
void gf_sentinel_reset(void);

#endif
