/* The register of arenas: the large blocks from which an interpreter serves small objects, and
 * which of them are private mappings of a sealed copy.
 *
 * Arenas come and go under the interpreter's lock, but interpreters with locks of their own share
 * this register: every change is one atomic store, and nothing waits. Phase: gf_arenas_open at load
 * or attach; add and remove at any time, the child included; the rest where the caller knows that
 * no other thread frees an arena.
 */
#ifndef GF_PAGES_ARENAS_H
#define GF_PAGES_ARENAS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sizes of arenas are multiples of this. */
enum { GF_ARENA_UNIT = 1 << 16 };

/* A slot of the register. `original` is a second, read-only mapping of the arena's part of the
 * copy; NULL as long as there is none. The rest tells about that copy: who took it, where in it
 * the arena lies, and how large it was when it was taken. */
struct gf_arena {
    atomic_uintptr_t key; /* internal: ask the two functions below */
    const char *original;
    int32_t taker;          /* pid */
    uint16_t before, whole; /* GF_ARENA_UNIT */
};

char *gf_arena_address(const struct gf_arena *arena);
size_t gf_arena_size(const struct gf_arena *arena);

/* Makes room for arenas: address space, of which pages are used as arenas come, and more of it when
 * that is full, for 262,144 of them. False: there is no memory, and no arena will be known.
 * Idempotent. */
bool gf_arenas_open(void);

/* An arena has come. Ignored without a register, when it is full, and for blocks that are not made
 * of whole 64 KiB or do not start at a page. */
void gf_arenas_add(void *address, size_t size);

/* It is about to be unmapped. Unmaps the second mapping of its copy. Unknown ones are fine. */
void gf_arenas_remove(void *address);

/* The arena that starts there, or NULL. */
struct gf_arena *gf_arenas_find(const void *address);

/* The next known arena at or behind *position, which starts at 0 and is moved on; NULL at the end.
 */
struct gf_arena *gf_arenas_next(size_t *position);

size_t gf_arenas_count(void);

/* The interpreter is gone, and its arenas are nobody's business any more. */
void gf_arenas_forget(void);

#endif
