/* Workers that are not forked by who hands them their data: each unpickles its own copy. */
#ifndef GF_CORE_PICKLED_H
#define GF_CORE_PICKLED_H

/* Says so in a worker, once for all workers of a large parent. Phase: attach. */
void gf_pickled_in_worker(void);

/* The same in a process that forks workers for its parent. Phase: before hook, fork window. */
void gf_pickled_before_fork(void);

#endif
