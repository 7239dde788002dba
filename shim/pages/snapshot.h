/* Copies of arenas that nobody can write to any more, mapped privately over the arenas themselves
 * (copy.h). Arenas side by side share a copy.
 *
 * Phase: the parent, right before a fork, while the calling thread is the only one and the
 * process has no io_uring: between copying an arena and replacing it nobody may write to it.
 */
#ifndef GF_PAGES_SNAPSHOT_H
#define GF_PAGES_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>

#include "gcfreeze.h"

/* Takes a copy of every known arena that has none; then, of what this process has changed since it
 * took them, copies that nobody else has mapped are replaced. Adds to *ret_bytes. Returns NONE; or
 * why it stopped: what is in place then stays, and is good. */
enum gcfreeze_reason gf_snapshot_take(size_t *ret_bytes);

/* May gf_snapshot_take find copies to replace? At most one look in fifty times what the last one
 * took: 2 % of the time. Phase: any, in the parent. */
bool gf_snapshot_may_be_replaced(void);

#endif
