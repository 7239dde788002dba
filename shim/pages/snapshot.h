/* Copies of arenas that nobody can write to any more, mapped privately over the arenas themselves.
 *
 * An arena is written into a memfd of its own, which is sealed, mapped with MAP_PRIVATE and moved
 * over the arena: what is written from then on is the writing process's own copy, as with any
 * memory after a fork. No writable memory is shared by two processes at any time. The memfd lives
 * as long as one process maps it; no descriptor stays open.
 *
 * Phase: the parent, right before a fork, while the calling thread is the only one and the
 * process has no io_uring: between copying an arena and replacing it nobody may write to it.
 */
#ifndef GF_PAGES_SNAPSHOT_H
#define GF_PAGES_SNAPSHOT_H

#include <stddef.h>

#include "gcfreeze.h"

/* What /proc/PID/maps shows. */
#define GF_SNAPSHOT_NAME "gcfreeze"

/* Takes a copy of every known arena that has none. Adds to *ret_bytes. Returns NONE; or why it
 * stopped: what is in place then stays, and is good. */
enum gcfreeze_reason gf_snapshot_take(size_t *ret_bytes);

#endif
