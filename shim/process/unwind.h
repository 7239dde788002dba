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

/* False as well where the dynamic linker may not be asked (process/loader.h): a walk takes its lock
 * at each step, and locks of libunwind's, which a thread of the parent may have had. */
bool gf_unwind_ready(void);

/* Calls visit with the start of each frame's procedure, the innermost first, until it returns true,
 * the stack ends, 256 frames were seen, or a frame has no unwind tables: nothing is guessed.
 * Returns whether the outermost frame was reached. Allocates nothing.
 * Phase: before hook, fork window; never the child. One thread at a time. */
bool gf_unwind_walk(bool (*visit)(uintptr_t procedure, bool signal_frame, void *context),
                    void *context);

#endif
