/* Giving copied pages back that are equal to the arena's copy again.
 *
 * A page that the process wrote to is its own. If its bytes are those of the sealed copy again, it
 * can be dropped: the next access finds the copy. Two ways:
 *
 * alone    the calling thread is the process's only one and its signals are blocked, so that
 * nothing but the requests of an io_uring can write between the comparison and the drop. A run is
 * compared, moved away in one step, and compared again; what is written after the move goes into a
 * new copy of the same bytes, and what was written before it is put back. Where it cannot be moved,
 * it is dropped in place, if no io_uring is open.
 *
 * shared   there are other threads, but none of them executes Python (the caller holds the
 * interpreter), and all of them sleep. The same, but that a run is moved away only if nobody has
 * run since it was compared, and that the pass ends with RACED where something was put back.
 *
 * With pinned memory neither is done: who writes to it writes to the very page.
 *
 * Phase: a waiting process, never inside a transaction. No allocation, no lock, no cancellation
 * point.
 */
#ifndef GF_PAGES_GIVEBACK_H
#define GF_PAGES_GIVEBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gcfreeze.h"

/* A walk over all arenas. Starts as zeros. */
struct gf_pass {
    size_t position; /* of the register */
    struct gf_arena *arena;
    size_t offset;        /* in that arena */
    uint64_t given, kept; /* pages */
};

/* Goes on until the monotonic clock says `until_us`, and looks at least at one run, or at the first
 * part of it that is equal. Returns true when the pass is over; *ret is NONE, or why it ended
 * early: NO_PROC, NO_DESCRIPTOR, PINNED_MEMORY, LOCKED_MEMORY, OLD_KERNEL, NO_ROOM or RACED. False
 * with BUSY_THREADS: another thread runs; go on some other time. */
bool gf_giveback_alone(struct gf_pass *pass, int64_t until_us, enum gcfreeze_reason *ret);
bool gf_giveback_shared(struct gf_pass *pass, int64_t until_us, enum gcfreeze_reason *ret);

#endif
