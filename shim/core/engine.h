/* The roads that lead to a fork, each prepared once; and what this process has to tell about them.
 *
 * Nothing here waits for another thread: while one is in a transaction, the forks of others pass
 * through. In the child nothing of Python is called. errno is what the real function left.
 */
#ifndef GF_CORE_ENGINE_H
#define GF_CORE_ENGINE_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/session.h"

/* Phase: load, once, before any other function of the engine. */
void gf_engine_start(const struct gf_runtime *runtime, const struct gf_host *host);

/* A sigaction that set SIGPIPE to be ignored: the first one is the interpreter initializing. */
void gf_engine_startup(void);

/* Prepares, calls `real(arguments)`, which must be the real fork or forkpty, and cleans up. Returns
 * what it returned. */
pid_t gf_engine_fork(pid_t (*real)(void *), void *arguments);

/* posix_spawn passes through and is counted. */
void gf_engine_spawn(void);

/* Whose memory is this? False in a child that only borrows it (vfork). A copy of this process whose
 * fork passed us by starts to count anew. Any phase. */
bool gf_engine_is_ours(void);

#endif
