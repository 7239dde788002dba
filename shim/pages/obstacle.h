/* Reasons not to touch pages, from what the kernel tells about the process. Phase: any. */
#ifndef GF_PAGES_OBSTACLE_H
#define GF_PAGES_OBSTACLE_H

#include <errno.h>

#include "base/file.h"
#include "gcfreeze.h"
#include "process/writers.h"

/* Why something of /proc could not be read, by errno: NO_DESCRIPTOR or NO_PROC. */
static inline enum gcfreeze_reason gf_obstacle_proc(void) {
    return gf_file_none_left(errno) ? GCFREEZE_REASON_NO_DESCRIPTOR : GCFREEZE_REASON_NO_PROC;
}

/* Who writes to a pinned page writes to that page, whatever the process has in its place by then.
 * NONE, PINNED_MEMORY, or as above. */
static inline enum gcfreeze_reason gf_obstacle_pinned(void) {
    int pinned = gf_writers_pinned();
    if (pinned < 0)
        return gf_obstacle_proc();
    return pinned ? GCFREEZE_REASON_PINNED_MEMORY : GCFREEZE_REASON_NONE;
}

#endif
