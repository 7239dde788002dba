/* One fork as a transaction, and the moments that lead to it.
 *
 * prepare gathers facts, asks the policy, acts, and leaves the collector as the child should find
 * it; parent puts the parent's state back, also after a fork that failed; child resets our counters
 * and calls nothing of Python. Nothing here waits for another thread: while one is in a
 * transaction, the forks of others pass through. errno is what the real function left.
 */
#ifndef GF_CORE_ENGINE_H
#define GF_CORE_ENGINE_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/runtime.h"

struct gf_host {
    const char *library; /* our own file name, for GCFREEZE_EXEC=strip */
    int argc;
    char **argv;
    char *const *environment;
    bool secure; /* a setuid program */
};

/* Phase: load, once, before any other function of the engine. */
void gf_engine_start(const struct gf_runtime *runtime, const struct gf_host *host);

/* A sigaction that set SIGPIPE to be ignored: the first one is the interpreter initializing. */
void gf_engine_startup(void);

/* Prepares, calls `real(arguments)`, which must be the real fork or forkpty, and cleans up. Returns
 * what it returned. */
pid_t gf_engine_fork(pid_t (*real)(void *), void *arguments);

/* posix_spawn passes through and is counted. */
void gf_engine_spawn(void);

/* Fills *ret, the struct of gcfreeze.h as this library was built with. */
void gf_engine_status(struct gcfreeze_status *ret);

#endif
