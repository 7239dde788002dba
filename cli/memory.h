/* Memory as the kernel accounts for it, in KiB. docs/architecture.md, "Reading memory figures",
 * says why a tree's memory is what it is here. */
#ifndef GF_CLI_MEMORY_H
#define GF_CLI_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* One process, from smaps_rollup; where it has shared memory, `own` needs smaps too. */
struct gf_memory_use {
    long rss, pss, pss_anonymous, pss_file, pss_shared_memory;
    long anonymous; /* no file's: what it allocated, what it copied, and what it still shares with
                       its parent since the fork */
    long private_clean, private_dirty; /* mapped by nobody else */
    long own;      /* private, but for pages of the library's copies that only it has mapped at the
                      moment: what its end would give back */
    long reshared; /* of the library's copies, what it has not written to: it would be its own
                      without them; -1: it has none */
};

/* False with errno: EACCES where another user's process is closed, ENOENT or ESRCH if it is gone.
 */
bool gf_memory_read(pid_t pid, struct gf_memory_use *ret);

/* What the control group of `pid` is charged with, in KiB, if all `count` processes of `pids` are
 * in it and nobody else is; -1 otherwise. */
long gf_memory_of_group(pid_t pid, const pid_t *pids, size_t count);

#endif
