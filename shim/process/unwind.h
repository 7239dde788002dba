/* The stack of the calling thread, by libunwind and nothing but what we hand to it.
 *
 * libunwind's local unwinding is made for profilers: it tests addresses with a pipe of its own,
 * reopens that pipe when the host has closed it, and shares a cache and its lock with whoever else
 * uses it in this process. So its other flavour is used, the one for other processes
 * (libunwind-<machine>.so.8), with an address space of our own: memory, registers and unwind tables
 * come from unwind.c.
 */
#ifndef GF_PROCESS_UNWIND_H
#define GF_PROCESS_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

/* Opens libunwind and lets it initialize. May load objects and allocate. Phase: attach or before
 * hook; never the fork window. Returns whether gf_unwind_walk will work; asking again costs
 * nothing. */
bool gf_unwind_open(void);

bool gf_unwind_ready(void);

/* Calls visit with the start of each frame's procedure, the innermost first, until it returns true,
 * the stack ends, 256 frames were seen, or a frame has no unwind tables: nothing is guessed.
 * Returns whether the outermost frame was reached. Takes the dynamic linker's lock for a moment at
 * each step (dl_iterate_phdr) and locks of libunwind's that nobody else takes; allocates nothing.
 * Phase: before hook, fork window; never the child. One thread at a time. */
bool gf_unwind_walk(bool (*visit)(uintptr_t procedure, bool signal_frame, void *context),
                    void *context);

/* In the child of a fork that happened while another thread was walking: its locks are taken for
 * ever, and no walk will be done any more. A plain store. */
void gf_unwind_abandon(void);

#endif
