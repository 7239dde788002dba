/* Filling the holes of CPython's allocator for small objects, before a fork.
 *
 * What the parent freed lies as free blocks in pools that are in use otherwise, and the next
 * objects of a class of sizes go there. In a worker these pages are shared, so each of them is
 * copied for a few bytes. While children share them it is no cheaper for the parent: to reuse a
 * hole copies a page, too. So the blocks are taken, and never given back.
 */
#ifndef GF_CPYTHON_HOLES_H
#define GF_CPYTHON_HOLES_H

/* What all fills together hold, in this process and in those that it was forked from: at most one
 * part in so many of the process's own memory. A collection in an application that had answered its
 * first requests left 3 % (measured: 2.9 of 96 MB). */
enum { GF_HOLES_SHARE = 25 };

/* Takes free blocks of pools that are in use, about the same amount of each class of sizes, as far
 * as the share goes. Does nothing where the allocator is not the one that is known: another one,
 * one that is watched (tracemalloc, debug hooks), a free-threaded build, a newer version.
 *
 * Inside, with the GIL: before hook and fork window. Runs no Python code and starts no collection.
 * sys.getallocatedblocks() grows by what is taken. Cost: 0.1 us a block, so that without holes it
 * is nothing (measured, 3.8 to 3.13). Leaves a pending exception as it is. */
void gf_holes_fill(void);

#endif
