/* One stretch of memory becomes a private mapping of a sealed copy of itself.
 *
 * It is written into a memfd, which is sealed, mapped with MAP_PRIVATE and moved over the stretch:
 * what is written from then on is the writing process's own copy, as with any memory after a fork.
 * No writable memory is shared by two processes at any time. The memfd lives as long as one process
 * maps a page of it; no descriptor stays open.
 *
 * Phase: as snapshot.h, with all signals blocked.
 */
#ifndef GF_PAGES_COPY_H
#define GF_PAGES_COPY_H

#include <stddef.h>

#include "gcfreeze.h"

/* What /proc/PID/maps shows. */
#define GF_COPY_NAME "gcfreeze"

/* A huge page, where a page has 4 KiB. The kernel is asked for such pages to hold what a copy has
 * of them as a whole. */
enum { GF_COPY_HUGE = 2 << 20 };

/* *ret gets a second, read-only mapping of the copy. Memory grows by `size` meanwhile. Returns
 * NONE; or NO_DESCRIPTOR, NO_MEMFD or NO_ROOM, and the stretch reads as before. */
enum gcfreeze_reason gf_copy_take(char *address, size_t size, const char **ret);

#endif
