/* The end of what hangs on immortal objects.
 *
 * At the end of a process the interpreter collects what its modules leave behind. An immortal
 * object is no part of that, so what it refers to would count as held from outside: a file would
 * not be flushed, a finalizer not run. One object of ours, the deputy, tells the collector of these
 * references as if they were its own, in that one collection, and is garbage then. So the collector
 * itself finds out which objects nothing but immortal ones refer to, and finalizes them as it does
 * without us: clears weak references, calls their callbacks and tp_finalize.
 *
 * It goes no further: the deputy revives itself in its own tp_finalize and tells of nothing any
 * more, so those objects count as held again, and none is cleared that an immortal one refers to.
 */
#ifndef GF_CPYTHON_DEPUTY_H
#define GF_CPYTHON_DEPUTY_H

/* Makes the deputy, once. Without it (no memory) the ends do not come. Inside; exceptions are
 * cleared. */
void gf_deputy_install(void);

/* The interpreter is gone. */
void gf_deputy_reset(void);

#endif
