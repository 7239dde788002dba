/* Private memory in two parts: what a worker has copied of its parent's, and what is new since the
 * fork. docs/architecture.md, "Private memory in two parts", says where that errs. */
#ifndef GF_CLI_COPIED_H
#define GF_CLI_COPIED_H

#include <stdbool.h>
#include <sys/types.h>

#include "maps.h"

/* Of the memory that only `pid` has, the KiB at whose addresses its parent has memory, too: what it
 * has copied. `inherited`: the parent's copies of arenas.
 *
 * Looks at each page of what is private and writable, some 30 ns each. False with errno: EACCES
 * where another user's process is closed, ENOENT or ESRCH if one of them is gone or the kernel has
 * no pagemap, EFBIG where there are more addresses than can be looked at in a moment. */
bool gf_copied_read(pid_t pid, pid_t parent, const struct gf_snapshots *inherited, long *ret_kib);

#endif
