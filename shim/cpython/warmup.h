/* The interpreter's side of GCFREEZE_WARMUP: when Python calls os.fork, and running the Python code
 * in warmup/.
 *
 * os.fork is replaced because of its locks: in a hook of os.register_at_fork the hooks of others
 * have run already, and logging's holds the lock of its module. A page that logs from a thread of
 * its own would wait for that for ever (measured, 3.8 to 3.13). So Python code of the application
 * runs before os.fork begins.
 */
#ifndef GF_CPYTHON_WARMUP_H
#define GF_CPYTHON_WARMUP_H

#include "core/runtime.h"

/* Puts a function of ours in place of os.fork, which calls `before` and then os.fork. Where that
 * cannot be done, nothing is. Phase: attach, once os.fork's own procedure is known. */
void gf_warmup_replace(void (*before)(void));

/* os.fork is the interpreter's again. Whoever has copied ours gets the same. Inside. */
void gf_warmup_put_back(void);

/* Does anybody hold the import lock? So does os.fork, and a host that calls PyOS_BeforeFork.
 * Inside.
 */
bool gf_warmup_import_locked(void);

/* gf_runtime.warm_up */
bool gf_warmup_run(const struct gf_warmup *warmup, struct gf_warmed *ret);

/* Forgets the interpreter, which is gone. */
void gf_warmup_reset(void);

#endif
