/* GCFREEZE_WARMUP: whether a fork is the one before which the application is warmed up, and what is
 * told of it. Once in a process and its children.
 */
#ifndef GF_CORE_WARMUP_H
#define GF_CORE_WARMUP_H

#include <stdbool.h>

/* Is there anything to be done before a fork to come? Any phase. */
bool gf_warmup_is_due(void);

/* Does the application run, here or in a trial? What it forks is no worker. Any phase. */
bool gf_warmup_is_running(void);

/* The program is known now: says if it will have nothing to warm up. `early`: while the interpreter
 * initializes. Phase: attach. */
void gf_warmup_attached(bool early);

/* Python forks a worker: says if that could not be seen beforehand. Before hook, fork window. */
void gf_warmup_missed(void);

/* gf_attach_options.before_os_fork */
void gf_warmup_before_os_fork(void);

/* A C host forks a worker. Inside, in the fork window, before a freeze. */
void gf_warmup_before_host_fork(void);

#endif
